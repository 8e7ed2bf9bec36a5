// SPDX-License-Identifier: MIT
// AI SDK with @ai-sdk/openai: the Responses API is its default.
import { createOpenAI } from "@ai-sdk/openai";
import { MODEL } from "./common.mjs";
import { casesOf } from "./ai-sdk.mjs";

const provider = ({ base }) => createOpenAI({ baseURL: base, apiKey: "sk-mine" });

export const cases = casesOf(
  (at) => provider(at)(MODEL),
  (at) => provider(at).embedding("text-embedding-3-small"),
);
