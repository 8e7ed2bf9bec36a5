/* SPDX-License-Identifier: MIT */
#include "meter/bpe.h"

#include <stdlib.h>

#define KEEP 65536 /* tokens of scratch that a thread keeps between texts */

void bpe_init(struct bpe *b)
{
    *b = (struct bpe){0};
    memset(b->memo, 0xff, sizeof b->memo);
}

void bpe_finish(struct bpe *b)
{
    free(b->tokens);
    free(b->open);
    b->tokens = NULL;
    b->open = NULL;
}

void bpe_trim(struct bpe *b)
{
    if (b->cap <= KEEP && b->open_words <= KEEP)
        return;
    bpe_finish(b);
    b->cap = b->open_words = 0;
}

bool bpe_reserve(struct bpe *b, size_t n)
{
    size_t cap = b->cap ? b->cap : 64;
    uint32_t *p;

    if (n <= b->cap)
        return true;
    while (cap < n)
        cap *= 2;
    p = realloc(b->tokens, cap * sizeof *p);
    if (!p)
        return false;
    b->tokens = p;
    b->cap = cap;
    return true;
}

/* A piece while it is scanned. Places 1…n are its bytes, a token is known by the place of its
 * first; places 0 and n + 1 are fences that merge with nothing. */
struct row {
    uint32_t token[32];
    uint32_t pair[32]; /* what this and the next token merge to << 5 | place */
    uint8_t next[32], prev[32];
};

#define NO_PAIR (VOCAB_NONE << 5)

static inline uint32_t least_of(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* In four strands, so that no comparison waits for the one before it; n is a multiple of four. */
static inline uint32_t least_pair(const uint32_t *pair, size_t n)
{
    uint32_t a = pair[0], b = pair[1], c = pair[2], d = pair[3];

    for (size_t i = 4; i < n; i += 4) {
        a = least_of(a, pair[i]);
        b = least_of(b, pair[i + 1]);
        c = least_of(c, pair[i + 2]);
        d = least_of(d, pair[i + 3]);
    }
    return least_of(least_of(a, b), least_of(c, d));
}

static void row_init(struct row *r, const struct vocab *v, const unsigned char *p, size_t n)
{
    r->token[0] = r->token[n + 1] = VOCAB_NONE;
    r->pair[0] = NO_PAIR;
    for (size_t i = 1; i <= n; i++) {
        r->token[i] = v->h->byte_token[p[i - 1]];
        r->next[i] = (uint8_t)(i + 1);
        r->prev[i] = (uint8_t)(i - 1);
    }
    for (size_t i = 1; i < n; i++)
        r->pair[i] = v->bigrams[p[i - 1] << 8 | p[i]] << 5 | (uint32_t)i;
    for (size_t i = n; i < (n + 3) / 4 * 4; i++)
        r->pair[i] = NO_PAIR;
}

/* Merges the least pair as long as there is one. Quadratic, and the fastest there is for the few
 * bytes of a usual piece. */
int64_t bpe_scan(struct bpe *b, const struct vocab *v, const char *p, size_t n)
{
    struct row r;
    int64_t count = 0;
    uint32_t least;

    if (!bpe_reserve(b, BPE_SCAN_MAX))
        return -1;
    row_init(&r, v, (const unsigned char *)p, n);
    while ((least = least_pair(r.pair, (n + 3) / 4 * 4)) < NO_PAIR) {
        uint32_t at = least & 31, token = least >> 5;
        uint32_t gone = r.next[at], next = r.next[gone], prev = r.prev[at];

        r.token[at] = token;
        r.next[at] = (uint8_t)next;
        r.prev[next] = (uint8_t)at;
        r.pair[gone] = NO_PAIR;
        r.pair[at] = vocab_pair(v, token, r.token[next]) << 5 | at;
        r.pair[prev] = vocab_pair(v, r.token[prev], token) << 5 | prev;
    }
    for (size_t i = 1; i <= n; i = r.next[i])
        b->tokens[count++] = r.token[i];
    return count;
}

/* The fastest way, by measurement: scanning has an edge on short ASCII, whose byte pairs are all in
 * one small table. */
int64_t bpe_merge(struct bpe *b, const struct vocab *v, const char *p, size_t n)
{
    if (n <= 20 && !(p[n - 1] & 0x80))
        return bpe_scan(b, v, p, n);
    if (v->h->flags & VOCAB_ORDERED)
        return bpe_backtrack(b, v, p, n);
    return n <= BPE_SCAN_MAX ? bpe_scan(b, v, p, n) : bpe_heap(b, v, p, n);
}
