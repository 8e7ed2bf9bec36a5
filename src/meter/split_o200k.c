/* SPDX-License-Identifier: MIT */
#include "meter/split.h"

#include "split_common.h"

/*
 * The o200k pattern by hand:
 *
 *   [^\r\n\p{L}\p{N}]? [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]* [\p{Ll}\p{Lm}\p{Lo}\p{M}]+ (?i:'s|…)?
 *   [^\r\n\p{L}\p{N}]? [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+ [\p{Ll}\p{Lm}\p{Lo}\p{M}]* (?i:'s|…)?
 *   \p{N}{1,3} |  ?[^\s\p{L}\p{N}]+[\r\n/]* | \s*[\r\n]+ | \s+(?!\S) | \s+
 *
 * Call the first set of a word heads (upper, letter, mark) and the second tails (lower, letter, mark).
 * Heads are taken greedily; when no lower-case letter follows them, the first alternative gives heads
 * back until its one tail can be the last letter or mark among them: so 中A ends behind 中, and 中Ab does
 * not. Only a word all of whose heads are upper case is left to the second alternative.
 */

#define HEADS (BIT(CLASS_UPPER) | BIT(CLASS_LETTER) | BIT(CLASS_MARK))
#define TAILS (BIT(CLASS_LOWER) | BIT(CLASS_LETTER) | BIT(CLASS_MARK))
#define BOTH  (BIT(CLASS_LETTER) | BIT(CLASS_MARK))

/* Bytes that the first alternative's letters take from p on; 0 when they fail. *upper is set to the
 * bytes of upper-case heads there, which the second alternative would take. */
static const uint8_t *word_lower(const uint8_t *p, const uint8_t *end, const uint8_t **upper)
{
    const uint8_t *both_end = NULL;
    struct uchar u = {CLASS_OTHER, 0};

    for (;;) {
        p = ascii_upper_run(p, end);
        if (p == end)
            break;
        u = uchar_at(p);
        if (!(BIT(u.cls) & HEADS))
            break;
        p += u.len;
        if (BIT(u.cls) & BOTH)
            both_end = p;
    }
    *upper = p;
    if (p == end || u.cls != CLASS_LOWER)
        return both_end;
    for (;;) {
        p = ascii_lower_run(p, end);
        if (p == end)
            return p;
        u = uchar_at(p);
        if (!(BIT(u.cls) & TAILS))
            return p;
        p += u.len;
    }
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

/* A mark at p may be a word's prefix or its first letter. The pattern tries the prefix, and then the
 * mark as the one tail of the first alternative, before the second alternative gets its turn. */
static const uint8_t *marked_word(const uint8_t *p, unsigned len, const uint8_t *end)
{
    const uint8_t *upper;
    const uint8_t *q = word_lower(p + len, end, &upper);

    if (!q)
        q = p + len;
    return q + contraction(q, end);
}

static const uint8_t *piece(const uint8_t *p, const uint8_t *end)
{
    struct uchar u = uchar_at(p);
    const uint8_t *q;

    switch (u.cls) {
    case CLASS_UPPER:
    case CLASS_LOWER:
    case CLASS_LETTER:
        return word(p, end);
    case CLASS_MARK:
        return marked_word(p, u.len, end);
    case CLASS_NUMBER:
        return number_run(p, end, 3);
    case CLASS_NEWLINE:
        return space_run(p, end);
    case CLASS_SPACE:
        q = word(p + u.len, end);
        if (q)
            return q;
        if (*p == ' ' && p + 1 < end && uchar_at(p + 1).cls == CLASS_OTHER)
            return newline_or_slash_run(other_run(p + 1, end), end);
        return space_run(p, end);
    case CLASS_OTHER:
        q = word(p + u.len, end);
        if (q)
            return q;
        return newline_or_slash_run(other_run(p, end), end);
    }
    __builtin_unreachable();
}

size_t split_o200k(const char *text, size_t n, size_t from, size_t *ends, size_t max)
{
    const uint8_t *start = (const uint8_t *)text, *end = start + n, *p = start + from;
    size_t count = 0;

    while (p < end && count < max) {
        p = piece(p, end);
        ends[count++] = (size_t)(p - start);
    }
    return count;
}
