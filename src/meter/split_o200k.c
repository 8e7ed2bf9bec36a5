/* SPDX-License-Identifier: MIT */
#include "meter/split.h"

#include "split_block.h"
#include "split_common.h"

/*
 * The o200k pattern by hand:
 *
 *   [^\r\n\p{L}\p{N}]? [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]* [\p{Ll}\p{Lm}\p{Lo}\p{M}]+ (?i:'s|…)?
 *   [^\r\n\p{L}\p{N}]? [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+ [\p{Ll}\p{Lm}\p{Lo}\p{M}]* (?i:'s|…)?
 *   \p{N}{1,3} |  ?[^\s\p{L}\p{N}]+[\r\n/]* | \s*[\r\n]+ | \s+(?!\S) | \s+
 *
 * Call the first set of a word heads (upper, letter, mark) and the second tails (lower, letter,
 * mark). Heads are taken greedily; when no lower-case letter follows them, the first alternative
 * gives heads back until its one tail can be the last letter or mark among them: so 中A ends behind
 * 中, and 中Ab does not. Only a word all of whose heads are upper case is left to the second
 * alternative.
 */

#define HEADS  (BIT(CLASS_UPPER) | BIT(CLASS_LETTER) | BIT(CLASS_MARK))
#define TAILS  (BIT(CLASS_LOWER) | BIT(CLASS_LETTER) | BIT(CLASS_MARK))
#define BOTH   (BIT(CLASS_LETTER) | BIT(CLASS_MARK))
#define PREFIX (BIT(CLASS_SPACE) | BIT(CLASS_OTHER)) /* but for marks, which are looked at apart   \
                                                      */

/* Where the first alternative's letters end that start at p; NULL when they fail. *upper is where
 * the upper-case heads end, which the second alternative would take. */
static const uint8_t *word_lower(const uint8_t *p, const uint8_t *end, const uint8_t **upper)
{
    const uint8_t *both_end = NULL;
    struct uchar u = {CLASS_OTHER, 0};

    for (; p < end; p += u.len) {
        if (*p >= 0xe4) {
            const uint8_t *q = ideograph_run(p, end);
            both_end = q > p ? q : both_end;
            p = q;
            if (p == end)
                break;
        }
        u = uchar_at(p);
        if (!(BIT(u.cls) & HEADS))
            break;
        if (BIT(u.cls) & BOTH)
            both_end = p + u.len;
    }
    *upper = p;
    if (p == end || u.cls != CLASS_LOWER)
        return both_end;
    while (p < end) {
        const uint8_t *q = *p < 0x80 ? ascii_lower_run(p, end) : class_run(p, end, TAILS);
        if (q == p)
            break;
        p = q;
    }
    return p;
}

/* The word whose letters start at p, contraction included; NULL when there is none. */
static const uint8_t *word(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *upper;
    const uint8_t *q = word_lower(p, end, &upper);

    if (!q && upper > p)
        q = upper;
    if (!q)
        return NULL;
    return q + contraction(q, end);
}

/* A mark at p may be a word's prefix or its first letter. The pattern tries the prefix, and then
 * the mark as the one tail of the first alternative, before the second alternative gets its turn.
 */
static const uint8_t *marked_word(const uint8_t *p, unsigned len, const uint8_t *end)
{
    const uint8_t *upper;
    const uint8_t *q = word_lower(p + len, end, &upper);

    if (!q)
        q = p + len;
    return q + contraction(q, end);
}

/* The word at p, with its prefix of n bytes, when a window of ASCII can tell; NULL when it cannot,
 * or there is none. */
static inline const uint8_t *ascii_word(const uint8_t *p, unsigned n, const uint8_t *end)
{
    window w = window_at(p);
    unsigned letters = window_range(window_fold(w), 'a', 26);
    unsigned upper = window_range(w, 'A', 26);
    unsigned i = n + run_length(upper, n);

    i += run_length(letters & ~upper, i);
    if (i == n || i >= ASCII_WINDOW || p[i] >= 0x80)
        return NULL;
    return p[i] == '\'' ? p + i + contraction(p + i, end) : p + i;
}

/* What starts with something that is neither a letter nor a mark, a number nor a newline. */
static const uint8_t *prefixed(const uint8_t *p, struct uchar u, const uint8_t *end)
{
    const uint8_t *q = word(p + u.len, end);

    if (q)
        return q;
    q = *p == ' ' ? p + 1 : p;
    if (u.cls == CLASS_SPACE && (q == p || q == end || uchar_at(q).cls != CLASS_OTHER))
        return space_run(p, end);
    return newline_run(class_run(q, end, OTHERS), end, true);
}

static inline const uint8_t *piece(const uint8_t *p, const uint8_t *end)
{
    struct uchar u = uchar_at(p);
    const uint8_t *q;

    if (*p < 0x80 && end - p > ASCII_WINDOW && BIT(u.cls) & (LETTERS | PREFIX)) {
        q = ascii_word(p, BIT(u.cls) & PREFIX ? 1 : 0, end);
        if (q)
            return q;
    }
    switch (u.cls) {
    case CLASS_NUMBER:
        return number_run(p, end);
    case CLASS_NEWLINE:
        return space_run(p, end);
    case CLASS_MARK:
        return marked_word(p, u.len, end);
    case CLASS_SPACE:
    case CLASS_OTHER:
        return prefixed(p, u, end);
    default:
        return word(p, end);
    }
}

size_t split_o200k(const char *text, size_t n, size_t from, size_t *ends, size_t max)
{
    return split_by(BLOCK_O200K, piece, text, n, from, ends, max);
}
