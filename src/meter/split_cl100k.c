/* SPDX-License-Identifier: MIT */
#include "meter/split.h"

#include "split_block.h"
#include "split_common.h"

/*
 * The cl100k pattern by hand:
 *
 *   (?i:'s|'t|'re|'ve|'m|'ll|'d) | [^\r\n\p{L}\p{N}]?\p{L}+ | \p{N}{1,3} | ?[^\s\p{L}\p{N}]+[\r\n]*
 *   | \s*[\r\n]+ | \s+(?!\S) | \s+
 *
 * A mark is no letter here: it may be a word's prefix, and else stands among the other characters.
 */

#define PREFIX                                                                                     \
    (BIT(CLASS_SPACE) | BIT(CLASS_OTHER)) /* and marks, which a window of ASCII has not */

static const uint8_t *letter_run(const uint8_t *p, const uint8_t *end)
{
    while (p < end) {
        const uint8_t *q = *p < 0x80 ? ascii_letter_run(p, end) : class_run(p, end, LETTERS);
        if (q == p)
            break;
        p = q;
    }
    return p;
}

/* The word at p, with its prefix of n bytes, when a window of ASCII can tell; NULL when it cannot,
 * or there is none. */
static inline const uint8_t *ascii_word(const uint8_t *p, unsigned n)
{
    unsigned i = n + run_length(window_range(window_fold(window_at(p)), 'a', 26), n);

    return i == n || i >= ASCII_WINDOW || p[i] >= 0x80 ? NULL : p + i;
}

/* What starts with something that is neither a letter, a number nor a newline. */
static const uint8_t *prefixed(const uint8_t *p, struct uchar u, const uint8_t *end)
{
    const uint8_t *q = letter_run(p + u.len, end);

    if (q > p + u.len)
        return q;
    q = *p == ' ' ? p + 1 : p;
    if (u.cls == CLASS_SPACE && (q == p || q == end || !(BIT(uchar_at(q).cls) & OTHERS)))
        return space_run(p, end);
    return newline_run(class_run(q, end, OTHERS), end, false);
}

static inline const uint8_t *piece(const uint8_t *p, const uint8_t *end)
{
    struct uchar u = uchar_at(p);
    const uint8_t *q;
    unsigned n;

    if (*p == '\'' && (n = contraction(p, end)))
        return p + n;
    if (*p < 0x80 && end - p > ASCII_WINDOW && BIT(u.cls) & (LETTERS | PREFIX)) {
        q = ascii_word(p, BIT(u.cls) & PREFIX ? 1 : 0);
        if (q)
            return q;
    }
    switch (u.cls) {
    case CLASS_NUMBER:
        return number_run(p, end);
    case CLASS_NEWLINE:
        return space_run(p, end);
    case CLASS_SPACE:
    case CLASS_MARK:
    case CLASS_OTHER:
        return prefixed(p, u, end);
    default:
        return letter_run(p, end);
    }
}

size_t split_cl100k(const char *text, size_t n, size_t from, size_t *ends, size_t max)
{
    return split_by(BLOCK_CL100K, piece, text, n, from, ends, max);
}
