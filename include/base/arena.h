/* SPDX-License-Identifier: MIT */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A capped arena: memory that is handed out in pieces and given back all at once. One request owns
 * one arena. Not thread-safe: one thread at a time.
 */

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used;                /* bytes taken from the heap so far */
    size_t cap;                 /* bytes it may take */
    bool starved;               /* the heap had none left, rather than the cap */
};

void arena_init(struct arena *a, size_t cap);

/* Gives everything back but one block, which the next user gets warm. */
void arena_reset(struct arena *a);

void arena_finish(struct arena *a);

/* Zeroed memory, aligned for any type; NULL when the cap or the heap is exhausted. */
void *arena_alloc(struct arena *a, size_t n);

/* A copy of n bytes with a NUL behind it; NULL as above. */
char *arena_copy(struct arena *a, const char *p, size_t n);

#define ARENA_NEW(a, type)      ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_alloc((a), sizeof(type) * (n)))

#endif
