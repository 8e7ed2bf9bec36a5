/* SPDX-License-Identifier: MIT */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Texts made to be slow: long pieces, runs, what the splitters must look ahead in, what no
 * vocabulary has. A shape of one character is a kind of random text, one that is longer repeats
 * itself. */

static const char *const hostile_shapes[] = {
    "a",
    " ",
    "\n",
    "\t",
    "0",
    "A",
    "'",
    "\xff", /* one byte, again and again */
    "@",
    "#",
    "=",
    "6",
    "C",
    "K",
    "H",
    "L",
    "R",
    "T",
    "E",
    "P",
    "U",
    "W",
    "?",
    " \n",
    "a ",
    "ab",
    "aA",
    "=-",
    "'s",
    "\xcc\x81",
    "A\xcc\x81",
    "/\n",
    "\n/",
    "it's",
    "'re've",
    "  a",
    "1a",
    "aaaaaaaaab",
    "          a",
    "the quick ",
    "\xe4\xb8\xad",
    "\xf0\x9f\x98\x80",
    "\xe4\xb8\xad"
    "A",
};

#define HOSTILE_SHAPES (sizeof hostile_shapes / sizeof *hostile_shapes)

static inline uint32_t hostile_dice(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

static inline size_t hostile_utf8(char *p, uint32_t cp)
{
    size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;

    p[0] = (char)((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | cp >> 6 * (n - 1));
    for (size_t i = 1; i < n; i++)
        p[i] = (char)(0x80 | (cp >> 6 * (n - 1 - i) & 63));
    return n;
}

/* The next few bytes of random text of a kind; 0: no such kind. */
static inline size_t hostile_some(char kind, char *p, uint64_t *seed)
{
    static const struct {
        char kind;
        const char *bytes; /* to choose from */
        uint32_t from, n;  /* or code points */
    } kinds[] = {
        {'@', "abcdefghijklmnopqrstuvwxyz", 0, 26},
        {'#', "ab", 0, 2},
        {'6', "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 0, 64},
        {'P', "!-=*#_.,;:<>/", 0, 13},
        {'U', "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 0, 26},
        {'W', " \t\n", 0, 3},
        {'C', NULL, 0x4e00, 0x5000},
        {'K', NULL, 0x3041, 80},
        {'H', NULL, 0xac00, 11000},
        {'L', NULL, 0xc0, 64},
        {'R', NULL, 0x430, 32},
        {'T', NULL, 0xe01, 46},
        {'E', NULL, 0x1f300, 0x300},
    };

    if (kind == '=') { /* runs of two characters */
        size_t n = hostile_dice(seed) % 24 + 1;
        memset(p, hostile_dice(seed) % 2 ? '-' : '=', n);
        return n;
    }
    if (kind == '?') { /* no UTF-8 */
        *p = (char)(0x80 + hostile_dice(seed) % 0x80);
        return 1;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i].kind != kind)
            continue;
        if (!kinds[i].bytes)
            return hostile_utf8(p, kinds[i].from + hostile_dice(seed) % kinds[i].n);
        *p = kinds[i].bytes[hostile_dice(seed) % kinds[i].n];
        return 1;
    }
    return 0;
}

/* At least n bytes of a shape; the caller frees them. */
static inline char *hostile(const char *shape, size_t n)
{
    char *p = malloc(n + 32);
    uint64_t seed = 11;
    size_t some, period = strlen(shape);

    for (size_t i = 0; p && i < n; i += some) {
        some = period == 1 ? hostile_some(*shape, p + i, &seed) : 0;
        if (some)
            continue;
        p[i] = shape[i % period];
        some = 1;
    }
    return p;
}

#endif
