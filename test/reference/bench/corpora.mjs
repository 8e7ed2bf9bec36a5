// SPDX-License-Identifier: MIT
// Texts for the benchmark, all from one package that carries a lot of varied text: a compiler. English is
// what its libraries' documentation says, the other languages are its messages, code is its own.
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { createRequire } from "node:module";

const MOST = 1_500_000; // bytes of each
const lib = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "lib");
const read = (file) => readFileSync(join(lib, file), "utf8");

const cut = (text) => {
  const b = Buffer.from(text);
  return b.length <= MOST ? b : b.subarray(0, b.lastIndexOf("\n", MOST) + 1);
};

// The documentation comments, each once, without their marks.
function prose() {
  const texts = new Set();
  for (const file of readdirSync(lib).filter((f) => /^lib.*\.d\.ts$/.test(f)))
    for (const [, comment] of read(file).matchAll(/\/\*\*([^]*?)\*\//g)) {
      const text = comment.replace(/^\s*\* ?/gm, "").replace(/\[MDN Reference\]\(.*?\)/g, "").replace(/[*`]/g, "")
        .replace(/\s+/g, " ").trim();
      if (text.length > 40) texts.add(text);
    }
  return [...texts];
}

const messages = (...languages) => languages.flatMap((language) =>
  Object.values(JSON.parse(read(`${language}/diagnosticMessages.generated.json`)))).join("\n");

function chats(paragraphs, code) {
  const snippets = code.split("\n\n"), out = [];
  for (let i = 0, n = 0; n < MOST && i < paragraphs.length; i++) {
    const body = JSON.stringify({ model: "gpt-4o", temperature: (i % 10) / 10, max_tokens: 100 + i, messages: [
      { role: "system", content: "You are a helpful assistant." },
      { role: "user", content: paragraphs[i * 1009 % paragraphs.length] },
      { role: "assistant", content: snippets[i % snippets.length].slice(0, 300), tool_calls: [
        { id: `call_${(i * 2654435761 >>> 0).toString(36)}`, type: "function", function: { name: "get_weather",
          arguments: JSON.stringify({ location: `City ${i}`, unit: "celsius", days: i % 14 }) } }] }] }, null, i % 2 ? 2 : 0);
    out.push(body);
    n += body.length;
  }
  return out.join("\n");
}

export function corpora() {
  const english = prose(), compiler = read("_tsc.js"), code = compiler.slice(compiler.length / 3 | 0);
  return {
    English: cut(english.join("\n")), code: cut(code), "JSON chats": cut(chats(english, code)),
    Chinese: cut(messages("zh-cn", "zh-tw")), Japanese: cut(messages("ja")), Russian: cut(messages("ru")),
  };
}
