// SPDX-License-Identifier: MIT
// OpenAI's Agents SDK.
import { Agent, Runner, setTracingDisabled, tool } from "@openai/agents";
import { OpenAIProvider } from "@openai/agents-openai";
import { City, DATA_URL, MODEL, PROMPT, join } from "./common.mjs";

setTracingDisabled(true);

const run = ({ base }, agent, input = PROMPT, options = {}) =>
  new Runner({
    modelProvider: new OpenAIProvider({ baseURL: base, apiKey: "sk-mine" }),
    tracingDisabled: true,
  }).run(new Agent({ name: "Helper", instructions: "Help.", model: MODEL, ...agent }), input, options);

export const cases = {
  async chat(at) {
    return { text: (await run(at, {})).finalOutput };
  },
  async stream(at) {
    const answer = await run(at, {}, PROMPT, { stream: true });
    const text = await join(answer.toTextStream());
    await answer.completed;
    return { text };
  },
  async tools(at) {
    let called;
    const weather = tool({
      name: "weather",
      description: "The weather of a city",
      parameters: City,
      execute: async (args) => {
        called = { name: "weather", args };
        return "sunny";
      },
    });
    // The second answer, after the call, is the last.
    const { finalOutput } = await run(at, { tools: [weather] });
    return { ...called, text: finalOutput };
  },
  async structured(at) {
    return { object: (await run(at, { outputType: City })).finalOutput };
  },
  async vision(at) {
    const content = [
      { type: "input_text", text: "What is this?" },
      { type: "input_image", image: DATA_URL },
    ];
    return { text: (await run(at, {}, [{ role: "user", content }])).finalOutput };
  },
};
