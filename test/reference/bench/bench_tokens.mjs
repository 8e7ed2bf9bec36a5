// SPDX-License-Identifier: MIT
// How fast tokens are counted, against npm tiktoken on the same texts in the same run.
//
//   node bench_tokens.mjs BUILD [REPORT.md]
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { get_encoding } from "tiktoken";
import { corpora } from "./corpora.mjs";

const [build, report] = process.argv.slice(2);
const vocabDir = join(build, "share/tokencap/vocab");
const ROUNDS = 5, MESSAGE = 4096, RUNS = 101;
const GOALS = { English: 35, code: 30, "JSON chats": 60, Chinese: 18, Japanese: 20 };
const bench = (name, ...args) => execFileSync(join(build, "test/reference/bench", name), args, { encoding: "utf8" }).trim();
const numbers = (lines) => lines.split("\n").map((line) => line.split(" ").map(Number));
const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];

function reference(encoding, bytes) {
  const messages = [];
  for (let at = 0; at < bytes.length; ) {
    let end = bytes.indexOf(10, at + MESSAGE);
    end = end < 0 ? bytes.length : end + 1;
    messages.push(bytes.subarray(at, end).toString());
    at = end;
  }
  const start = process.cpuUsage();
  let tokens = 0;
  for (const m of messages) tokens += encoding.encode_ordinary(m).length;
  const { user, system } = process.cpuUsage(start);
  return [(user + system) * 1e3, tokens];
}

function run(name, texts, files) {
  const encoding = get_encoding(name);
  const ours = {}, theirs = {};
  for (let round = 0; round < ROUNDS; round++) {
    const counted = numbers(bench("bench_count", vocabDir, name, ...Object.values(files)));
    Object.entries(texts).forEach(([kind, bytes], i) => {
      const [ns, tokens] = counted[i];
      const [refNs, refTokens] = reference(encoding, bytes);
      if (tokens !== refTokens) throw new Error(`${name}, ${kind}: ${tokens} tokens, reference ${refTokens}`);
      (ours[kind] ??= []).push(bytes.length * 1e3 / ns);
      (theirs[kind] ??= []).push(bytes.length * 1e3 / refNs);
    });
  }
  encoding.free();
  return Object.keys(texts).map((kind) => {
    const a = median(ours[kind]), b = median(theirs[kind]);
    const goal = name === "o200k_base" && GOALS[kind] ? `≥ ${GOALS[kind]}` : "";
    return `| ${name} | ${kind} | ${(texts[kind].length / 1e6).toFixed(2)} | ${a.toFixed(0)} | ${b.toFixed(1)} | ${(a / b).toFixed(0)} | ${goal} |`;
  });
}

function firstAnswers(file) {
  return ["o200k_base", "cl100k_base"].map((name) => {
    const [[first, cpu]] = numbers(bench("first_answer", RUNS, join(build, "bin/tokencap"), "count", `--encoding=${name}`, file));
    return `| ${name} | ${(first / 1e3).toFixed(1)} | ${(cpu / 1e3).toFixed(1)} | < 10 |`;
  });
}

function conversations(file) {
  const sizes = { 45: "≤ 40", 100: "about the message" };
  const rows = numbers(bench("conversation", vocabDir, file, ...Object.keys(sizes)));
  return Object.entries(sizes).map(([kb, goal], i) => `| ${kb} KB | ${rows[i].join(" | ")} | ${goal} |`);
}

const texts = corpora();
const dir = mkdtempSync(join(tmpdir(), "tokencap-bench-"));
const files = Object.fromEntries(Object.entries(texts).map(([kind, bytes], i) => {
  const path = join(dir, `${i}.txt`);
  writeFileSync(path, bytes);
  return [kind, path];
}));
const line = join(dir, "line.txt");
writeFileSync(line, "hello world\n");
const rows = ["o200k_base", "cl100k_base"].flatMap((name) => run(name, texts, files));
const answers = firstAnswers(line), talks = conversations(files.English);
rmSync(dir, { recursive: true });
const worst = bench("hostile", vocabDir);
const page = `# How fast tokens are counted

Made by \`make bench-tokens\`. One thread counts texts that it has not seen, message by message (about 4 KB each); the
figures are medians of ${ROUNDS} rounds, each against npm \`tiktoken\` on the same texts, in CPU time. Ratios are worth more
than megabytes a second: the machine (${cpus().length} × ${cpus()[0].model.trim()}) was not idle.

| encoding | text | MB | tokencap, MB/s | tiktoken, MB/s | ratio | goal |
|---|---|---|---|---|---|---|
${rows.join("\n")}

## The first answer

\`tokencap count\` of one line, from starting the program to the first byte of its answer, and the CPU that the whole run
takes: medians of ${RUNS} runs, in ms. All encodings' vocabularies are mapped; most of the time goes into loading libraries.

| encoding | first answer | CPU | goal |
|---|---|---|---|
${answers.join("\n")}

## A conversation that grows

Counts of texts are remembered across requests (\`token-cache-size\`). Microseconds of CPU, medians over conversations of
messages of about 1.5 KB of English: counting one of which nothing is remembered, counting it with one more message, and
counting such a message alone.

| conversation | anew | with the next message | that message alone | goal |
|---|---|---|---|---|
${talks.join("\n")}

## Texts made to be slow

Seconds of CPU for the slowest ten of the shapes in \`test/unit/hostile.h\` (a letter is a kind of random text, anything
longer repeats itself); the target fails when one takes more than 0.3 s a MB, or more than linear time.

${worst}
`;
console.log(page);
if (report) writeFileSync(report, page);
