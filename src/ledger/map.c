/* SPDX-License-Identifier: MIT */
#include "ledger/map.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

#define FIRST_CAP 64

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint64_t seed; /* written under `once` */

static void make_seed(void)
{
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = (uint64_t)(uintptr_t)&seed;
}

int map_init(struct map *m, struct err *e)
{
    struct map_node **chains = calloc(FIRST_CAP, sizeof(struct map_node *));

    pthread_once(&once, make_seed);
    if (!chains)
        return err_set(e, ERR_MEMORY, "no memory for the ledger's tables");
    *m = (struct map){chains, 0, FIRST_CAP};
    return 0;
}

void map_finish(struct map *m)
{
    free(m->chains);
    *m = (struct map){0};
}

static struct map_node **chain(const struct map *m, uint64_t hash)
{
    return &m->chains[hash & (m->cap - 1)];
}

static void grow(struct map *m)
{
    struct map bigger = {calloc(m->cap * 2, sizeof(struct map_node *)), 0, m->cap * 2};

    if (!bigger.chains)
        return;
    for (size_t i = 0; i < m->cap; i++)
        for (struct map_node *node = m->chains[i], *next; node; node = next) {
            next = node->next;
            map_add(&bigger, node, node->hash);
        }
    free(m->chains);
    *m = bigger;
}

void map_add(struct map *m, struct map_node *node, uint64_t hash)
{
    struct map_node **at;

    if (m->n >= m->cap)
        grow(m);
    at = chain(m, hash);
    node->hash = hash;
    node->next = *at;
    *at = node;
    m->n++;
}

void map_remove(struct map *m, struct map_node *node)
{
    struct map_node **at = chain(m, node->hash);

    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
    m->n--;
}

struct map_node *map_find(const struct map *m, uint64_t hash)
{
    struct map_node *node = *chain(m, hash);

    while (node && node->hash != hash)
        node = node->next;
    return node;
}

struct map_node *map_again(const struct map_node *node)
{
    struct map_node *next = node->next;

    while (next && next->hash != node->hash)
        next = next->next;
    return next;
}

void map_drain(struct map *m, void (*f)(void *ctx, struct map_node *node), void *ctx)
{
    for (size_t i = 0; i < m->cap; i++) {
        struct map_node *node = m->chains[i];

        m->chains[i] = NULL;
        for (struct map_node *next; node; node = next) {
            next = node->next;
            f(ctx, node);
        }
    }
    m->n = 0;
}

uint64_t map_hash(uint64_t salt, struct span key)
{
    return XXH3_64bits_withSeed(key.p, key.n, seed + salt);
}

uint64_t map_hash_int(int64_t key)
{
    uint64_t h = ((uint64_t)key ^ seed) * UINT64_C(0x9e3779b97f4a7c15);

    return h ^ h >> 32;
}
