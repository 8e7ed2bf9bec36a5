/* SPDX-License-Identifier: MIT */
#include "meter/bpe.h"

#include <stdlib.h>

/*
 * Merging as it is defined, with the pairs in a heap: for vocabularies that the faster way cannot
 * take. A token is known by the place of its first byte. An entry of the heap is outdated when the
 * pair there would no longer merge to the token that it names.
 */

struct part {
    uint32_t token;
    uint32_t pair;       /* what this and the next one merge to, VOCAB_NONE for nothing */
    uint32_t prev, next; /* places; n: none */
};

struct heap {
    uint64_t *entries; /* token << 32 | place */
    size_t n;
};

static void push(struct heap *h, uint64_t entry)
{
    size_t i = h->n++;

    while (i && h->entries[(i - 1) / 2] > entry) {
        h->entries[i] = h->entries[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    h->entries[i] = entry;
}

static uint64_t pop(struct heap *h)
{
    uint64_t top = h->entries[0], last = h->entries[--h->n];
    size_t i = 0, child;

    while ((child = i * 2 + 1) < h->n) {
        if (child + 1 < h->n && h->entries[child + 1] < h->entries[child])
            child++;
        if (h->entries[child] >= last)
            break;
        h->entries[i] = h->entries[child];
        i = child;
    }
    h->entries[i] = last;
    return top;
}

static void pair_up(const struct vocab *v, struct part *parts, uint32_t at, uint32_t n,
                    struct heap *h)
{
    uint32_t next = parts[at].next;

    parts[at].pair = next == n ? VOCAB_NONE : vocab_pair(v, parts[at].token, parts[next].token);
    if (parts[at].pair != VOCAB_NONE)
        push(h, (uint64_t)parts[at].pair << 32 | at);
}

static void merge_all(const struct vocab *v, struct part *parts, uint32_t n, struct heap *h)
{
    for (uint32_t i = 0; i < n; i++)
        pair_up(v, parts, i, n, h);
    while (h->n) {
        uint64_t top = pop(h);
        uint32_t at = (uint32_t)top, gone;

        if (parts[at].pair != top >> 32)
            continue;
        gone = parts[at].next;
        parts[at].token = parts[at].pair;
        parts[at].next = parts[gone].next;
        parts[gone].pair = VOCAB_NONE;
        if (parts[at].next != n)
            parts[parts[at].next].prev = at;
        pair_up(v, parts, at, n, h);
        if (parts[at].prev != n)
            pair_up(v, parts, parts[at].prev, n, h);
    }
}

int64_t bpe_heap(struct bpe *b, const struct vocab *v, const char *p, size_t n)
{
    struct part *parts = n < UINT32_MAX / 4 ? malloc(n * sizeof *parts) : NULL;
    /* Each place is pushed once at first, and each of at most n merges pushes two. */
    struct heap h = {parts ? malloc(n * 3 * sizeof *h.entries) : NULL, 0};
    int64_t count = 0;

    if (!h.entries) {
        free(parts);
        return -1;
    }
    for (uint32_t i = 0; i < n; i++)
        parts[i] = (struct part){v->h->byte_token[(unsigned char)p[i]], VOCAB_NONE,
                                 i ? i - 1 : (uint32_t)n, i + 1};
    merge_all(v, parts, (uint32_t)n, &h);
    for (uint32_t i = 0; i < n; i = parts[i].next) {
        if (!bpe_reserve(b, (size_t)count + 1)) {
            count = -1;
            break;
        }
        b->tokens[count++] = parts[i].token;
    }
    free(parts);
    free(h.entries);
    return count;
}
