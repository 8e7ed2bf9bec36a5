/* SPDX-License-Identifier: MIT */
#include "meter/learn.h"

#include <stdlib.h>
#include <xxhash.h>

#include "meter/sketch.h"

/* Sketches in a set-associative table: a key belongs to one set of eight, of which the one least
 * recently used makes room. So every operation is constant, and so is the memory. */

#define WAYS        8
#define PROJECT_MIN 40  /* samples before a project's own history counts */
#define MODEL_MIN   200 /* and before everybody's does */

struct entry {
    XXH128_hash_t key;
    uint64_t used; /* 0: empty */
    bool changed;
    struct sketch sketch;
};

#define DROPPED_MAX 1024

struct learner {
    size_t nsets; /* a power of two */
    uint64_t clock;
    size_t count;
    struct entry *entries;
    XXH128_hash_t dropped[DROPPED_MAX]; /* since the last save; beyond that many they stay saved */
    size_t ndropped;
};

_Static_assert(LEARN_DATA_MAX >= SKETCH_BYTES_MAX, "a sketch must fit");
_Static_assert(sizeof(XXH128_hash_t) == LEARN_KEY_LEN, "a key is a 128-bit hash");

const char *learn_level_name(enum learn_level level)
{
    static const char *const names[] = {"project+class", "project", "model+class", "model"};

    return names[level];
}

struct learner *learner_create(size_t max_sketches)
{
    struct learner *l = calloc(1, sizeof *l);

    if (!l)
        return NULL;
    l->nsets = 1;
    while (l->nsets * 2 * WAYS <= max_sketches)
        l->nsets *= 2;
    l->entries = calloc(l->nsets * WAYS, sizeof *l->entries);
    if (!l->entries) {
        free(l);
        return NULL;
    }
    return l;
}

void learner_destroy(struct learner *l)
{
    if (!l)
        return;
    free(l->entries);
    free(l);
}

size_t learner_count(const struct learner *l)
{
    return l->count;
}

/* ---- keys ---- */

static int log2_of(int64_t v)
{
    return v > 0 ? 63 - __builtin_clzll((unsigned long long)v) : 0;
}

static XXH128_hash_t key_of(const struct learn_key *k, enum learn_level level)
{
    const bool by_class = level == LEARN_PROJECT_CLASS || level == LEARN_MODEL_CLASS;
    const bool by_project = level == LEARN_PROJECT_CLASS || level == LEARN_PROJECT;
    struct {
        uint64_t project, model;
        int32_t level, api, size, limit;
    } head = {
        .project = by_project ? XXH3_64bits(k->project.p, k->project.n) : 0,
        .model = XXH3_64bits(k->model.p, k->model.n),
        .level = (int32_t)level,
        .api = (int32_t)k->api,
        .size = by_class ? log2_of(k->input_tokens) / 2 : 0,
        .limit = by_class && k->output_limit > 0 ? 1 + log2_of(k->output_limit) : 0,
    };

    return XXH3_128bits(&head, sizeof head);
}

static struct entry *set_of(const struct learner *l, XXH128_hash_t key)
{
    return l->entries + (key.low64 & (l->nsets - 1)) * WAYS;
}

static struct entry *find(struct learner *l, XXH128_hash_t key)
{
    struct entry *set = set_of(l, key);

    for (int i = 0; i < WAYS; i++)
        if (set[i].used && XXH128_isEqual(set[i].key, key))
            return &set[i];
    return NULL;
}

static void drop(struct learner *l, const struct entry *e)
{
    if (l->ndropped < DROPPED_MAX)
        l->dropped[l->ndropped++] = e->key;
}

static struct entry *find_or_make(struct learner *l, XXH128_hash_t key)
{
    struct entry *set = set_of(l, key), *e = find(l, key);

    if (!e) {
        e = set;
        for (int i = 1; i < WAYS; i++)
            if (set[i].used < e->used)
                e = &set[i];
        if (e->used)
            drop(l, e);
        l->count += e->used == 0;
        e->key = key;
        sketch_init(&e->sketch);
    }
    e->used = ++l->clock;
    return e;
}

/* ---- learning and predicting ---- */

bool learner_predict(struct learner *l, const struct learn_key *k, struct learned *out)
{
    for (int level = 0; level < LEARN_LEVELS; level++) {
        const uint32_t least = level <= LEARN_PROJECT ? PROJECT_MIN : MODEL_MIN;
        struct entry *e = find(l, key_of(k, (enum learn_level)level));

        if (!e || e->sketch.samples < least)
            continue;
        e->used = ++l->clock;
        *out = (struct learned){
            .p50 = sketch_quantile(&e->sketch, 0.5),
            .p95 = sketch_quantile(&e->sketch, e->sketch.level),
            .samples = e->sketch.samples,
            .level = (enum learn_level)level,
        };
        return true;
    }
    return false;
}

void learner_add(struct learner *l, const struct learn_key *k, int64_t output_tokens)
{
    for (int level = 0; level < LEARN_LEVELS; level++) {
        struct entry *e = find_or_make(l, key_of(k, (enum learn_level)level));

        sketch_add(&e->sketch, output_tokens);
        e->changed = true;
    }
}

/* ---- across restarts ---- */

void learner_save(struct learner *l,
                  void (*f)(void *ctx, const unsigned char key[LEARN_KEY_LEN],
                            const unsigned char *data, size_t n),
                  void *ctx)
{
    unsigned char data[LEARN_DATA_MAX];
    XXH128_canonical_t key;

    for (size_t i = 0; i < l->ndropped; i++) {
        XXH128_canonicalFromHash(&key, l->dropped[i]);
        f(ctx, key.digest, data, 0);
    }
    l->ndropped = 0;
    for (size_t i = 0; i < l->nsets * WAYS; i++) {
        struct entry *e = &l->entries[i];

        if (!e->changed)
            continue;
        XXH128_canonicalFromHash(&key, e->key);
        f(ctx, key.digest, data, sketch_write(&e->sketch, data));
        e->changed = false;
    }
}

bool learner_restore(struct learner *l, const unsigned char key[LEARN_KEY_LEN],
                     const unsigned char *data, size_t n)
{
    XXH128_canonical_t canonical;
    struct sketch s;

    if (!sketch_read(&s, data, n))
        return false;
    memcpy(canonical.digest, key, LEARN_KEY_LEN);
    find_or_make(l, XXH128_hashFromCanonical(&canonical))->sketch = s;
    return true;
}
