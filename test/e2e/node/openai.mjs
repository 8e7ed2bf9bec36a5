// SPDX-License-Identifier: MIT
// The official OpenAI SDK for TypeScript, as programs use it. OPENAI_PACKAGE picks the version.
import { countingFetch, run } from "./run.mjs";

const { default: OpenAI } = await import(process.env.OPENAI_PACKAGE ?? "openai");

const client = new OpenAI({
  baseURL: process.env.BASE_URL,
  apiKey: "sk-mine",
  fetch: countingFetch,
  maxRetries: 2,
});
const ask = { model: "gpt-4o", messages: [{ role: "user", content: "Hello" }] };
const tools = [
  {
    type: "function",
    function: {
      name: "weather",
      parameters: { type: "object", properties: { city: { type: "string" } } },
    },
  },
];

async function collect(stream, take) {
  let all = "";
  for await (const event of stream) all += take(event) ?? "";
  return all;
}

await run({
  async chat() {
    const { data, response } = await client.chat.completions.create(ask).withResponse();
    return {
      text: data.choices[0].message.content,
      usage: data.usage,
      headers: Object.fromEntries(response.headers),
    };
  },
  async stream() {
    const stream = await client.chat.completions.create({ ...ask, stream: true });
    // The usual loop: it throws on a chunk without choices.
    return { text: await collect(stream, (chunk) => chunk.choices[0].delta.content) };
  },
  async streamWithUsage() {
    const stream = await client.chat.completions.create({
      ...ask,
      stream: true,
      stream_options: { include_usage: true },
    });
    let usage;
    const text = await collect(stream, (chunk) => {
      usage = chunk.usage ?? usage;
      return chunk.choices[0]?.delta.content;
    });
    return { text, usage };
  },
  async streamHelper() {
    const stream = client.chat.completions.stream(ask);
    return { text: (await stream.finalChatCompletion()).choices[0].message.content };
  },
  async tools() {
    const answer = await client.chat.completions.create({ ...ask, tools });
    const call = answer.choices[0].message.tool_calls[0];
    return { name: call.function.name, args: JSON.parse(call.function.arguments) };
  },
  async responses() {
    const answer = await client.responses.create({ model: "gpt-4o", input: "Hello" });
    return { text: answer.output_text, usage: answer.usage };
  },
  async responsesStream() {
    const stream = await client.responses.create({ model: "gpt-4o", input: "Hello", stream: true });
    let usage;
    const text = await collect(stream, (event) => {
      if (event.type === "response.completed") usage = event.response.usage;
      return event.type === "response.output_text.delta" ? event.delta : "";
    });
    return { text, usage };
  },
  async embeddings() {
    const answer = await client.embeddings.create({
      model: "text-embedding-3-small",
      input: ["one", "two"],
    });
    return { vectors: answer.data.map((d) => Array.from(d.embedding)) };
  },
  async completions() {
    const answer = await client.completions.create({
      model: "gpt-3.5-turbo-instruct",
      prompt: "Hello",
    });
    return { text: answer.choices[0].text };
  },
  async models() {
    const ids = [];
    for await (const model of await client.models.list()) ids.push(model.id);
    return { ids, one: await client.models.retrieve("gpt-4o") };
  },
});
