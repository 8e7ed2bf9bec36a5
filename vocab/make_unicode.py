#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes src/meter/unicode_table.c: general category and splitting class of every code point.

    pip install unicodedataplus==16.0.0.post1
    make_unicode.py > ../src/meter/unicode_table.c

The version matters: the encodings' reference implementation has the classes of Unicode 16.0.
"""
import unicodedataplus

assert unicodedataplus.unidata_version == "16.0.0"

# In the order of enum category in include/meter/unicode.h.
CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co Cn".split()
# White_Space, the property; U+000A and U+000D have a class of their own.
SPACES = [9, 11, 12, 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]
# In the order of enum char_class.
OTHER, SPACE, NEWLINE, NUMBER, UPPER, LOWER, LETTER, MARK = range(8)
CLASS = {"Lu": UPPER, "Lt": UPPER, "Ll": LOWER, "Lm": LETTER, "Lo": LETTER, "M": MARK, "N": NUMBER}


def entry(cp):
    category = unicodedataplus.category(chr(cp))
    if cp in SPACES:
        kind = SPACE
    elif cp in (10, 13):
        kind = NEWLINE
    else:
        kind = CLASS.get(category, CLASS.get(category[0], OTHER))
    return CATEGORIES.index(category) << 3 | kind


def rows(values, width):
    for i in range(0, len(values), width):
        yield "    " + ", ".join(str(v) for v in values[i : i + width]) + ","


def main():
    numbers, blocks, index = {}, [], []
    for start in range(0, 0x110000, 64):
        block = tuple(entry(cp) for cp in range(start, start + 64))
        if block not in numbers:
            numbers[block] = len(blocks)
            blocks.append(block)
        index.append(numbers[block])
    kind = "uint8_t" if len(blocks) <= 256 else "uint16_t"
    print("/* SPDX-License-Identifier: MIT */")
    print("/* Made by vocab/make_unicode.py from the Unicode Character Database 16.0.0, as packaged in the")
    print(" * Python package unicodedataplus 16.0.0.post1 (Unicode data: Unicode License v3). Do not edit. */")
    print('#include "meter/unicode.h"\n')
    print("/* clang-format off */")
    print("const uint8_t unicode_ascii[128] = {")
    print("\n".join(rows([entry(cp) & 7 for cp in range(128)], 32)))
    print("};\n")
    print(f"const {kind} unicode_index[{len(index)}] = {{")
    print("\n".join(rows(index, 24)))
    print("};\n")
    print(f"const uint8_t unicode_blocks[{len(blocks)}][64] = {{")
    for block in blocks:
        print("  {\n" + "\n".join(rows(block, 16)) + "\n  },")
    print("};")


main()
