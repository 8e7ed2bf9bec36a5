// SPDX-License-Identifier: MIT
// The Vercel AI SDK, one set of cases for each of its providers.
import { embedMany, generateObject, generateText, streamText, tool } from "ai";
import { City, DATA_URL, PROMPT, figures, join } from "./common.mjs";

export function casesOf(model, embedding) {
  // A stream's error is a part of the stream, told to onError alone.
  async function stream(at) {
    let failure;
    const { textStream } = streamText({
      model: model(at),
      prompt: PROMPT,
      onError: ({ error }) => (failure = error),
    });
    const text = await join(textStream);
    if (failure) throw failure;
    return { text };
  }
  return {
    stream,
    async chat(at) {
      const answer = await generateText({ model: model(at), prompt: PROMPT });
      return { text: answer.text, output: answer.usage.outputTokens };
    },
    async tools(at) {
      const weather = tool({ description: "The weather of a city", inputSchema: City });
      const answer = await generateText({ model: model(at), prompt: PROMPT, tools: { weather } });
      return { name: answer.toolCalls[0].toolName, args: answer.toolCalls[0].input };
    },
    async structured(at) {
      const answer = await generateObject({ model: model(at), prompt: PROMPT, schema: City });
      return { object: answer.object };
    },
    async vision(at) {
      const content = [{ type: "text", text: "What is this?" }, { type: "image", image: DATA_URL }];
      const answer = await generateText({
        model: model(at),
        messages: [{ role: "user", content }],
      });
      return { text: answer.text };
    },
    async headers(at) {
      const answer = await generateText({ model: model(at), prompt: PROMPT });
      return figures(answer.response.headers);
    },
    async leave(at) {
      const { textStream } = streamText({ model: model(at), prompt: PROMPT, onError() {} });
      for await (const _ of textStream) break;
      return {};
    },
    ...(embedding && {
      async embeddings(at) {
        const answer = await embedMany({ model: embedding(at), values: ["one", "two"] });
        return { count: answer.embeddings.length };
      },
    }),
  };
}
