/* SPDX-License-Identifier: MIT */
#include "meter/vocab_build.h"

#include <stdlib.h>

/*
 * Builds the double-array trie, breadth first: the tokens are sorted, so a node is a range of them
 * that share its bytes, and its children are the sub-ranges by the next byte. A node's children go
 * to a place in the array where all their slots are free and that no other node uses.
 */

#define TRIES 128 /* free slots to try for a node before it gets fresh ones at the end */

struct range { /* a node yet to be given children: sorted tokens from..to share `depth` bytes */
    uint32_t node, from, to, depth;
};

struct builder {
    const struct vocab_source *s;
    uint32_t *order; /* tokens, sorted */
    struct vocab_node *nodes;
    unsigned char *base_used; /* some node's `children` has this value */
    uint32_t cap, end;        /* slots, and one past the last used block of 256 */
    uint32_t *next, *prev; /* ring of the free slots below end; slot 0, the root, is its handle */
    struct range *queue;
    size_t head, tail;
};

static uint32_t token_len(const struct vocab_source *s, uint32_t t)
{
    return s->at[t + 1] - s->at[t];
}

static int by_bytes(const void *a, const void *b, void *ctx)
{
    const struct vocab_source *s = ctx;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    uint32_t nx = token_len(s, x), ny = token_len(s, y);
    int c = memcmp(s->bytes + s->at[x], s->bytes + s->at[y], nx < ny ? nx : ny);

    return c ? c : (nx > ny) - (nx < ny);
}

static unsigned char next_byte(const struct builder *b, const struct range *r, uint32_t i)
{
    return (unsigned char)b->s->bytes[b->s->at[b->order[i]] + r->depth];
}

/* realloc() that keeps the old memory and the pointer when it fails. */
static bool resize(void *pointer, size_t n)
{
    void *old, *p;

    memcpy(&old, pointer, sizeof old);
    p = realloc(old, n);
    if (p)
        memcpy(pointer, &p, sizeof p);
    return p != NULL;
}

static bool grow(struct builder *b, uint32_t cap)
{
    if (!resize(&b->nodes, cap * sizeof *b->nodes) || !resize(&b->base_used, cap) ||
        !resize(&b->next, cap * sizeof *b->next) || !resize(&b->prev, cap * sizeof *b->prev))
        return false;
    memset(b->nodes + b->cap, 0, (cap - b->cap) * sizeof *b->nodes);
    memset(b->base_used + b->cap, 0, cap - b->cap);
    b->cap = cap;
    return true;
}

/* 256 fresh slots at the end of the ring. */
static bool add_block(struct builder *b)
{
    if (b->end + 256 > b->cap && !grow(b, b->cap ? b->cap * 2 : 1 << 12))
        return false;
    for (uint32_t slot = b->end; slot < b->end + 256; slot++) {
        uint32_t last = slot ? b->prev[0] : 0;
        b->next[slot] = 0;
        b->prev[slot] = last;
        b->next[last] = slot;
        b->prev[0] = slot;
    }
    b->end += 256;
    return true;
}

/* Takes a slot out of the ring; done again it does nothing. */
static void leave(struct builder *b, uint32_t slot)
{
    b->next[b->prev[slot]] = b->next[slot];
    b->prev[b->next[slot]] = b->prev[slot];
    b->next[slot] = b->prev[slot] = slot;
}

static bool fits(const struct builder *b, uint32_t base, const unsigned char *labels, int n)
{
    if (!base || b->base_used[base])
        return false;
    for (int i = 0; i < n; i++)
        if (b->nodes[base ^ labels[i]].entry)
            return false;
    return true;
}

/* A free place for children with these labels; 0: no memory. */
static uint32_t find_base(struct builder *b, const unsigned char *labels, int n)
{
    int tries = TRIES;
    uint32_t slot;

    for (slot = b->next[0]; slot && tries; slot = b->next[slot], tries--)
        if (fits(b, slot ^ labels[0], labels, n))
            return slot ^ labels[0];
    for (int i = 0; !tries && i < 16 && b->next[0]; i++)
        leave(b, b->next[0]); /* the oldest gaps fit nobody */
    slot = b->end;
    return add_block(b) ? slot : 0;
}

/* Gives the node its token, when one ends here, and queues its children. */
static bool place(struct builder *b, struct range r)
{
    unsigned char labels[256];
    uint32_t from[257], base;
    int n = 0;

    if (token_len(b->s, b->order[r.from]) == r.depth) {
        uint32_t *entry = &b->nodes[r.node].entry;
        *entry = (*entry & ~VOCAB_NONE) | b->order[r.from++];
    }
    for (uint32_t i = r.from; i < r.to; i++) {
        unsigned char c = next_byte(b, &r, i);
        if (n && labels[n - 1] == c)
            continue;
        labels[n] = c;
        from[n++] = i;
    }
    if (!n)
        return true;
    from[n] = r.to;
    base = find_base(b, labels, n);
    if (!base)
        return false;
    b->base_used[base] = 1;
    b->nodes[r.node].children = base;
    for (int i = 0; i < n; i++) {
        uint32_t child = base ^ labels[i];
        b->nodes[child].entry = VOCAB_LABEL(labels[i]) | VOCAB_NONE;
        leave(b, child);
        b->queue[b->tail++] = (struct range){child, from[i], from[i + 1], r.depth + 1};
    }
    return true;
}

static bool build(struct builder *b)
{
    uint32_t n = 0;

    for (uint32_t t = 0; t < b->s->ntokens; t++)
        if (token_len(b->s, t) == 1 || b->s->left[t] != VOCAB_NONE)
            b->order[n++] = t;
    qsort_r(b->order, n, sizeof *b->order, by_bytes, (void *)(uintptr_t)b->s);
    if (!add_block(b))
        return false;
    b->nodes[0].entry = VOCAB_NONE; /* the root, which has no label */
    b->queue[b->tail++] = (struct range){0, 0, n, 0};
    while (b->head < b->tail)
        if (!place(b, b->queue[b->head++]))
            return false;
    return true;
}

int vocab_trie_build(const struct vocab_source *s, struct vocab_node **nodes, uint32_t *n,
                     struct err *e)
{
    struct builder b = {.s = s};
    bool ok;

    b.order = malloc(((size_t)s->ntokens + 1) * sizeof *b.order);
    b.queue =
        malloc(((size_t)s->at[s->ntokens] + 1) * sizeof *b.queue); /* no more nodes than bytes */
    ok = b.order && b.queue && build(&b);
    free(b.order);
    free(b.queue);
    free(b.base_used);
    free(b.next);
    free(b.prev);
    if (!ok) {
        free(b.nodes);
        return err_set(e, ERR_MEMORY, "no memory for a vocabulary");
    }
    *nodes = b.nodes;
    *n = b.end;
    return 0;
}
