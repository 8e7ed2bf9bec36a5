/* SPDX-License-Identifier: MIT */
#ifndef SPLIT_COMMON_H
#define SPLIT_COMMON_H

#include <stdbool.h>
#include <stdint.h>

#include "meter/unicode.h"
#include "split_ascii.h"

/* What the hand-written splitters share. Each function takes a place in well-formed UTF-8 and the
 * end of the text, and returns where the run that starts there ends. */

#define BIT(cls) (1u << (cls))
#define LETTERS  (BIT(CLASS_UPPER) | BIT(CLASS_LOWER) | BIT(CLASS_LETTER))
#define SPACES   (BIT(CLASS_SPACE) | BIT(CLASS_NEWLINE))
#define OTHERS   (BIT(CLASS_OTHER) | BIT(CLASS_MARK)) /* [^\s\p{L}\p{N}] */

/* U+4E00…U+9FFF, which are all CLASS_LETTER: most of Chinese. */
static inline const uint8_t *ideograph_run(const uint8_t *p, const uint8_t *end)
{
    while (end - p >= 3 && (uint16_t)((p[0] << 8 | p[1]) - 0xe4b8) < 0xea00 - 0xe4b8)
        p += 3;
    return p;
}

static inline const uint8_t *class_run(const uint8_t *p, const uint8_t *end, unsigned classes)
{
    while (p < end) {
        struct uchar u;
        if (classes & BIT(CLASS_LETTER) && *p >= 0xe4 && (p = ideograph_run(p, end)) == end)
            break;
        u = uchar_at(p);
        if (!(BIT(u.cls) & classes))
            break;
        p += u.len;
    }
    return p;
}

/* \p{N}{1,3} */
static inline const uint8_t *number_run(const uint8_t *p, const uint8_t *end)
{
    for (int most = 3; most-- && p < end;) {
        struct uchar u = uchar_at(p);
        if (u.cls != CLASS_NUMBER)
            break;
        p += u.len;
    }
    return p;
}

/* [\r\n]*, or with slash [\r\n/]* */
static inline const uint8_t *newline_run(const uint8_t *p, const uint8_t *end, bool slash)
{
    while (p < end && (*p == '\n' || *p == '\r' || (slash && *p == '/')))
        p++;
    return p;
}

/* \s*[\r\n]+ | \s+(?!\S) | \s+ : white space through its last newline; else all of it when the text
 * ends there; else all but its last character, which goes before what follows; else that one. */
static inline const uint8_t *space_run(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *newline = NULL, *last = p, *q;

    if (end - p > ASCII_WINDOW && (q = ascii_space_run(p)))
        return q;
    for (q = p; q < end;) {
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
