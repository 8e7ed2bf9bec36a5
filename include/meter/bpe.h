/* SPDX-License-Identifier: MIT */
#ifndef METER_BPE_H
#define METER_BPE_H

#include <stdint.h>

#include "meter/vocab.h"

/*
 * Byte-pair merging of one piece: the pair of neighbours that makes the earliest token is merged
 * first, the leftmost of equals, until no pair is in the vocabulary. All ways of doing it give the
 * same tokens.
 */

#define BPE_MEMO 4096 /* remembered answers of "may these two stand side by side?" */

/* One thread's scratch memory. */
struct bpe {
    uint32_t *tokens; /* of the last piece */
    size_t cap;
    uint64_t *open; /* bitmap: places not yet known to be dead ends */
    size_t open_words;
    const struct vocab *memo_of;
    uint64_t memo[BPE_MEMO];
};

void bpe_init(struct bpe *b);
void bpe_finish(struct bpe *b);

/* Gives back the memory that an unusually long piece needed. */
void bpe_trim(struct bpe *b);

/* Merges p[0..n), n > 0, into b->tokens; returns how many there are, -1 when memory ran out. */
int64_t bpe_merge(struct bpe *b, const struct vocab *v, const char *p, size_t n);

/* The three ways. Scanning: any vocabulary, n <= BPE_SCAN_MAX. Backtracking: vocabularies with
 * VOCAB_ORDERED, time linear in n. The heap: any vocabulary, n log n. */
#define BPE_SCAN_MAX 30
int64_t bpe_scan(struct bpe *b, const struct vocab *v, const char *p, size_t n);
int64_t bpe_backtrack(struct bpe *b, const struct vocab *v, const char *p, size_t n);
int64_t bpe_heap(struct bpe *b, const struct vocab *v, const char *p, size_t n);

/* Room for n tokens in b->tokens, keeping what is there. */
bool bpe_reserve(struct bpe *b, size_t n);

#endif
