// SPDX-License-Identifier: MIT
// LangChain JS with @langchain/anthropic.
import { ChatAnthropic } from "@langchain/anthropic";
import { CLAUDE } from "./common.mjs";
import { casesOf } from "./langchain.mjs";

export const cases = casesOf(
  ({ base }) => new ChatAnthropic({ model: CLAUDE, apiKey: "sk-ant-mine", anthropicApiUrl: base }),
);
