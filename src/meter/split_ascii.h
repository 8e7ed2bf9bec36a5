/* SPDX-License-Identifier: MIT */
#ifndef SPLIT_ASCII_H
#define SPLIT_ASCII_H

#include <stddef.h>
#include <stdint.h>

/*
 * Windows of ASCII: the next sixteen bytes as bit masks, bit i for byte i, from which most pieces
 * of most texts can be told at once. Where a window cannot tell, because a run leaves it or is
 * followed by other than ASCII, these functions return NULL and the caller goes character by
 * character.
 */

#define ASCII_WINDOW 16

#ifdef __SSE2__

#include <emmintrin.h>

typedef __m128i window;

static inline window window_at(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

static inline unsigned window_eq(window w, char c)
{
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(w, _mm_set1_epi8(c)));
}

/* first <= byte < first + n. The comparison is signed: the range is moved to the bottom. */
static inline unsigned window_range(window w, char first, int n)
{
    __m128i low = _mm_sub_epi8(w, _mm_set1_epi8((char)(first + 128)));

    return (unsigned)_mm_movemask_epi8(_mm_cmplt_epi8(low, _mm_set1_epi8((char)(n - 128))));
}

/* Bytes that are not ASCII. */
static inline unsigned window_beyond(window w)
{
    return (unsigned)_mm_movemask_epi8(w);
}

/* ASCII letters to lower case; other bytes change too, but none to a letter. */
static inline window window_fold(window w)
{
    return _mm_or_si128(w, _mm_set1_epi8(0x20));
}

#else

#include <string.h>

typedef struct {
    uint8_t b[ASCII_WINDOW];
} window;

static inline window window_at(const uint8_t *p)
{
    window w;

    memcpy(w.b, p, sizeof w.b);
    return w;
}

static inline unsigned window_eq(window w, char c)
{
    unsigned mask = 0;

    for (int i = 0; i < ASCII_WINDOW; i++)
        mask |= (unsigned)(w.b[i] == (uint8_t)c) << i;
    return mask;
}

static inline unsigned window_range(window w, char first, int n)
{
    unsigned mask = 0;

    for (int i = 0; i < ASCII_WINDOW; i++)
        mask |= (unsigned)((uint8_t)(w.b[i] - (uint8_t)first) < n) << i;
    return mask;
}

static inline unsigned window_beyond(window w)
{
    return window_range(w, (char)0x80, 128);
}

static inline window window_fold(window w)
{
    for (int i = 0; i < ASCII_WINDOW; i++)
        w.b[i] |= 0x20;
    return w;
}

#endif

/* Consecutive set bits of mask from bit i on. */
static inline unsigned run_length(unsigned mask, unsigned i)
{
    return (unsigned)__builtin_ctz(~(mask >> i));
}

/* The end of white space that starts at p, as space_run() has it; more than a window must follow p.
 */
static inline const uint8_t *ascii_space_run(const uint8_t *p)
{
    window w = window_at(p);
    unsigned n = run_length(window_eq(w, ' ') | window_range(w, '\t', 5), 0);
    unsigned newlines = (window_eq(w, '\n') | window_eq(w, '\r')) & ((1u << n) - 1);

    if (n == 0 || n == ASCII_WINDOW || p[n] >= 0x80)
        return NULL;
    if (newlines)
        return p + 32 - __builtin_clz(newlines);
    return p + (n > 1 ? n - 1 : 1);
}

/* The run of lower-case ASCII letters at p. */
static inline const uint8_t *ascii_lower_run(const uint8_t *p, const uint8_t *end)
{
    while (end - p >= ASCII_WINDOW) {
        unsigned n = run_length(window_range(window_at(p), 'a', 26), 0);
        p += n;
        if (n < ASCII_WINDOW)
            return p;
    }
    while (p < end && (uint8_t)(*p - 'a') < 26)
        p++;
    return p;
}

static inline const uint8_t *ascii_letter_run(const uint8_t *p, const uint8_t *end)
{
    while (end - p >= ASCII_WINDOW) {
        unsigned n = run_length(window_range(window_fold(window_at(p)), 'a', 26), 0);
        p += n;
        if (n < ASCII_WINDOW)
            return p;
    }
    while (p < end && (uint8_t)((*p | 0x20) - 'a') < 26)
        p++;
    return p;
}

#endif
