// SPDX-License-Identifier: MIT
// The official Anthropic SDK for TypeScript.
import Anthropic from "@anthropic-ai/sdk";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { CITY_SCHEMA, CLAUDE, City, PNG, PROMPT, figures, join } from "./common.mjs";

const client = ({ base }) => new Anthropic({ baseURL: base, apiKey: "sk-ant-mine", maxRetries: 2 });
const say = { model: CLAUDE, max_tokens: 100, messages: [{ role: "user", content: PROMPT }] };
const tools = [{ name: "weather", input_schema: CITY_SCHEMA }];

export const cases = {
  async chat(at) {
    const answer = await client(at).messages.create(say);
    return { text: answer.content[0].text, output: answer.usage.output_tokens };
  },
  async stream(at) {
    const stream = await client(at).messages.create({ ...say, stream: true });
    return { text: await join(stream, (e) => e.delta?.text) };
  },
  async tools(at) {
    const answer = await client(at).messages.stream({ ...say, tools }).finalMessage();
    return { name: answer.content[0].name, args: answer.content[0].input };
  },
  async structured(at) {
    const answer = await client(at).messages.parse({
      ...say,
      output_config: { format: zodOutputFormat(City) },
    });
    return { object: answer.parsed_output };
  },
  async vision(at) {
    const source = { type: "base64", media_type: "image/png", data: PNG };
    const content = [{ type: "image", source }, { type: "text", text: "What is this?" }];
    const answer = await client(at).messages.create({ ...say, messages: [{ role: "user", content }] });
    return { text: answer.content[0].text };
  },
  async countTokens(at) {
    const { max_tokens: _, ...asked } = say;
    return { tokens: (await client(at).messages.countTokens(asked)).input_tokens };
  },
  async models(at) {
    const ids = [];
    for await (const model of client(at).models.list()) ids.push(model.id);
    return { found: ids.some((id) => id.startsWith(CLAUDE)) };
  },
  async headers(at) {
    const { response } = await client(at).messages.create(say).withResponse();
    return figures(Object.fromEntries(response.headers));
  },
  async leave(at) {
    const stream = await client(at).messages.create({ ...say, stream: true });
    for await (const event of stream) if (event.delta?.text) break;
    return {};
  },
};
