// SPDX-License-Identifier: MIT
// The official OpenAI SDK for TypeScript, the newest major version; it wants Node 22.
import OpenAI from "openai-next";
import { zodResponseFormat } from "openai-next/helpers/zod";
import { casesOf } from "./openai-sdk.mjs";

export const cases = casesOf(OpenAI, zodResponseFormat);
