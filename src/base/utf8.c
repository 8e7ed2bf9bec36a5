/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"

/* Table 3-7 of the Unicode Standard: a lead byte, how many follow, and the range of the first one. */
struct lead {
    unsigned char from, to, follow, low, high;
};

static const struct lead leads[] = {
    {0xc2, 0xdf, 1, 0x80, 0xbf}, {0xe0, 0xe0, 2, 0xa0, 0xbf}, {0xe1, 0xec, 2, 0x80, 0xbf},
    {0xed, 0xed, 2, 0x80, 0x9f}, {0xee, 0xef, 2, 0x80, 0xbf}, {0xf0, 0xf0, 3, 0x90, 0xbf},
    {0xf1, 0xf3, 3, 0x80, 0xbf}, {0xf4, 0xf4, 3, 0x80, 0x8f},
};

/* How many bytes of s belong together; *whole says whether they are a whole character. */
static size_t sequence(struct span s, bool *whole)
{
    unsigned char c = (unsigned char)s.p[0];
    size_t i;

    *whole = c < 0x80;
    for (size_t row = 0; c >= 0x80 && row < sizeof leads / sizeof *leads; row++) {
        const struct lead *l = &leads[row];
        if (c < l->from || c > l->to)
            continue;
        for (i = 1; i <= l->follow && i < s.n; i++) {
            unsigned char b = (unsigned char)s.p[i];
            if (b < (i == 1 ? l->low : 0x80) || b > (i == 1 ? l->high : 0xbf))
                return i;
        }
        *whole = i == l->follow + 1u;
        return i;
    }
    return 1;
}

size_t utf8_valid_len(struct span s)
{
    bool whole;
    size_t n = s.n ? sequence(s, &whole) : 0;

    return n && whole ? n : 0;
}

size_t utf8_invalid_len(struct span s)
{
    bool whole;

    return sequence(s, &whole);
}

bool utf8_valid(struct span s)
{
    while (s.n) {
        size_t n = (unsigned char)s.p[0] < 0x80 ? 1 : utf8_valid_len(s);
        if (!n)
            return false;
        s = span_skip(s, n);
    }
    return true;
}
