/* SPDX-License-Identifier: MIT */
#include "meter/calibrate.h"

#include <math.h>
#include <stdlib.h>
#include <xxhash.h>

/*
 * A table of sets: a class belongs to one set of eight, of which the one least recently used gives way.
 * Ratios are averaged as logarithms with exponential forgetting, so that twice as much and half as much
 * cancel out, and the last fifty or so requests count.
 */

#define SETS     128
#define WAYS     8
#define FORGET   0.04
#define OFF      0.2 /* the share of unequal counts from which on an exact class has drifted */
#define RATIO_MAX 4.0 /* nothing is corrected by more: then something else is wrong */

struct class {
    struct calibrate_key key;
    uint32_t used; /* 0: empty */
    uint32_t samples;
    double log_ratio; /* of the provider's figure to ours, as counted */
    double unequal;   /* share of counts that were not equal */
    bool drifted, changed;
};

struct calibrator {
    uint32_t tick;
    struct class classes[SETS * WAYS];
};

struct calibrator *calibrator_create(void)
{
    return calloc(1, sizeof(struct calibrator));
}

void calibrator_destroy(struct calibrator *c)
{
    free(c);
}

static bool has_images(const struct prompt *p)
{
    for (int i = 0; i < p->nmessages; i++)
        for (int j = 0; j < p->messages[i].nparts; j++)
            if (p->messages[i].parts[j].kind == PART_IMAGE)
                return true;
    return false;
}

struct calibrate_key calibrate_key(const struct prompt *p, struct span model)
{
    unsigned features = (p->ntools > 0) | has_images(p) << 1 | (p->schema.n > 0) << 2;
    XXH128_hash_t h = XXH3_128bits_withSeed(model.p, model.n, (uint64_t)p->api << 8 | features);
    XXH128_canonical_t canonical;
    struct calibrate_key k;

    XXH128_canonicalFromHash(&canonical, h);
    memcpy(k.bytes, canonical.digest, sizeof k.bytes);
    return k;
}

static struct class *set_of(const struct calibrator *c, const struct calibrate_key *k)
{
    return (struct class *)c->classes + (k->bytes[0] % SETS) * WAYS;
}

static struct class *find(const struct calibrator *c, const struct calibrate_key *k)
{
    struct class *set = set_of(c, k);

    for (int i = 0; i < WAYS; i++)
        if (set[i].used && memcmp(&set[i].key, k, sizeof *k) == 0)
            return &set[i];
    return NULL;
}

static struct class *find_or_make(struct calibrator *c, const struct calibrate_key *k)
{
    struct class *found = find(c, k), *set = set_of(c, k), *victim = set;

    for (int i = 1; !found && i < WAYS; i++)
        if (set[i].used < victim->used)
            victim = &set[i];
    if (!found) {
        *victim = (struct class){.key = *k};
        found = victim;
    }
    found->used = ++c->tick;
    return found;
}

static int64_t scaled(int64_t n, double ratio)
{
    return (int64_t)ceil((double)n * ratio);
}

void calibrator_correct(const struct calibrator *c, const struct calibrate_key *k, struct count *n)
{
    const struct class *s = find(c, k);
    double ratio;

    if (n->method != COUNT_APPROXIMATE || !s || s->samples < CALIBRATE_SAMPLES)
        return;
    ratio = exp(s->log_ratio);
    if (ratio > RATIO_MAX || ratio < 1 / RATIO_MAX)
        return;
    n->tokens = scaled(n->raw, ratio);
    if (ratio > 1) /* what was published as the bound is corrected only towards safety */
        n->bound = scaled(n->bound, ratio);
    if (n->bound < n->tokens)
        n->bound = n->tokens;
}

/* The first samples weigh as in a plain mean. */
static double blend(double old, double fresh, uint32_t samples)
{
    double weight = fmax(FORGET, 1.0 / samples);

    return old + weight * (fresh - old);
}

bool calibrator_add(struct calibrator *c, const struct calibrate_key *k, const struct count *n,
                    int64_t reported)
{
    struct class *s;
    bool was;

    if (n->raw <= 0 || reported <= 0)
        return false;
    s = find_or_make(c, k);
    was = s->drifted;
    s->samples++;
    s->changed = true;
    s->log_ratio = blend(s->log_ratio, log((double)reported / (double)n->raw), s->samples);
    s->unequal = blend(s->unequal, reported != n->raw, s->samples);
    s->drifted = n->method == COUNT_EXACT && s->samples >= CALIBRATE_SAMPLES && s->unequal > OFF;
    return s->drifted && !was;
}

int64_t calibrator_drifted(const struct calibrator *c)
{
    int64_t n = 0;

    for (int i = 0; i < SETS * WAYS; i++)
        n += c->classes[i].drifted;
    return n;
}

/* ---- across restarts: samples, the two averages, in the machine's own byte order ---- */

void calibrator_save(struct calibrator *c,
                     void (*f)(void *ctx, const struct calibrate_key *k,
                               const unsigned char data[CALIBRATE_DATA_LEN]),
                     void *ctx)
{
    for (int i = 0; i < SETS * WAYS; i++) {
        struct class *s = &c->classes[i];
        unsigned char data[CALIBRATE_DATA_LEN];

        if (!s->changed)
            continue;
        memcpy(data, &s->samples, 4);
        memcpy(data + 4, &s->log_ratio, 8);
        memcpy(data + 12, &s->unequal, 8);
        f(ctx, &s->key, data);
        s->changed = false;
    }
}

bool calibrator_restore(struct calibrator *c, const struct calibrate_key *k, struct span data)
{
    struct class s = {.key = *k};
    struct class *at;

    if (data.n != CALIBRATE_DATA_LEN)
        return false;
    memcpy(&s.samples, data.p, 4);
    memcpy(&s.log_ratio, data.p + 4, 8);
    memcpy(&s.unequal, data.p + 12, 8);
    if (!isfinite(s.log_ratio) || !(s.unequal >= 0 && s.unequal <= 1))
        return false;
    at = find_or_make(c, k);
    s.used = at->used;
    *at = s;
    return true;
}
