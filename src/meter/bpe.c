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

/* A piece while it is scanned: tokens are known by the place of their first byte. */
struct row {
    uint32_t token[BPE_SCAN_MAX];
    uint32_t pair[BPE_SCAN_MAX]; /* what this and the next one merge to << 5 | place; NO_PAIR for none */
    uint8_t next[BPE_SCAN_MAX + 1], prev[BPE_SCAN_MAX + 1];
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
    for (size_t i = 0; i < n; i++) {
        r->token[i] = v->h->byte_token[p[i]];
        r->next[i] = (uint8_t)(i + 1);
        r->prev[i] = (uint8_t)(i - 1);
    }
    for (size_t i = 0; i + 1 < n; i++)
        r->pair[i] = v->bigrams[p[i] << 8 | p[i + 1]] << 5 | (uint32_t)i;
    for (size_t i = n - 1; i % 4 || i == n - 1; i++)
        r->pair[i] = NO_PAIR;
}

/* Merges the least pair as long as there is one. Quadratic, and the fastest there is for the few bytes
 * of a usual piece. */
int64_t bpe_scan(struct bpe *b, const struct vocab *v, const char *p, size_t n)
{
    const size_t rounded = (n + 2) / 4 * 4;
    struct row r;
    int64_t count = 0;
    uint32_t least;

    if (n == 1 || !bpe_reserve(b, BPE_SCAN_MAX)) {
        if (n == 1 && bpe_reserve(b, 1))
            b->tokens[count++] = v->h->byte_token[(unsigned char)*p];
        return count ? count : -1;
    }
    row_init(&r, v, (const unsigned char *)p, n);
    while ((least = least_pair(r.pair, rounded)) < NO_PAIR) {
        uint32_t at = least & 31, token = least >> 5, gone = r.next[at], next = r.next[gone];

        r.token[at] = token;
        r.next[at] = (uint8_t)next;
        r.prev[next] = (uint8_t)at;
        r.pair[gone] = NO_PAIR;
        r.pair[at] = next < n ? vocab_pair(v, token, r.token[next]) << 5 | at : NO_PAIR;
        if (at)
            r.pair[r.prev[at]] = vocab_pair(v, r.token[r.prev[at]], token) << 5 | r.prev[at];
    }
    for (size_t i = 0; i < n; i = r.next[i])
        b->tokens[count++] = r.token[i];
    return count;
}

int64_t bpe_merge(struct bpe *b, const struct vocab *v, const char *p, size_t n)
{
    if (n <= 20)
        return bpe_scan(b, v, p, n);
    if (v->h->flags & VOCAB_ORDERED)
        return bpe_backtrack(b, v, p, n);
    return n <= BPE_SCAN_MAX ? bpe_scan(b, v, p, n) : bpe_heap(b, v, p, n);
}
