// SPDX-License-Identifier: MIT
// What every client is asked.
import { z } from "zod";

export const MODEL = "gpt-4o";
export const CLAUDE = "claude-haiku-4-5";
export const PROMPT = "Hello";
// One pixel, and its media type.
export const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
export const DATA_URL = `data:image/png;base64,${PNG}`;
export const City = z.object({ city: z.string() });
export const CITY_SCHEMA = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};

export async function join(parts, take = (part) => part) {
  let all = "";
  for await (const part of parts) all += take(part) ?? "";
  return all;
}

export const figures = (headers) => ({
  input: headers["x-tokencap-input-tokens"],
  output: headers["x-tokencap-output-tokens"],
  cost: headers["x-tokencap-cost-usd"],
  id: headers["x-tokencap-request-id"],
});
