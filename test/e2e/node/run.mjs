// SPDX-License-Identifier: MIT
// Runs one case of a script and prints its result as the last line: { ... } from the case, or the
// error that the SDK threw, in the words a program would look at. `requests` counts what was sent.
export let requests = 0;

export const countingFetch = (...args) => {
  requests++;
  return fetch(...args);
};

function told(error) {
  return {
    name: error.constructor.name,
    status: error.status,
    type: error.type,
    code: error.code,
    message: error.message,
    body: error.error,
  };
}

export async function run(cases) {
  const name = process.argv[2];
  let result;
  try {
    result = await cases[name]();
  } catch (error) {
    if (error instanceof TypeError || error instanceof ReferenceError) throw error;
    result = { error: told(error) };
  }
  console.log(JSON.stringify({ ...result, requests }));
}
