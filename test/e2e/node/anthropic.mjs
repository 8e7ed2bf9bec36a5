// SPDX-License-Identifier: MIT
// The official Anthropic SDK for TypeScript, as programs use it.
import Anthropic from "@anthropic-ai/sdk";
import { countingFetch, run } from "./run.mjs";

const client = new Anthropic({
  baseURL: process.env.BASE_URL,
  apiKey: "sk-ant-mine",
  fetch: countingFetch,
  maxRetries: 2,
});
const say = {
  model: "claude-haiku-4-5",
  max_tokens: 100,
  messages: [{ role: "user", content: "Hello" }],
};
const tools = [
  {
    name: "weather",
    input_schema: { type: "object", properties: { city: { type: "string" } } },
  },
];

await run({
  async message() {
    const { data, response } = await client.messages.create(say).withResponse();
    return {
      text: data.content[0].text,
      usage: data.usage,
      headers: Object.fromEntries(response.headers),
    };
  },
  async stream() {
    const stream = client.messages.stream(say);
    let text = "";
    stream.on("text", (part) => (text += part));
    const final = await stream.finalMessage();
    return { text, usage: final.usage, stopReason: final.stop_reason };
  },
  async rawStream() {
    const types = [];
    for await (const event of await client.messages.create({ ...say, stream: true }))
      types.push(event.type);
    return { types };
  },
  async tools() {
    const answer = await client.messages.stream({ ...say, tools }).finalMessage();
    return { name: answer.content[0].name, args: answer.content[0].input };
  },
  async countTokens() {
    const { max_tokens: _, ...asked } = say;
    return await client.messages.countTokens(asked);
  },
  async models() {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    return { ids };
  },
});
