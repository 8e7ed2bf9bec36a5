// SPDX-License-Identifier: MIT
// Compares token ids with the encodings' reference implementation, npm tiktoken (the original compiled to
// WASM): every token of the vocabularies, every code point in several contexts, and generated strings; and
// the counts of `tokencap count --jsonl` for whole files and for some of these strings.
//
//   node check_tokens.mjs BUILD [STRINGS] [ENCODING…]
//
// Exits 1 at the first ten differences.
import { execFileSync, spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { get_encoding } from "tiktoken";
import { KINDS, broken, random } from "./texts.mjs";

const [build, wanted = "1000000", ...names] = process.argv.slice(2);
const NUMBER = { o200k_base: 0, cl100k_base: 2, p50k_base: 3, r50k_base: 4 };
const BATCH = 2000, LINES = 20000;
let compared = 0, differences = 0;

const child = spawn(`${build}/test/reference/encode_stream`, [`${build}/share/tokencap/vocab`], { stdio: ["pipe", "pipe", "inherit"] });
const chunks = [];
let have = 0, wake = null;
child.stdout.on("data", (d) => { chunks.push(d); have += d.length; wake?.(); });
child.on("exit", (code, signal) => { if (code || signal) { console.error(`encode_stream: ${signal ?? `exit ${code}`}`); process.exit(1); } });

async function take(n) {
  while (have < n) await new Promise((done) => { wake = done; });
  let all = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
  have -= n;
  chunks.length = 0;
  if (all.length > n) chunks.push(all.subarray(n));
  return all.subarray(0, n);
}

async function ours(number, texts) {
  for (const bytes of texts) {
    const head = Buffer.alloc(8);
    head.writeUInt32LE(number, 0);
    head.writeUInt32LE(bytes.length, 4);
    child.stdin.write(head);
    child.stdin.write(bytes);
  }
  child.stdin.uncork();
  const answers = [];
  for (let i = 0; i < texts.length; i++) {
    const n = (await take(4)).readUInt32LE(0);
    const b = await take(4 * n);
    answers.push(Array.from({ length: n }, (_, k) => b.readUInt32LE(4 * k)));
  }
  return answers;
}

class Comparison {
  constructor(name) {
    this.name = name;
    this.number = NUMBER[name];
    this.reference = get_encoding(name);
    this.queue = [];
  }
  async add(bytes) {
    this.queue.push(bytes);
    if (this.queue.length === BATCH) await this.flush();
  }
  async flush() {
    const texts = this.queue.splice(0);
    child.stdin.cork();
    const answers = await ours(this.number, texts);
    texts.forEach((bytes, i) => {
      const text = bytes.toString("utf8");
      const right = this.reference.encode_ordinary(text);
      compared++;
      if (right.length === answers[i].length && right.every((id, k) => id === answers[i][k])) return;
      console.error(`${this.name}: ${JSON.stringify(text)} (${bytes.toString("hex")})\n  reference ${[...right]}\n  tokencap  ${answers[i]}`);
      if (++differences === 10) process.exit(1);
    });
  }
}

// The project's own files: prose and code as people write them.
const files = ["./", "../../src/meter/", "../../"].map((dir) => fileURLToPath(new URL(dir, import.meta.url)))
  .flatMap((dir) => readdirSync(dir, { withFileTypes: true })
    .filter((file) => file.isFile() && /\.(md|c|h|mjs|txt)$|Makefile|LICENSE/.test(file.name))
    .map((file) => readFileSync(dir + file.name, "utf8")));

const prose = files.flatMap((text) => Array.from({ length: Math.ceil(Math.min(text.length, 60000) / 97) },
  (_, i) => text.slice(i * 97, i * 97 + 150).replace(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, "")));

async function everyToken(c) {
  const texts = [];
  const bytes = c.reference.token_byte_values();
  for (const token of bytes) {
    const b = Buffer.from(token);
    texts.push(b);
    await c.add(b);
    await c.add(Buffer.concat([Buffer.from("a"), b, Buffer.from("b")]));
  }
  await c.flush();
  return texts.map((b) => b.toString("utf8")).filter((s) => !s.includes("\ufffd"));
}

async function everyCodePoint(c) {
  for (let cp = 0; cp < 0x110000; cp++) {
    if (cp >= 0xd800 && cp < 0xe000) continue;
    const x = String.fromCodePoint(cp);
    // One string holds several contexts; each stands between characters that end any piece.
    await c.add(Buffer.from(`${x} a${x}b A${x} ${x}B !${x}! ${x}${x}a 1${x}1 '${x}\n${x}\n \n ${x}`));
    await c.add(Buffer.from(`'s${x} ${x}'s A${x}a  ${x} ${x}A`));
    await c.add(Buffer.from(`${x}  `));
    await c.add(Buffer.from(`a ${x}`));
  }
  await c.flush();
}

function generate(i, corpus) {
  const kinds = Object.entries(KINDS), k = i % (kinds.length + 1), r = random(i + 1);
  return k === kinds.length ? broken(r) : Buffer.from(kinds[k][1](r, corpus).replace(/\p{Cs}/gu, "\ufffd"));
}

async function generated(c, corpus, strings) {
  for (let i = 0; i < strings; i++) await c.add(generate(i, corpus));
  await c.flush();
}

// What an operator sees: a line in, a count out.
function throughTheTool(c, corpus) {
  const texts = [...files];
  for (let i = 0; i < LINES; i++) texts.push(generate(i, corpus).toString("utf8"));
  const input = texts.map((text) => JSON.stringify({ text })).join("\n");
  const counts = execFileSync(`${build}/bin/tokencap`, ["count", "--jsonl", `--encoding=${c.name}`], { input, encoding: "utf8" })
    .trim().split("\n").map(Number);
  texts.forEach((text, i) => {
    const right = c.reference.encode_ordinary(text).length;
    compared++;
    if (counts[i] === right) return;
    console.error(`${c.name}: ${JSON.stringify(text.slice(0, 200))}: reference ${right}, tokencap count --jsonl ${counts[i]}`);
    if (++differences === 10) process.exit(1);
  });
  return texts.length;
}

const list = names.length ? names : Object.keys(NUMBER);
for (const name of list) {
  const c = new Comparison(name);
  const before = compared;
  const tokens = await everyToken(c);
  if (Number(wanted) >= 1000000) await everyCodePoint(c);
  await generated(c, { tokens, prose }, Number(wanted));
  const ids = compared - before, lines = throughTheTool(c, { tokens, prose });
  console.log(`${name}: the ids of ${ids} strings and ${lines} counts of the tool compared with the reference`);
  c.reference.free();
}
child.stdin.end();
console.log(`${compared - differences} passed, ${differences} failed`);
process.exit(differences ? 1 : 0);
