/* SPDX-License-Identifier: MIT */
#include "meter/text.h"

#include <stdint.h>

#include "base/utf8.h"

/* Bytes of ASCII at the start of s, in whole steps of eight at first. */
static size_t ascii_prefix(struct span s)
{
    size_t i = 0;
    uint64_t word;

    for (; i + 8 <= s.n; i += 8) {
        memcpy(&word, s.p + i, 8);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    while (i < s.n && !(s.p[i] & 0x80))
        i++;
    return i;
}

/* Length of the well-formed character at p, of which `room` bytes may be read; 0 for none. */
static size_t char_len(const unsigned char *p, size_t room)
{
    unsigned char c = p[0];

    if (c < 0x80)
        return 1;
    if (c >= 0xe1 && c <= 0xec && room >= 3) /* most of the world's writing that is not ASCII */
        return (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80 ? 3 : 0;
    if (c >= 0xc2 && c < 0xe0 && room >= 2)
        return (p[1] & 0xc0) == 0x80 ? 2 : 0;
    return utf8_valid_len((struct span){(const char *)p, room});
}

size_t text_valid_prefix(struct span s)
{
    size_t i = 0;

    while (i < s.n) {
        size_t n = char_len((const unsigned char *)s.p + i, s.n - i);
        if (!n)
            return i;
        i += n;
        if (n == 1)
            i += ascii_prefix(span_skip(s, i));
    }
    return i;
}

void text_clean(struct span s, struct buf *out)
{
    while (s.n) {
        size_t n = text_valid_prefix(s);

        buf_add(out, s.p, n);
        s = span_skip(s, n);
        if (!s.n)
            break;
        buf_add(out, "\xef\xbf\xbd", 3);
        s = span_skip(s, utf8_invalid_len(s));
    }
}
