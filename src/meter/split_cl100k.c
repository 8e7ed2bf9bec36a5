/* SPDX-License-Identifier: MIT */
#include "meter/split.h"

#include "split_common.h"

/*
 * The cl100k pattern by hand:
 *
 *   (?i:'s|'t|'re|'ve|'m|'ll|'d) | [^\r\n\p{L}\p{N}]?\p{L}+ | \p{N}{1,3} |  ?[^\s\p{L}\p{N}]+[\r\n]*
 *   | \s*[\r\n]+ | \s+(?!\S) | \s+
 *
 * A mark is no letter here: it may be a word's prefix, and else stands among the other characters.
 */

static const uint8_t *letter_run(const uint8_t *p, const uint8_t *end)
{
    for (;;) {
        struct uchar u;

        p = ascii_letter_run(p, end);
        if (p == end)
            return p;
        u = uchar_at(p);
        if (!(BIT(u.cls) & LETTERS))
            return p;
        p += u.len;
    }
}

static const uint8_t *piece(const uint8_t *p, const uint8_t *end)
{
    struct uchar u = uchar_at(p);
    const uint8_t *q;
    unsigned n;

    switch (u.cls) {
    case CLASS_UPPER:
    case CLASS_LOWER:
    case CLASS_LETTER:
        return letter_run(p + u.len, end);
    case CLASS_NUMBER:
        return number_run(p, end, 3);
    case CLASS_NEWLINE:
        return space_run(p, end);
    case CLASS_SPACE:
    case CLASS_MARK:
    case CLASS_OTHER:
        n = contraction(p, end);
        if (n)
            return p + n;
        q = letter_run(p + u.len, end);
        if (q > p + u.len)
            return q;
        if (u.cls != CLASS_SPACE)
            return newline_run(other_run(p, end), end);
        if (*p == ' ' && p + 1 < end && BIT(uchar_at(p + 1).cls) & OTHERS)
            return newline_run(other_run(p + 1, end), end);
        return space_run(p, end);
    }
    __builtin_unreachable();
}

size_t split_cl100k(const char *text, size_t n, size_t from, size_t *ends, size_t max)
{
    const uint8_t *start = (const uint8_t *)text, *end = start + n, *p = start + from;
    size_t count = 0;

    while (p < end && count < max) {
        p = piece(p, end);
        ends[count++] = (size_t)(p - start);
    }
    return count;
}
