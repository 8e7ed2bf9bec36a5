// SPDX-License-Identifier: MIT
// AI SDK with @ai-sdk/openai on Chat Completions.
import { createOpenAI } from "@ai-sdk/openai";
import { MODEL } from "./common.mjs";
import { casesOf } from "./ai-sdk.mjs";

export const cases = casesOf(({ base }) => createOpenAI({ baseURL: base, apiKey: "sk-mine" }).chat(MODEL));
