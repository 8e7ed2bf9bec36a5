/* SPDX-License-Identifier: MIT */
#ifndef SPLIT_BLOCK_H
#define SPLIT_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "split_ascii.h"

/*
 * Splitting sixty-four bytes of ASCII at once. Bit i of a mask speaks of byte i; byte 0 is where a
 * piece starts. Where pieces start inside is worked out for all bytes together, by shifting and
 * adding masks; what is rare is left to the splitter that goes character by character.
 */

#define BLOCK 64

struct block {
    uint64_t upper, letter, digit;  /* letter: either case */
    uint64_t space, white, newline; /* U+0020; all white space; \r and \n */
    uint64_t slash, apostrophe;
    unsigned n; /* bytes of ASCII at the start, BLOCK at most */
};

/* The letters that contractions are made of, in either case. */
struct block_letters {
    uint64_t single; /* s t m d */
    uint64_t r_or_v, e, l;
};

/* Which of the two splitting rules. */
enum block_rule { BLOCK_O200K, BLOCK_CL100K };

/* White space: one piece through its last newline, then all but its last character, which goes with
 * what follows. False when white space stands between newlines: that would need a look ahead. */
static inline bool block_white(uint64_t white, uint64_t newline, uint64_t *starts)
{
    uint64_t blank = white & ~newline;
    uint64_t after_newline = blank & ~(blank << 1) & (newline << 1);

    /* The sum carries each of those runs over to the bit behind it. */
    if ((blank + after_newline) & ~blank & newline)
        return false;
    *starts |= (white & ~(white << 1)) | after_newline | (blank & ~(white >> 1));
    *starts |= (newline & ~(white >> 1)) << 1;
    return true;
}

/* Every third digit of a run starts a piece. */
static inline void block_digits(uint64_t digit, uint64_t *starts)
{
    uint64_t first = digit & ~(digit << 1);

    *starts |= first;
    for (first &= digit >> 1 & digit >> 2 & digit >> 3; first; first &= first - 1) {
        unsigned i = (unsigned)__builtin_ctzll(first);
        uint64_t rest = ~(digit >> i);
        unsigned n = rest ? (unsigned)__builtin_ctzll(rest) : BLOCK;
        for (unsigned k = 3; k < n; k += 3)
            *starts |= UINT64_C(1) << (i + k);
    }
}

/* Contractions behind the given apostrophes: where those of two and of three bytes are. */
static inline void block_contractions(uint64_t apostrophe, const struct block_letters *l,
                                      uint64_t *two, uint64_t *three)
{
    *two = apostrophe & l->single >> 1;
    *three = apostrophe & ((l->r_or_v >> 1 & l->e >> 2) | (l->l >> 1 & l->l >> 2));
}

static inline void block_load(const uint8_t *p, struct block *b)
{
    uint64_t beyond = 0;

    *b = (struct block){0};
    for (int i = 0; i < BLOCK; i += ASCII_WINDOW) {
        window w = window_at(p + i);
        unsigned space = window_eq(w, ' '), newline = window_eq(w, '\n') | window_eq(w, '\r');
        b->upper |= (uint64_t)window_range(w, 'A', 26) << i;
        b->letter |= (uint64_t)window_range(window_fold(w), 'a', 26) << i;
        b->digit |= (uint64_t)window_range(w, '0', 10) << i;
        b->space |= (uint64_t)space << i;
        b->white |= (uint64_t)(space | window_range(w, '\t', 5)) << i;
        b->newline |= (uint64_t)newline << i;
        b->slash |= (uint64_t)window_eq(w, '/') << i;
        b->apostrophe |= (uint64_t)window_eq(w, '\'') << i;
        beyond |= (uint64_t)window_beyond(w) << i;
    }
    b->n = beyond ? (unsigned)__builtin_ctzll(beyond) : BLOCK;
}

static inline void block_letters(const uint8_t *p, struct block_letters *l)
{
    *l = (struct block_letters){0};
    for (int i = 0; i < BLOCK; i += ASCII_WINDOW) {
        window w = window_fold(window_at(p + i));
        l->single |= (uint64_t)(window_eq(w, 's') | window_eq(w, 't') | window_eq(w, 'm') |
                                window_eq(w, 'd'))
                     << i;
        l->r_or_v |= (uint64_t)(window_eq(w, 'r') | window_eq(w, 'v')) << i;
        l->e |= (uint64_t)window_eq(w, 'e') << i;
        l->l |= (uint64_t)window_eq(w, 'l') << i;
    }
}

/* The bytes that start pieces, byte 0 left out, as far as *limit, which is the last one that is
 * sure. False: the block has something rare. */
static inline __attribute__((always_inline)) bool block_starts(const struct block *b,
                                                               enum block_rule rule,
                                                               const uint8_t *p, uint64_t *starts,
                                                               unsigned *limit)
{
    const uint64_t inside = b->n == BLOCK ? UINT64_MAX : (UINT64_C(1) << b->n) - 1;
    uint64_t white = b->white & inside, newline = b->newline & inside, letter = b->letter & inside;
    uint64_t other = inside & ~(white | letter | b->digit);
    uint64_t behind, tail, absorbed, single, s = 0, suspects;

    /* Newlines right behind other characters belong to them, in o200k with slashes among them. */
    tail = newline & (other << 1);
    behind = newline | (rule == BLOCK_O200K ? b->slash & inside : 0);
    absorbed = (((behind + tail) ^ behind) & behind) | tail;
    s |= absorbed << 1 & ~absorbed;
    other &= ~absorbed;
    white &= ~absorbed;
    newline &= ~absorbed;

    if (!block_white(white, newline, &s))
        return false;
    block_digits(b->digit & inside, &s);
    s |= other & ~(other << 1) & ~(b->space << 1);

    /* A word takes one character before it with it, if that is blank or stands alone. */
    single = other & ~(other << 1) & ~(other >> 1) & ~(b->space << 1);
    s |= letter & ~(letter << 1) & ~((white & ~newline) << 1) & ~(single << 1);
    if (rule == BLOCK_O200K)
        s |= b->upper & (letter & ~b->upper) << 1;

    suspects = b->apostrophe & (rule == BLOCK_O200K ? letter << 1 : single);
    suspects &= letter >> 1;
    if (suspects) {
        struct block_letters l;
        uint64_t two, three;
        block_letters(p, &l);
        block_contractions(suspects, &l, &two, &three);
        if ((two << 2 | three << 3) & (two | three))
            return false;
        if (rule == BLOCK_O200K)
            s &= ~(two | three | two << 1 | three << 1 | three << 2);
        s |= two << 2 | three << 3;
    }
    *limit = b->n - 4; /* whether a piece starts at a byte is seen from it and three more */
    if (white >> (b->n - 1) & 1) { /* white space that may go on */
        uint64_t black = inside & ~white;
        unsigned from = black ? BLOCK - (unsigned)__builtin_clzll(black) : 0;
        *limit = from < *limit ? from : *limit;
    }
    *starts = s;
    return true;
}

/* Writes the ends of the pieces that a block shows whole, the first of which starts at p; at most
 * max. 0 when the block does not tell. At least BLOCK bytes of text must follow p. */
static inline __attribute__((always_inline)) size_t
block_split(const uint8_t *start, const uint8_t *p, enum block_rule rule, size_t *ends, size_t max)
{
    struct block b;
    uint64_t starts;
    unsigned limit;
    size_t count = 0;

    if (window_beyond(window_at(p)))
        return 0;
    block_load(p, &b);
    if (!block_starts(&b, rule, p, &starts, &limit))
        return 0;
    for (starts &= (UINT64_C(2) << limit) - 2; starts && count < max; starts &= starts - 1)
        ends[count++] = (size_t)(p - start) + (size_t)__builtin_ctzll(starts);
    return count;
}

/* The ends of the pieces from `from` on, at most max: block by block, and by `piece` where a block
 * does not tell. */
static inline __attribute__((always_inline)) size_t
split_by(enum block_rule rule, const uint8_t *(*piece)(const uint8_t *p, const uint8_t *end),
         const char *text, size_t n, size_t from, size_t *ends, size_t max)
{
    const uint8_t *start = (const uint8_t *)text, *end = start + n, *p = start + from;
    size_t count = 0, some;

    while (p < end && count < max) {
        some = end - p >= BLOCK ? block_split(start, p, rule, ends + count, max - count) : 0;
        if (!some) {
            ends[count] = (size_t)(piece(p, end) - start);
            some = 1;
        }
        count += some;
        p = start + ends[count - 1];
    }
    return count;
}

#endif
