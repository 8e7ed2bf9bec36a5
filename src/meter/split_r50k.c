/* SPDX-License-Identifier: MIT */
#include "meter/split.h"

#include "split_common.h"

/*
 * The pattern of r50k and p50k by hand:
 *
 *   's|'t|'re|'ve|'m|'ll|'d |  ?\p{L}+ |  ?\p{N}+ |  ?[^\s\p{L}\p{N}]+ | \s+(?!\S) | \s+
 *
 * Contractions are in lower case only, and newlines are white space like any other.
 */

static unsigned lower_contraction(const uint8_t *p, const uint8_t *end)
{
    unsigned n = contraction(p, end);

    for (unsigned i = 1; i < n; i++)
        if (p[i] < 'a' || p[i] > 'z')
            return 0;
    return n;
}

/* White space at the end of the text is one piece; else its last character goes with what follows. */
static const uint8_t *white_run(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *last = p, *q = p;

    while (q < end) {
        struct uchar u = uchar_at(q);
        if (!(BIT(u.cls) & SPACES))
            break;
        last = q;
        q += u.len;
    }
    return q == end || last == p ? q : last;
}

static const uint8_t *piece(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *q = *p == ' ' && p + 1 < end ? p + 1 : p;
    struct uchar u = uchar_at(q);
    unsigned n = *p == '\'' ? lower_contraction(p, end) : 0;

    if (n)
        return p + n;
    if (BIT(u.cls) & LETTERS)
        return class_run(q, end, LETTERS);
    if (u.cls == CLASS_NUMBER)
        return class_run(q, end, BIT(CLASS_NUMBER));
    if (BIT(u.cls) & OTHERS)
        return class_run(q, end, OTHERS);
    return white_run(p, end);
}

size_t split_r50k(const char *text, size_t n, size_t from, size_t *ends, size_t max)
{
    const uint8_t *start = (const uint8_t *)text, *end = start + n, *p = start + from;
    size_t count = 0;

    while (p < end && count < max) {
        p = piece(p, end);
        ends[count++] = (size_t)(p - start);
    }
    return count;
}
