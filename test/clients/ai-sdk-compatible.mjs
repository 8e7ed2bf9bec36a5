// SPDX-License-Identifier: MIT
// AI SDK with @ai-sdk/openai-compatible.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { MODEL } from "./common.mjs";
import { casesOf } from "./ai-sdk.mjs";

const provider = ({ base }) =>
  createOpenAICompatible({
    name: "tokencap",
    baseURL: base,
    apiKey: "sk-mine",
    supportsStructuredOutputs: true,
  });

export const cases = casesOf(
  (at) => provider(at)(MODEL),
  (at) => provider(at).textEmbeddingModel("text-embedding-3-small"),
);
