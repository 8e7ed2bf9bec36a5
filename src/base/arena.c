/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_MIN  (2 * 1024) /* the first; a further one is half as large as all before it, */
#define BLOCK_SIZE (16 * 1024) /* up to this */
#define ALIGNMENT  alignof(max_align_t)

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    alignas(max_align_t) unsigned char data[];
};

void arena_init(struct arena *a, size_t cap)
{
    *a = (struct arena){.cap = cap};
}

static void free_blocks(struct arena_block *b)
{
    while (b) {
        struct arena_block *next = b->next;
        free(b);
        b = next;
    }
}

void arena_reset(struct arena *a)
{
    struct arena_block *first = a->blocks;

    if (!first)
        return;
    while (first->next && first->size != BLOCK_SIZE) {
        struct arena_block *next = first->next;
        free(first);
        first = next;
    }
    free_blocks(first->next);
    first->next = NULL;
    first->used = 0;
    a->blocks = first;
    a->used = sizeof *first + first->size;
}

void arena_finish(struct arena *a)
{
    free_blocks(a->blocks);
    a->blocks = NULL;
    a->used = 0;
}

static struct arena_block *add_block(struct arena *a, size_t n)
{
    size_t size = a->used / 2 < BLOCK_SIZE ? a->used / 2 : BLOCK_SIZE;
    struct arena_block *b;

    if (size < BLOCK_MIN)
        size = BLOCK_MIN;
    if (size < n)
        size = n;
    if (a->used > a->cap || size + sizeof *b > a->cap - a->used)
        return NULL;
    b = malloc(sizeof *b + size);
    a->starved = !b;
    if (!b)
        return NULL;
    b->used = 0;
    b->size = size;
    b->next = a->blocks;
    a->blocks = b;
    a->used += sizeof *b + size;
    return b;
}

/* n bytes of no known content. */
static void *take(struct arena *a, size_t n)
{
    struct arena_block *b = a->blocks;
    void *p;

    if (n > SIZE_MAX / 2)
        return NULL;
    n = (n + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    if ((!b || b->size - b->used < n) && !(b = add_block(a, n)))
        return NULL;
    p = b->data + b->used;
    b->used += n;
    return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
    void *p = take(a, n);

    return p ? memset(p, 0, n) : NULL;
}

char *arena_copy(struct arena *a, const char *p, size_t n)
{
    char *copy = take(a, n + 1);

    if (!copy)
        return NULL;
    if (n)
        memcpy(copy, p, n);
    copy[n] = '\0';
    return copy;
}
