/* SPDX-License-Identifier: MIT */
#ifndef METER_PIECE_CACHE_H
#define METER_PIECE_CACHE_H

#include <stdint.h>

#include "meter/vocab.h"

/*
 * One thread's memory of how many tokens pieces have, in two tables: short pieces, and wide ones of
 * up to PIECE_WIDE bytes. An entry is a piece's whole content, so an answer is never wrong; a newer
 * piece takes an older one's place. Vocabularies share the tables by their tags.
 *
 * The free byte of a short key holds the tag (high half) and the count, 1 to 14 (low half). The
 * last two bytes of a wide one hold, from the lowest bit, the count (5 bits), the length (5) and
 * the tag (4).
 */

#define PIECE_CACHE_SIZE 32768 /* entries of 16 bytes */
#define PIECE_CACHE_WIDE 8192  /* entries of 32 bytes */
#define PIECE_CACHE_TAGS 16    /* vocabularies that can share it */
#define PIECE_WIDE       30

struct wide_key {
    uint64_t w[4];
};

struct piece_cache {
    struct piece_key entry[PIECE_CACHE_SIZE];
    struct wide_key wide[PIECE_CACHE_WIDE];
} __attribute__((aligned(64)));

static inline struct piece_key *piece_cache_slot(struct piece_cache *c, uint64_t hash)
{
    return &c->entry[(hash >> 32) % PIECE_CACHE_SIZE];
}

/* The count, 0 when it is not remembered. */
static inline unsigned piece_cache_get(const struct piece_key *slot, struct piece_key k,
                                       unsigned tag)
{
    uint64_t differs = slot->hi ^ (k.hi | (uint64_t)tag << 52);

    if (slot->lo != k.lo || differs & ~(UINT64_C(15) << 48))
        return 0;
    return (unsigned)(slot->hi >> 48) & 15;
}

static inline void piece_cache_put(struct piece_key *slot, struct piece_key k, unsigned tag,
                                   unsigned count)
{
    slot->lo = k.lo;
    slot->hi = k.hi | (uint64_t)tag << 52 | (uint64_t)count << 48;
}

/* p[0..n), VOCAB_SHORT < n <= PIECE_WIDE, with a count of 0. */
static inline struct wide_key wide_key(const char *p, size_t n, unsigned tag)
{
    struct wide_key k = {{load64(p), 0, 0, 0}};

    for (size_t at = 8, i = 1; at < n; at += 8, i++) {
        size_t left = n - at;
        /* The last word is read so that it ends where the piece does, and shifted into place. */
        k.w[i] = left >= 8 ? load64(p + at) : load64(p + n - 8) >> (64 - left * 8);
    }
    k.w[3] |= (uint64_t)n << 53 | (uint64_t)tag << 58;
    return k;
}

static inline struct wide_key *wide_slot(struct piece_cache *c, const struct wide_key *k)
{
    uint64_t a = piece_hash((struct piece_key){k->w[0], k->w[1]});
    uint64_t b = piece_hash((struct piece_key){k->w[2], k->w[3]});

    return &c->wide[((a ^ b * 3) >> 20) % PIECE_CACHE_WIDE];
}

static inline unsigned wide_get(const struct wide_key *slot, const struct wide_key *k)
{
    uint64_t differs = (slot->w[0] ^ k->w[0]) | (slot->w[1] ^ k->w[1]) | (slot->w[2] ^ k->w[2]) |
                       ((slot->w[3] ^ k->w[3]) & ~(UINT64_C(31) << 48));

    return differs ? 0 : (unsigned)(slot->w[3] >> 48) & 31;
}

static inline void wide_put(struct wide_key *slot, const struct wide_key *k, unsigned count)
{
    *slot = *k;
    slot->w[3] |= (uint64_t)count << 48;
}

#endif
