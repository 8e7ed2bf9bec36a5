// SPDX-License-Identifier: MIT
// The official OpenAI SDK for TypeScript, the major version that Node 20 runs.
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { casesOf } from "./openai-sdk.mjs";

export const cases = casesOf(OpenAI, zodResponseFormat);
