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

/* Tokens and, between them, what each pair of neighbours would merge to: the least of these is merged
 * until none is left. Quadratic, and the fastest there is for the few bytes of a usual piece. */
int64_t bpe_scan(struct bpe *b, const struct vocab *v, const char *p, size_t n)
{
    const unsigned char *c = (const unsigned char *)p;
    uint32_t pair[BPE_SCAN_MAX + 1], *tokens;
    size_t m = n;

    if (!bpe_reserve(b, BPE_SCAN_MAX))
        return -1;
    tokens = b->tokens;
    for (size_t i = 0; i < n; i++)
        tokens[i] = v->h->byte_token[c[i]];
    for (size_t i = 0; i + 1 < n; i++)
        pair[i] = v->bigrams[c[i] << 8 | c[i + 1]];
    while (m > 1) {
        uint32_t least = pair[0];
        size_t at = 0;

        for (size_t i = 1; i + 1 < m; i++)
            if (pair[i] < least) {
                least = pair[i];
                at = i;
            }
        if (least == VOCAB_NONE)
            break;
        tokens[at] = least;
        m--;
        memmove(&tokens[at + 1], &tokens[at + 2], (m - at - 1) * sizeof *tokens);
        memmove(&pair[at], &pair[at + 1], (m - at - 1) * sizeof *pair);
        if (at + 1 < m)
            pair[at] = vocab_pair(v, least, tokens[at + 1]);
        if (at)
            pair[at - 1] = vocab_pair(v, tokens[at - 1], least);
    }
    return (int64_t)m;
}

int64_t bpe_merge(struct bpe *b, const struct vocab *v, const char *p, size_t n)
{
    if (n <= 20)
        return bpe_scan(b, v, p, n);
    if (v->h->flags & VOCAB_ORDERED)
        return bpe_backtrack(b, v, p, n);
    return n <= BPE_SCAN_MAX ? bpe_scan(b, v, p, n) : bpe_heap(b, v, p, n);
}
