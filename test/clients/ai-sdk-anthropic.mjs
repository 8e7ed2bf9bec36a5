// SPDX-License-Identifier: MIT
// AI SDK with @ai-sdk/anthropic.
import { createAnthropic } from "@ai-sdk/anthropic";
import { CLAUDE } from "./common.mjs";
import { casesOf } from "./ai-sdk.mjs";

export const cases = casesOf(({ base }) =>
  createAnthropic({ baseURL: base, apiKey: "sk-ant-mine" })(CLAUDE),
);
