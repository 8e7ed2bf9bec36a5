/* SPDX-License-Identifier: MIT */
#ifndef METER_PIECE_CACHE_H
#define METER_PIECE_CACHE_H

#include <stdint.h>

#include "meter/vocab.h"

/*
 * One thread's memory of how many tokens short pieces have. An entry is a piece's whole content, so
 * an answer is never wrong; a newer piece takes an older one's place. The free byte of the key
 * holds the vocabulary's tag (high half) and the count, 1 to 14 (low half).
 */

#define PIECE_CACHE_SIZE 32768 /* entries of 16 bytes */
#define PIECE_CACHE_TAGS 16    /* vocabularies that can share it */

struct piece_cache {
    struct piece_key entry[PIECE_CACHE_SIZE];
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

#endif
