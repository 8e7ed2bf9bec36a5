/* SPDX-License-Identifier: MIT */
#ifndef METER_JOINTS_H
#define METER_JOINTS_H

#include "meter/vocab.h"

/*
 * Where merging can be cut. A token can only grow across a place if some token of the vocabulary
 * has the bytes on both sides of it; between two characters that stand beside each other in no
 * token, the text falls into two pieces that are merged apart. In writing without spaces half of
 * all places are such, and what lies between them is short and often seen before.
 *
 * Only places between two characters of three bytes in UTF-8 are looked at. A token may have the
 * left or the right one in part: it is then listed by what surely is in it, the last byte or the
 * first. Few are such; of those that meet in a last byte and a first byte, all are looked for only
 * where any is.
 */

static inline uint32_t joint_char(const char *p)
{
    const unsigned char *c = (const unsigned char *)p;

    return c[0] | (uint32_t)c[1] << 8 | (uint32_t)c[2] << 16;
}

/* left: a character or its last byte; right: a character or its first byte. */
static inline uint32_t joint_hash(uint32_t left, uint32_t right)
{
    return (uint32_t)(((uint64_t)left << 24 ^ right) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

#define JOINT_PARTS                                                                                \
    (UINT32_C(1) << 24) /* with a last byte: a token has both characters in part                   \
                         */

static inline bool joint_listed(const struct vocab *v, uint32_t left, uint32_t right)
{
    uint32_t hash = joint_hash(left, right);

    return v->joints[(hash >> 6) & (v->h->joints - 1)] >> (hash & 63) & 1;
}

/* Whether a token may reach across p, between the two three-byte characters there. */
static inline bool joint_holds(const struct vocab *v, const char *p)
{
    uint32_t left = joint_char(p - 3), right = joint_char(p);

    if (joint_listed(v, left, right))
        return true;
    return joint_listed(v, left >> 16, right & 0xff) &&
           (joint_listed(v, left, right & 0xff) || joint_listed(v, left >> 16, right) ||
            joint_listed(v, JOINT_PARTS | left >> 16, right & 0xff));
}

/* The first place after p where the piece p[0..n) can be cut, n when there is none. */
static inline size_t joint_cut(const struct vocab *v, const char *p, size_t n)
{
    size_t i = 0;
    bool wide = false; /* the character before i has three bytes */

    while (i < n) {
        unsigned char c = (unsigned char)p[i];
        if (c < 0xe0 || c >= 0xf0) {
            i += c < 0x80 ? 1 : c < 0xe0 ? 2 : 4;
            wide = false;
            continue;
        }
        if (wide && !joint_holds(v, p + i))
            return i;
        wide = true;
        i += 3;
    }
    return n;
}

#endif
