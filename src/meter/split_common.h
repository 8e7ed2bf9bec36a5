/* SPDX-License-Identifier: MIT */
#ifndef SPLIT_COMMON_H
#define SPLIT_COMMON_H

#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "meter/unicode.h"

/* What the hand-written splitters share. Each function takes a place in well-formed UTF-8 and the end
 * of the text, and returns where the run that starts there ends. */

#define BIT(cls) (1u << (cls))
#define LETTERS  (BIT(CLASS_UPPER) | BIT(CLASS_LOWER) | BIT(CLASS_LETTER))
#define SPACES   (BIT(CLASS_SPACE) | BIT(CLASS_NEWLINE))
#define OTHERS   (BIT(CLASS_OTHER) | BIT(CLASS_MARK)) /* [^\s\p{L}\p{N}] */

/* The run of the ASCII letters first … first + 25, where fold is 0x20 to take both cases. */
static inline const uint8_t *ascii_run(const uint8_t *p, const uint8_t *end, char first, char fold)
{
#ifdef __SSE2__
    while (end - p >= 16) {
        __m128i v = _mm_or_si128(_mm_loadu_si128((const __m128i *)p), _mm_set1_epi8(fold));
        /* Signed comparison: move the range to the bottom of the signed bytes. */
        __m128i low = _mm_sub_epi8(v, _mm_set1_epi8((char)(first + 128)));
        unsigned out = (unsigned)_mm_movemask_epi8(_mm_cmpgt_epi8(low, _mm_set1_epi8(-128 + 25)));
        if (out)
            return p + __builtin_ctz(out);
        p += 16;
    }
#endif
    while (p < end && (uint8_t)((*p | fold) - first) < 26)
        p++;
    return p;
}

static inline const uint8_t *ascii_upper_run(const uint8_t *p, const uint8_t *end)
{
    return p < end && (uint8_t)(*p - 'A') < 26 ? ascii_run(p, end, 'A', 0) : p;
}

static inline const uint8_t *ascii_lower_run(const uint8_t *p, const uint8_t *end)
{
    return ascii_run(p, end, 'a', 0);
}

static inline const uint8_t *ascii_letter_run(const uint8_t *p, const uint8_t *end)
{
    return ascii_run(p, end, 'a', 0x20);
}

static inline const uint8_t *number_run(const uint8_t *p, const uint8_t *end, int most)
{
    while (most-- && p < end) {
        struct uchar u = uchar_at(p);
        if (u.cls != CLASS_NUMBER)
            break;
        p += u.len;
    }
    return p;
}

static inline const uint8_t *other_run(const uint8_t *p, const uint8_t *end)
{
    while (p < end) {
        struct uchar u = uchar_at(p);
        if (!(BIT(u.cls) & OTHERS))
            break;
        p += u.len;
    }
    return p;
}

static inline const uint8_t *newline_run(const uint8_t *p, const uint8_t *end)
{
    while (p < end && (*p == '\n' || *p == '\r'))
        p++;
    return p;
}

static inline const uint8_t *newline_or_slash_run(const uint8_t *p, const uint8_t *end)
{
    while (p < end && (*p == '\n' || *p == '\r' || *p == '/'))
        p++;
    return p;
}

/* \s*[\r\n]+ | \s+(?!\S) | \s+ : white space through its last newline; else all of it when the text
 * ends there; else all but its last character, which goes before what follows; else that one. */
static inline const uint8_t *space_run(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *newline = NULL, *last = p, *q = p;

    while (q < end) {
        struct uchar u = uchar_at(q);
        if (!(BIT(u.cls) & SPACES))
            break;
        last = q;
        q += u.len;
        if (u.cls == CLASS_NEWLINE)
            newline = q;
    }
    if (newline)
        return newline;
    return q == end || last == p ? q : last;
}

/* Bytes of (?i:'s|'t|'re|'ve|'m|'ll|'d) at p, or 0. Ignoring case, U+017F is an s. */
static inline unsigned contraction(const uint8_t *p, const uint8_t *end)
{
    uint8_t a, b;

    if (end - p < 2 || *p != '\'')
        return 0;
    a = p[1] | 0x20;
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return 2;
    if (end - p < 3)
        return 0;
    b = p[2] | 0x20;
    if (((a == 'r' || a == 'v') && b == 'e') || (a == 'l' && b == 'l'))
        return 3;
    return p[1] == 0xc5 && p[2] == 0xbf ? 3 : 0;
}

#endif
