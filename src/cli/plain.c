/* SPDX-License-Identifier: MIT */
#include "cli/plain.h"

#include <stdint.h>

#include "base/utf8.h"
#include "meter/unicode.h"

/* Where characters are two columns wide: the blocks of Unicode's East Asian Width "W" and "F". */
static const uint32_t wide[][2] = {
    {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},
    {0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xa960, 0xa97f},   {0xac00, 0xd7a3},
    {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff01, 0xff60},   {0xffe0, 0xffe6},
    {0x16fe0, 0x18d08}, {0x1b000, 0x1b2fb}, {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff},
    {0x1f900, 0x1faff}, {0x20000, 0x3fffd},
};

/* Categories that are no picture of their own, or none that stays where it is. */
static const bool hidden[CATEGORIES] = {
    [CAT_MN] = true, [CAT_MC] = true, [CAT_ME] = true, [CAT_ZL] = true, [CAT_ZP] = true,
    [CAT_CC] = true, [CAT_CF] = true, [CAT_CS] = true, [CAT_CO] = true, [CAT_CN] = true,
};

/* The character of the first n bytes, which are a well-formed sequence. */
static uint32_t decode(const char *p, size_t n)
{
    static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t cp = (unsigned char)p[0] & first[n];

    for (size_t i = 1; i < n; i++)
        cp = cp << 6 | ((unsigned char)p[i] & 0x3f);
    return cp;
}

void plain_add(struct buf *out, struct span s)
{
    while (s.n) {
        size_t n = utf8_valid_len(s);

        if (n && !hidden[unicode_category(decode(s.p, n))])
            buf_add(out, s.p, n);
        else
            buf_char(out, '?');
        s = span_skip(s, n ? n : utf8_invalid_len(s));
    }
}

static size_t char_width(uint32_t cp)
{
    for (size_t i = 0; i < sizeof wide / sizeof *wide && cp >= wide[i][0]; i++)
        if (cp <= wide[i][1])
            return 2;
    return 1;
}

struct span plain_fit(struct span s, size_t width)
{
    struct span rest = s;

    while (rest.n) {
        size_t n = utf8_valid_len(rest), takes = n ? char_width(decode(rest.p, n)) : 1;

        if (takes > width)
            break;
        width -= takes;
        rest = span_skip(rest, n ? n : 1);
    }
    return (struct span){s.p, s.n - rest.n};
}

size_t plain_width(struct span s)
{
    size_t width = 0;

    while (s.n) {
        size_t n = utf8_valid_len(s);

        width += n ? char_width(decode(s.p, n)) : 1;
        s = span_skip(s, n ? n : 1);
    }
    return width;
}
