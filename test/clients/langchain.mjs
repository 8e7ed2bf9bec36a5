// SPDX-License-Identifier: MIT
// LangChain JS, one set of cases for each of its models.
import { HumanMessage } from "@langchain/core/messages";
import { City, DATA_URL, PROMPT, join } from "./common.mjs";

export function casesOf(model) {
  return {
    async chat(at) {
      const answer = await model(at).invoke(PROMPT);
      return { text: answer.text, output: answer.usage_metadata.output_tokens };
    },
    async stream(at) {
      return { text: await join(await model(at).stream(PROMPT), (chunk) => chunk.text) };
    },
    async tools(at) {
      const weather = { name: "weather", description: "The weather of a city", schema: City };
      const answer = await model(at).bindTools([weather]).invoke(PROMPT);
      return { name: answer.tool_calls[0].name, args: answer.tool_calls[0].args };
    },
    async structured(at) {
      const shaped = model(at).withStructuredOutput(City, { method: "jsonSchema", name: "city" });
      return { object: await shaped.invoke(PROMPT) };
    },
    async vision(at) {
      const content = [
        { type: "text", text: "What is this?" },
        { type: "image_url", image_url: { url: DATA_URL } },
      ];
      return { text: (await model(at).invoke([new HumanMessage({ content })])).text };
    },
    async leave(at) {
      const stop = new AbortController();
      const stream = await model(at).stream(PROMPT, { signal: stop.signal });
      try {
        for await (const chunk of stream) if (chunk.text) stop.abort();
      } catch (error) {
        if (!stop.signal.aborted) throw error;
      }
      return {};
    },
  };
}
