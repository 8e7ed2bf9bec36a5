/* SPDX-License-Identifier: MIT */
#include "proxy/tokcache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>
#include <xxhash.h>

#define SHARDS    64
#define WAYS      8  /* slots a text may stand in: the least recently used one gives way */
#define MIN_BYTES 64 /* below this, counting is cheaper than looking up */
#define LENDERS   64 /* most tokenizers */

struct slot {
    XXH128_hash_t key;
    uint32_t count, used; /* used 0: empty */
};

struct shard {
    pthread_mutex_t lock; /* guards slots and tick */
    struct slot *slots;   /* sets × WAYS */
    uint32_t tick;
};

struct tokcache {
    const struct vocabs *vocabs;
    struct shard shards[SHARDS];
    size_t sets; /* of each shard; a power of two, or 0 */
    unsigned char secret[XXH3_SECRET_SIZE_MIN + 56];
    _Atomic long long hits, misses;

    pthread_mutex_t lock; /* guards idle and nidle */
    pthread_cond_t returned;
    struct tokenizer *idle[LENDERS];
    int nidle, ntokenizers;
};

static int create_tokenizers(struct tokcache *c, const struct vocabs *v)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int wanted = cores < 1 ? 1 : cores > LENDERS ? LENDERS : (int)cores;

    for (; c->ntokenizers < wanted; c->ntokenizers++) {
        struct tokenizer *t = tokenizer_create(v);
        if (!t)
            return -1;
        c->idle[c->nidle++] = t;
    }
    return 0;
}

static int create_shards(struct tokcache *c, size_t bytes)
{
    size_t most = bytes / SHARDS / (WAYS * sizeof(struct slot));

    for (c->sets = most ? 1 : 0; c->sets && c->sets * 2 <= most;)
        c->sets *= 2;
    for (int i = 0; c->sets && i < SHARDS; i++)
        if (!(c->shards[i].slots = calloc(c->sets * WAYS, sizeof(struct slot))))
            return -1;
    return 0;
}

int tokcache_create(const struct vocabs *v, size_t bytes, struct tokcache **out, struct err *e)
{
    struct tokcache *c = calloc(1, sizeof *c);

    if (!c)
        return err_set(e, ERR_MEMORY, "no memory for the tokenizer cache");
    c->vocabs = v;
    for (int i = 0; i < SHARDS; i++)
        pthread_mutex_init(&c->shards[i].lock, NULL);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->returned, NULL);
    if (create_tokenizers(c, v) || create_shards(c, bytes)) {
        tokcache_destroy(c);
        return err_set(e, ERR_MEMORY, "no memory for the tokenizer cache (token-cache-size)");
    }
    /* A hash whose key nobody knows: texts that collide cannot be made on purpose. */
    if (getrandom(c->secret, sizeof c->secret, 0) != (ssize_t)sizeof c->secret) {
        tokcache_destroy(c);
        return err_set(e, ERR_IO, "getrandom failed");
    }
    *out = c;
    return 0;
}

void tokcache_destroy(struct tokcache *c)
{
    if (!c)
        return;
    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_destroy(&c->shards[i].lock);
        free(c->shards[i].slots);
    }
    for (int i = 0; i < c->nidle; i++)
        tokenizer_destroy(c->idle[i]);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->returned);
    free(c);
}

/* ---- counting: more threads than cores would only take turns, so they wait for a tokenizer ---- */

static int64_t count_anew(struct tokcache *c, enum encoding enc, struct span text)
{
    struct tokenizer *t;
    int64_t n;

    pthread_mutex_lock(&c->lock);
    while (!c->nidle)
        pthread_cond_wait(&c->returned, &c->lock);
    t = c->idle[--c->nidle];
    pthread_mutex_unlock(&c->lock);

    n = tokenizer_count(t, enc, text);

    pthread_mutex_lock(&c->lock);
    c->idle[c->nidle++] = t;
    pthread_mutex_unlock(&c->lock);
    pthread_cond_signal(&c->returned);
    return n;
}

/* ---- remembering ---- */

static bool same_key(XXH128_hash_t a, XXH128_hash_t b)
{
    return a.low64 == b.low64 && a.high64 == b.high64;
}

static struct slot *set_of(struct tokcache *c, struct shard *s, XXH128_hash_t key)
{
    return s->slots + (key.high64 & (c->sets - 1)) * WAYS;
}

static bool look_up(struct tokcache *c, struct shard *s, XXH128_hash_t key, int64_t *count)
{
    struct slot *set = set_of(c, s, key);
    bool found = false;

    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < WAYS && !found; i++) {
        if (!set[i].used || !same_key(set[i].key, key))
            continue;
        set[i].used = ++s->tick;
        *count = set[i].count;
        found = true;
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

static void remember(struct tokcache *c, struct shard *s, XXH128_hash_t key, int64_t count)
{
    struct slot *set = set_of(c, s, key), *victim = set;

    pthread_mutex_lock(&s->lock);
    for (int i = 1; i < WAYS; i++)
        if (set[i].used < victim->used)
            victim = &set[i];
    *victim = (struct slot){key, (uint32_t)count, ++s->tick};
    pthread_mutex_unlock(&s->lock);
}

static int64_t count_text(void *ctx, enum encoding enc, struct span text)
{
    struct tokcache *c = ctx;
    XXH128_hash_t key;
    struct shard *s;
    int64_t n;

    if (!c->sets || text.n < MIN_BYTES)
        return count_anew(c, enc, text);
    key = XXH3_128bits_withSecret(text.p, text.n, c->secret, sizeof c->secret);
    key.low64 ^= (uint64_t)enc; /* the shard comes from high bits of the other half */
    s = &c->shards[key.high64 >> 58];
    if (look_up(c, s, key, &n)) {
        atomic_fetch_add_explicit(&c->hits, 1, memory_order_relaxed);
        return n;
    }
    atomic_fetch_add_explicit(&c->misses, 1, memory_order_relaxed);
    n = count_anew(c, enc, text);
    if (n >= 0 && n <= UINT32_MAX)
        remember(c, s, key, n);
    return n;
}

struct text_counter tokcache_counter(struct tokcache *c)
{
    return (struct text_counter){count_text, c, c->vocabs};
}

void tokcache_stats(const struct tokcache *c, struct tokcache_stats *out)
{
    out->hits = atomic_load_explicit(&c->hits, memory_order_relaxed);
    out->misses = atomic_load_explicit(&c->misses, memory_order_relaxed);
}
