// SPDX-License-Identifier: MIT
// The official OpenAI SDK for TypeScript, one set of cases for each of its versions.
import { CITY_SCHEMA, City, DATA_URL, MODEL, PROMPT, figures, join } from "./common.mjs";

export function casesOf(OpenAI, zodResponseFormat) {
  const client = ({ base }) => new OpenAI({ baseURL: base, apiKey: "sk-mine", maxRetries: 2 });
  const ask = { model: MODEL, messages: [{ role: "user", content: PROMPT }] };
  const tools = [{ type: "function", function: { name: "weather", parameters: CITY_SCHEMA } }];

  return {
    async chat(at) {
      const answer = await client(at).chat.completions.create(ask);
      return { text: answer.choices[0].message.content, output: answer.usage.completion_tokens };
    },
    async stream(at) {
      const stream = await client(at).chat.completions.create({ ...ask, stream: true });
      return { text: await join(stream, (chunk) => chunk.choices[0].delta.content) };
    },
    async tools(at) {
      const answer = await client(at).chat.completions.create({ ...ask, tools });
      const call = answer.choices[0].message.tool_calls[0].function;
      return { name: call.name, args: JSON.parse(call.arguments) };
    },
    async structured(at) {
      const answer = await client(at).chat.completions.parse({
        ...ask,
        response_format: zodResponseFormat(City, "city"),
      });
      return { object: answer.choices[0].message.parsed };
    },
    async vision(at) {
      const answer = await client(at).chat.completions.create({
        model: MODEL,
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "What is this?" },
              { type: "image_url", image_url: { url: DATA_URL, detail: "low" } },
            ],
          },
        ],
      });
      return { text: answer.choices[0].message.content };
    },
    async responses(at) {
      const answer = await client(at).responses.create({ model: MODEL, input: PROMPT });
      return { text: answer.output_text, output: answer.usage.output_tokens };
    },
    async responsesStream(at) {
      const stream = await client(at).responses.create({ model: MODEL, input: PROMPT, stream: true });
      return {
        text: await join(stream, (e) => (e.type === "response.output_text.delta" ? e.delta : "")),
      };
    },
    async embeddings(at) {
      const input = ["one", "two"];
      const answer = await client(at).embeddings.create({ model: "text-embedding-3-small", input });
      return { count: answer.data.length };
    },
    async models(at) {
      const ids = [];
      for await (const model of await client(at).models.list()) ids.push(model.id);
      return { found: ids.includes(MODEL) };
    },
    async headers(at) {
      const { response } = await client(at).chat.completions.create(ask).withResponse();
      return figures(Object.fromEntries(response.headers));
    },
    async leave(at) {
      const stream = await client(at).chat.completions.create({ ...ask, stream: true });
      for await (const chunk of stream) if (chunk.choices[0].delta.content) break;
      return {};
    },
  };
}
