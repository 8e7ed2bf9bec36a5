// SPDX-License-Identifier: MIT
// Runs cases of one client, one after the other: a line {"case", "base", …} in, a line out: what the
// case returned, or {"error"} with what a program would look at. Counts the requests that are sent.
import { createInterface } from "node:readline";

let requests = 0;
const plainFetch = globalThis.fetch;
globalThis.fetch = (...args) => {
  requests++;
  return plainFetch(...args);
};

// What the usual error handler reads, wherever the client keeps it.
function told(error) {
  const inner = error.errors?.at?.(-1) ?? error.lastError ?? error;
  return {
    name: inner.constructor.name,
    status: inner.status ?? inner.statusCode,
    message: inner.message,
    code: inner.code,
    retryable: inner.isRetryable,
    details: inner.error?.details ?? inner.error?.error?.details ?? inner.data?.error?.details,
  };
}

const { cases } = await import(`./${process.argv[2]}.mjs`);

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  let result;
  requests = 0;
  try {
    result = await cases[asked.case](asked);
  } catch (error) {
    result = { error: told(error), stack: error.stack };
  }
  console.log(JSON.stringify({ ...result, requests }));
}
