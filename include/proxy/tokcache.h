/* SPDX-License-Identifier: MIT */
#ifndef PROXY_TOKCACHE_H
#define PROXY_TOKCACHE_H

#include "base/err.h"
#include "meter/tokenizer.h"

/*
 * The shared tokenizer cache: counts of texts seen before, under a keyed 128-bit hash, in sharded,
 * lock-protected sets of bounded memory; in front of a few tokenizers, one for each core, that threads
 * borrow while they count. A conversation that grows turn by turn costs about its new turn. Any thread.
 */

struct tokcache;

/* bytes: memory for remembered counts; 0 remembers none. */
int tokcache_create(const struct vocabs *v, size_t bytes, struct tokcache **out, struct err *e) MUST_CHECK;
void tokcache_destroy(struct tokcache *c);

struct text_counter tokcache_counter(struct tokcache *c);

struct tokcache_stats {
    long long hits, misses;
};
void tokcache_stats(const struct tokcache *c, struct tokcache_stats *out);

#endif
