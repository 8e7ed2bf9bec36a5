/* SPDX-License-Identifier: MIT */
#include "text_simd.h"

#if defined(__x86_64__)

#include <string.h>
#include <tmmintrin.h>

/*
 * Validation by looking up, for every two neighbouring bytes at once, the ways in which they can be
 * wrong: by the first one's high and low half and by the second one's high half. What stays in all
 * three is an error; only "two continuation bytes" is right where a lead byte two or three back
 * wants it. After John Keiser and Daniel Lemire, Validating UTF-8 In Less Than One Instruction Per
 * Byte (2020).
 */

enum {
    TOO_SHORT = 1 << 0,  /* a lead byte without its continuation */
    TOO_LONG = 1 << 1,   /* a continuation byte after ASCII */
    OVERLONG_3 = 1 << 2, /* E0 80…9F */
    TOO_LARGE = 1 << 3,  /* F4 90…BF, F5… */
    SURROGATE = 1 << 4,  /* ED A0…BF */
    OVERLONG_2 = 1 << 5, /* C0, C1 */
    OVERLONG_4 = 1 << 6, /* F0 80…8F; and F5… 80…8F, which is too large */
    TWO_CONTS = 1 << 7,
    ANY_LOW = TOO_SHORT | TOO_LONG | TWO_CONTS, /* does not depend on the low half */
    LARGE_LOW = ANY_LOW | TOO_LARGE | OVERLONG_4,
    CONT = TOO_LONG | OVERLONG_2 | TWO_CONTS,
};

#define SSSE3 __attribute__((target("ssse3")))

SSSE3 static inline __m128i pairs_wrong(__m128i first, __m128i second)
{
    const __m128i first_high = _mm_setr_epi8(
        TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
        (char)TWO_CONTS, (char)TWO_CONTS, (char)TWO_CONTS, (char)TWO_CONTS, TOO_SHORT | OVERLONG_2,
        TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | OVERLONG_4);
    const __m128i first_low = _mm_setr_epi8(
        (char)(ANY_LOW | OVERLONG_3 | OVERLONG_2 | OVERLONG_4), (char)(ANY_LOW | OVERLONG_2),
        (char)ANY_LOW, (char)ANY_LOW, (char)(ANY_LOW | TOO_LARGE), (char)LARGE_LOW, (char)LARGE_LOW,
        (char)LARGE_LOW, (char)LARGE_LOW, (char)LARGE_LOW, (char)LARGE_LOW, (char)LARGE_LOW,
        (char)LARGE_LOW, (char)(LARGE_LOW | SURROGATE), (char)LARGE_LOW, (char)LARGE_LOW);
    const __m128i second_high = _mm_setr_epi8(
        TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
        (char)(CONT | OVERLONG_3 | OVERLONG_4), (char)(CONT | OVERLONG_3 | TOO_LARGE),
        (char)(CONT | SURROGATE | TOO_LARGE), (char)(CONT | SURROGATE | TOO_LARGE), TOO_SHORT,
        TOO_SHORT, TOO_SHORT, TOO_SHORT);
    const __m128i low = _mm_set1_epi8(15);

    return _mm_and_si128(
        _mm_and_si128(_mm_shuffle_epi8(first_high, _mm_and_si128(_mm_srli_epi16(first, 4), low)),
                      _mm_shuffle_epi8(first_low, _mm_and_si128(first, low))),
        _mm_shuffle_epi8(second_high, _mm_and_si128(_mm_srli_epi16(second, 4), low)));
}

/* What is wrong with the sixteen bytes of now, which follow those of before. */
SSSE3 static inline __m128i wrong(__m128i before, __m128i now)
{
    __m128i two_back = _mm_alignr_epi8(now, before, 14),
            three_back = _mm_alignr_epi8(now, before, 13);
    __m128i wanted = _mm_or_si128(_mm_subs_epu8(two_back, _mm_set1_epi8((char)(0xe0 - 0x80))),
                                  _mm_subs_epu8(three_back, _mm_set1_epi8((char)(0xf0 - 0x80))));

    return _mm_xor_si128(_mm_and_si128(wanted, _mm_set1_epi8((char)0x80)),
                         pairs_wrong(_mm_alignr_epi8(now, before, 15), now));
}

SSSE3 static bool valid_ssse3(const char *p, size_t n)
{
    __m128i before = _mm_setzero_si128(), errors = before, now;
    char rest[32] = {0}; /* zeros behind the end show what is cut short there */
    size_t i = 0;

    for (; i + 16 <= n; i += 16) {
        now = _mm_loadu_si128((const __m128i *)(p + i));
        errors = _mm_or_si128(errors, wrong(before, now));
        before = now;
    }
    memcpy(rest, p + i, n - i);
    now = _mm_loadu_si128((const __m128i *)rest);
    errors = _mm_or_si128(errors, wrong(before, now));
    return _mm_movemask_epi8(_mm_cmpeq_epi8(errors, _mm_setzero_si128())) == 0xffff;
}

bool text_valid_simd(const char *p, size_t n)
{
    return __builtin_cpu_supports("ssse3") && valid_ssse3(p, n);
}

#else

bool text_valid_simd(const char *p, size_t n)
{
    (void)p;
    return n == 0;
}

#endif
