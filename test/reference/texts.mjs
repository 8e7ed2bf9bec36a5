// SPDX-License-Identifier: MIT
// Generated strings of every kind that splitting and merging treat apart. Deterministic: a seed and a
// number give the same string.

export function random(seed) {
  // xorshift128, enough for choosing
  let a = seed >>> 0 || 1, b = 0x9e3779b9, c = 0x7f4a7c15, d = 0xd1b54a32;
  const next = () => {
    let t = a ^ (a << 11);
    a = b; b = c; c = d;
    d = (d ^ (d >>> 19) ^ t ^ (t >>> 8)) >>> 0;
    return d;
  };
  for (let i = 0; i < 16; i++) next();
  return {
    below: (n) => next() % n,
    pick: (list) => list[next() % list.length],
  };
}

const cp = String.fromCodePoint;
const repeat = (r, most, f) => Array.from({ length: r.below(most) + 1 }, f).join("");
const between = (r, from, to) => cp(from + r.below(to - from + 1));
const notSurrogate = (c) => (c >= 0xd800 && c < 0xe000 ? c + 0x800 : c);

const CONTRACTIONS = ["'s", "'S", "'t", "'re", "'RE", "'Ve", "'m", "'ll", "'lL", "'d", "'D", "’s", "’t", "’ll",
  "'ſ", "'ſt", "'x", "'", "''s", "'re've", "’re", "'r", "'l", "'e"];
const WORDS = `the quick brown fox jumps over a lazy dog while Engineers wrote HTTPServer, iPhone and
  antidisestablishmentarianism; it doesn't matter who's there they'll see WE'RE I'M don't cannot naïve café
  Straße Ærø été ångström Zürich Łódź dvořák İstanbul ΑΒΓ αβγ Привет мир Їжак ĲSSEL ǅungla ŉ ǆ ſoft`.split(/\s+/);
const CODE = ["for (int i = 0; i < n; i++) {\n", "    return x->y[i] << 2;\n", "def f(self, *args, **kw):\n\t",
  "#include <stdio.h>\n", "SELECT * FROM t WHERE a='b' AND c>=10;\r\n", "=> {}", "/* … */", "// TODO: fix\n", "::<T>()",
  "&&||!==", "$HOME/.cache/", "https://example.com/a?b=c&d=%20#e", "</div>\n\n\n", "0xDEADBEEF", "1e-9f", "--flag=value",
  "snake_case_name", "camelCaseName", "SCREAMING_CASE", "\t\t\tif", "\\n\\t\\u00e9", "```python\n"];
const EMOJI = ["😀", "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇫🇷", "❤️", "1️⃣", "🧑🏿‍🚀", "\u200d", "\ufe0f", "\u20e3"];
const SPACES = [" ", " ", "  ", "\t", "\n", "\r\n", "\r", "\n\n", "   \n", "\u00a0", "\u3000", "\u2028", "\u2029", "\u0085",
  "\ufeff", "\u180e", "\u200b", "\u1680", "\u205f", "\u000b", "\u000c", "\u001c", "\u001f", "\u2003"];
const SCRIPTS = {
  chinese: [[0x4e00, 0x9fff]], japanese: [[0x3041, 0x3096], [0x30a1, 0x30fa], [0x4e00, 0x8000]],
  korean: [[0xac00, 0xd7a3]], arabic: [[0x620, 0x65f]], hindi: [[0x900, 0x97f]], thai: [[0xe01, 0xe4e]],
  hebrew: [[0x591, 0x5f4]], russian: [[0x410, 0x44f]], greek: [[0x391, 0x3c9]], tamil: [[0xb80, 0xbff]],
  georgian: [[0x10a0, 0x10ff], [0x1c90, 0x1cbf]], cherokee: [[0x13a0, 0x13fd], [0xab70, 0xabbf]],
  latin: [[0xc0, 0x24f]], ligatures: [[0xfb00, 0xfb06]], math: [[0x1d400, 0x1d7ff]],
};

function script(r, name) {
  return repeat(r, 12, () => {
    const [from, to] = r.pick(SCRIPTS[name]);
    return r.below(8) ? between(r, from, to) : r.pick(["。", "、", " ", "，", "!", "1", "A", "a", "\n"]);
  });
}

// kind -> (random, corpus) => string; corpus.tokens: token texts, corpus.prose: pieces of files
export const KINDS = {
  words: (r) => repeat(r, 12, () => r.pick(WORDS) + r.pick([" ", " ", " ", ", ", ". ", "\n", ""])),
  prose: (r, c) => r.pick(c.prose),
  code: (r) => repeat(r, 8, () => r.pick(CODE)),
  json: (r) => JSON.stringify({ role: r.pick(["user", "assistant"]), content: repeat(r, 6, () => r.pick(WORDS) + " "),
    n: r.below(1e9), list: [r.below(9), null, true, r.pick(EMOJI)] }, null, r.below(3)),
  tokens: (r, c) => repeat(r, 10, () => r.pick(c.tokens)),
  glued: (r, c) => repeat(r, 6, () => r.pick(c.tokens).trim()),
  contractions: (r) => repeat(r, 5, () => r.pick(WORDS) + r.pick(CONTRACTIONS) + r.pick(["", " ", "s", "A", "a", "é"])),
  spaces: (r) => repeat(r, 8, () => r.pick(SPACES) + r.pick(["", "", "", "a", "A", "!", "/", "1", "中", "\u0301"])),
  digits: (r) => repeat(r, 6, () => r.below(10 ** (1 + r.below(9))) + r.pick(["", " ", ".", ",", "%", "½", "²", "Ⅷ", "٣", "१"])),
  base64: (r) => Buffer.from(Array.from({ length: r.below(90) + 1 }, () => r.below(256))).toString("base64"),
  hex: (r) => Buffer.from(Array.from({ length: r.below(60) + 1 }, () => r.below(256))).toString("hex"),
  repeated: (r) => r.pick(["a", " ", "\n", "=", "-", "A", "é", "中", "😀", "0", "\t", "ab", "aA", "=-", "\r\n", " \n", "'s", "/"])
    .repeat(r.below(r.below(8) ? 40 : 400) + 1) + r.pick(["", "b", " ", "\n"]),
  emoji: (r) => repeat(r, 6, () => r.pick(EMOJI) + r.pick(["", " ", "a", "!"])),
  script: (r) => script(r, r.pick(Object.keys(SCRIPTS))),
  mixed: (r, c) => repeat(r, 5, () => KINDS[r.pick(["words", "script", "spaces", "emoji", "digits", "contractions"])](r, c).slice(0, 20)
    .replace(/[\ud800-\udbff]$/, "")),
  points: (r) => repeat(r, 8, () => cp(notSurrogate(r.below(r.below(3) ? 0x3100 : 0x10f800)))),
  ascii: (r) => repeat(r, 30, () => cp(r.below(128))),
  special: (r) => repeat(r, 3, () => r.pick(["<|endoftext|>", "<|im_start|>", "<|fim_prefix|>", "<|", "|>", "hi", " "])),
  letters: (r) => repeat(r, 16, () => r.pick([..."aAbBzZéÉßſǅʰªºａＡ中あア\u0301\u0903\u20dd'’ 1½!/\n"])),
};

// Bytes that are mostly not UTF-8; the reference gets them as a decoder replaces them.
export function broken(r) {
  const bytes = [];
  for (let i = r.below(24) + 1; i > 0; i--)
    bytes.push(...r.pick([[0x61], [0x20], [0xff], [0xc0, 0x80], [0xe4, 0xb8], [0xe4, 0xb8, 0xad], [0xed, 0xa0, 0x80],
      [0xf0, 0x9f, 0x98], [0xf0, 0x9f, 0x98, 0x80], [0x80], [0xf4, 0x90, 0x80, 0x80], [0xc3], [0xc3, 0xa9], [0xe0, 0x80], [r.below(256)]]));
  return Buffer.from(bytes);
}
