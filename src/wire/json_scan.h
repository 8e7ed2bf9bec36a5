/* SPDX-License-Identifier: MIT */
#ifndef WIRE_JSON_SCAN_H
#define WIRE_JSON_SCAN_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Private to those who read or write JSON's strings: what stands in one as it is. */

static inline bool json_is_plain(char c, bool ascii)
{
    unsigned char u = (unsigned char)c;

    return u >= 0x20 && u != '"' && u != '\\' && (u < 0x80 || !ascii);
}

#ifdef __SSE2__
#define JSON_BLOCK 16

/* The place of the first of JSON_BLOCK bytes that is not plain; JSON_BLOCK: all are. */
static inline size_t json_first_odd(const char *p, bool ascii)
{
    const __m128i v = _mm_loadu_si128((const __m128i *)p);
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
    const __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    const __m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    const __m128i odd = _mm_or_si128(_mm_or_si128(quote, slash), control);
    unsigned bits = (unsigned)_mm_movemask_epi8(ascii ? _mm_or_si128(odd, v) : odd);

    return (size_t)__builtin_ctz(bits | 1u << JSON_BLOCK);
}
#else
#define JSON_BLOCK 8

/* The same: a byte's high bit says that it is odd. One that is none may have it, but only above one
 * that is. */
static inline size_t json_first_odd(const char *p, bool ascii)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t w, quote, slash, bits;

    memcpy(&w, p, sizeof w);
    w = le64toh(w);
    quote = w ^ ones * '"';
    slash = w ^ ones * '\\';
    bits = ((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash);
    bits = (bits | (ascii ? w : 0)) & ones * 0x80;
    return bits ? (size_t)__builtin_ctzll(bits) / 8 : JSON_BLOCK;
}
#endif

/* How many of n bytes come before the first control, quote or backslash; or, if `ascii`, before the
 * first byte that is not ASCII. */
static inline size_t json_plain(const char *p, size_t n, bool ascii)
{
    size_t i = 0, odd;

    for (; i + JSON_BLOCK <= n; i += JSON_BLOCK)
        if ((odd = json_first_odd(p + i, ascii)) < JSON_BLOCK)
            return i + odd;
    while (i < n && json_is_plain(p[i], ascii))
        i++;
    return i;
}

#endif
