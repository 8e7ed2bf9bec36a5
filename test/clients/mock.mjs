// SPDX-License-Identifier: MIT
// The second upstream: aimock on a free port, which it prints. Ends with its standard input.
import { LLMock } from "@copilotkit/aimock";

const mock = new LLMock({ port: 0, chunkSize: 7, logLevel: "silent" });
const usage = (request) =>
  request.model.startsWith("claude")
    ? { input_tokens: 21, output_tokens: 9 }
    : { prompt_tokens: 21, completion_tokens: 9, total_tokens: 30 };
const called = (request) => request.messages.some((message) => message.role === "tool");

mock.on({ predicate: (request) => request.tools?.length > 0 && !called(request) }, (request) => ({
  toolCalls: [{ name: "weather", arguments: '{"city":"Paris"}' }],
  usage: usage(request),
}));
mock.on({ predicate: () => true }, (request) => ({
  content: "Bonjour, « le monde » 🌍",
  usage: usage(request),
}));
await mock.start();
console.log(mock.url);
process.stdin.resume().on("end", () => mock.stop());
