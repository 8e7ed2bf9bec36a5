/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_MAP_H
#define LEDGER_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/*
 * A hash table of nodes that live inside the caller's structs, chained. It never owns them. Growing
 * it may fail without harm: the chains are longer then. Not thread-safe.
 */

struct map_node {
    struct map_node *next;
    uint64_t hash;
};

struct map {
    struct map_node **chains;
    size_t n, cap; /* cap: a power of two */
};

int map_init(struct map *m, struct err *e) MUST_CHECK;
void map_finish(struct map *m);

void map_add(struct map *m, struct map_node *node, uint64_t hash);
void map_remove(struct map *m, struct map_node *node);

/* The first node with that hash, and the next one; the caller compares keys. */
struct map_node *map_find(const struct map *m, uint64_t hash);
struct map_node *map_again(const struct map_node *node);

/* Hands every node to f, which may free it; the map is empty afterwards. */
void map_drain(struct map *m, void (*f)(void *ctx, struct map_node *node), void *ctx);

/* Seeded once a process, so that chosen keys cannot make long chains. */
uint64_t map_hash(uint64_t salt, struct span key);
uint64_t map_hash_int(int64_t key);

#define MAP_OWNER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

#endif
