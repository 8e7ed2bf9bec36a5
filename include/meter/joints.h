/* SPDX-License-Identifier: MIT */
#ifndef METER_JOINTS_H
#define METER_JOINTS_H

#include "meter/vocab.h"

/*
 * Where merging can be cut. A token can only grow across a place if some token of the vocabulary
 * has the bytes on both sides of it; between two characters that stand beside each other in no
 * token, the text falls into two pieces that are merged apart. In writing without spaces most
 * places are such, and what lies between them is short and often seen before, most of it a single
 * character, whose count is in a table.
 *
 * Only places between two characters of three bytes in UTF-8 are looked at. A token may have the
 * left or the right one in part: it is then listed by what surely is in it, the last byte or the
 * first, for which a surrogate stands. Few are such: they are looked for only where some token has
 * that last byte before that first byte.
 */

/* A three-byte character's code point. */
static inline uint32_t triple_char(const char *p)
{
    const unsigned char *c = (const unsigned char *)p;

    return (c[0] & 15u) << 12 | (c[1] & 63u) << 6 | (c[2] & 63u);
}

static inline bool is_triple(const char *p)
{
    return ((unsigned char)*p & 0xf0) == 0xe0;
}

/* What stands for a left character of which a token has the last byte, and for a right one of which
 * it has the first. */
#define JOINT_LAST(c)  (0xd800 | ((c) & 63))
#define JOINT_FIRST(c) (0xd800 | (c) >> 12)

static inline uint32_t joint_hash(uint32_t left, uint32_t right)
{
    return (uint32_t)((uint64_t)(left << 16 | right) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static inline uint32_t joint_listed(const struct vocab *v, uint32_t left, uint32_t right)
{
    uint32_t hash = joint_hash(left, right);

    return (uint32_t)(v->joints[(hash >> 6) & (v->h->joints - 1)] >> (hash & 63)) & 1;
}

/* The same when a token may have one of them in part. */
static __attribute__((noinline, pure)) bool joint_in_part(const struct vocab *v, uint32_t left,
                                                          uint32_t right)
{
    uint32_t last = JOINT_LAST(left), first = JOINT_FIRST(right);

    return joint_listed(v, left, first) || joint_listed(v, last, right) ||
           joint_listed(v, last, first);
}

/* Whether a token may reach across the place between two three-byte characters: 1 or 0. */
static inline uint32_t joint_holds(const struct vocab *v, uint32_t left, uint32_t right)
{
    uint32_t whole = joint_listed(v, left, right);
    uint32_t parts = (uint32_t)(v->h->joint_parts[right >> 12] >> (left & 63)) & 1;

    if (__builtin_expect(parts > whole, 0))
        return joint_in_part(v, left, right);
    return whole;
}

/* How many tokens a three-byte character has by itself. */
static inline unsigned triple_count(const struct vocab *v, uint32_t c)
{
    return (unsigned)(v->triple_counts[c / 32] >> (c % 32 * 2)) & 3;
}

/* The first place after p where the piece p[0..n) can be cut, n when there is none. */
static inline size_t joint_cut(const struct vocab *v, const char *p, size_t n)
{
    uint32_t left = 0; /* the character before i, when it has three bytes */
    size_t i = 0;

    while (i < n) {
        unsigned char c = (unsigned char)p[i];
        uint32_t right = 0;
        if (is_triple(p + i)) {
            right = triple_char(p + i);
            if (left && !joint_holds(v, left, right))
                return i;
        }
        i += c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        left = right;
    }
    return n;
}

/* Three-byte characters p[0..3n), the first of which starts a part. */
struct joint_run {
    unsigned n;     /* of them, those in parts that end here */
    uint64_t held;  /* bit i: no cut before character i; the bit behind the last one is clear */
    unsigned count; /* tokens of the parts that are one character */
};

#define JOINT_RUN 62 /* characters that are looked at together */

static inline struct joint_run joint_run(const struct vocab *v, const char *p, size_t n)
{
    struct joint_run r = {0};
    unsigned most = n / 3 < JOINT_RUN ? (unsigned)(n / 3) : JOINT_RUN, i;
    uint32_t left, right, held = 0, holds, count;

    if (!most || !is_triple(p))
        return r;
    left = triple_char(p);
    count = triple_count(v, left);
    for (i = 1; i < most; i++) {
        const char *c = p + i * 3;
        if (!is_triple(c))
            break;
        right = triple_char(c);
        holds = joint_holds(v, left, right);
        r.held = r.held >> 1 | (uint64_t)holds << 63;
        r.count += count & ((held | holds) - 1);
        count = triple_count(v, right);
        held = holds;
        left = right;
    }
    r.held = r.held >> (64 - i);
    if (i * 3 == n) {
        r.count += count & (held - 1);
        r.n = i;
    } else { /* the last part may go on */
        r.n = 63 - (unsigned)__builtin_clzll(~r.held & ((UINT64_C(1) << i) - 1));
    }
    r.held &= (UINT64_C(1) << r.n) - 1;
    return r;
}

#endif
