// SPDX-License-Identifier: MIT
// How fast tokens are counted, against npm tiktoken on the same texts in the same run.
//
//   node bench_tokens.mjs BENCH_COUNT HOSTILE VOCABDIR [REPORT.md]
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { get_encoding } from "tiktoken";
import { corpora } from "./corpora.mjs";

const [program, hostile, vocabDir, report] = process.argv.slice(2);
const ROUNDS = 5, MESSAGE = 4096;
const GOALS = { English: 35, code: 30, "JSON chats": 60, Chinese: 18, Japanese: 20 };
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
    const lines = execFileSync(program, [vocabDir, name, ...Object.values(files)], { encoding: "utf8" }).trim().split("\n");
    Object.entries(texts).forEach(([kind, bytes], i) => {
      const [ns, tokens] = lines[i].split(" ").map(Number);
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

const texts = corpora();
const dir = mkdtempSync(join(tmpdir(), "tokencap-bench-"));
const files = Object.fromEntries(Object.entries(texts).map(([kind, bytes], i) => {
  const path = join(dir, `${i}.txt`);
  writeFileSync(path, bytes);
  return [kind, path];
}));
const rows = ["o200k_base", "cl100k_base"].flatMap((name) => run(name, texts, files));
rmSync(dir, { recursive: true });
const worst = execFileSync(hostile, [vocabDir], { encoding: "utf8" });
const page = `# How fast tokens are counted

Made by \`make bench-tokens\`. One thread counts texts that it has not seen, message by message (about 4 KB each); the
figures are medians of ${ROUNDS} rounds, each against npm \`tiktoken\` on the same texts, in CPU time. Ratios are worth more
than megabytes a second: the machine (${cpus().length} × ${cpus()[0].model.trim()}) was not idle.

| encoding | text | MB | tokencap, MB/s | tiktoken, MB/s | ratio | goal |
|---|---|---|---|---|---|---|
${rows.join("\n")}

## Texts made to be slow

Seconds of CPU for the slowest ten of the shapes in \`test/unit/hostile.h\` (a letter is a kind of random text, anything
longer repeats itself); the target fails when one takes more than 0.3 s a MB, or more than linear time.

${worst}`;
console.log(page);
if (report) writeFileSync(report, page);
