/* SPDX-License-Identifier: MIT */
#include "meter/sketch.h"

#include <string.h>

#define DECAY     0.998 /* of a weight, with each addition: about the last 500 values count */
#define STEP      0.005 /* of the level, per value: adaptive conformal inference's gamma */
#define TARGET    0.95
#define LEVEL_MIN 0.80
#define LEVEL_MAX 0.995
#define SETTLED   20  /* values before the level moves */
#define NEXT_MAX  1e6 /* renormalise beyond */
#define FORMAT    1
#define HEAD      7    /* format, level, samples */
#define FRACTION  64.0 /* of a weight unit, in bytes */

void sketch_init(struct sketch *s)
{
    memset(s, 0, sizeof *s);
    s->next = 1;
    s->level = TARGET;
}

/* ---- buckets ---- */

static int bucket_of(int64_t v)
{
    int octave;

    if (v < SKETCH_EXACT)
        return v > 0 ? (int)v : 0;
    if (v > SKETCH_MAX)
        v = SKETCH_MAX;
    octave = 63 - __builtin_clzll((unsigned long long)v);
    return SKETCH_EXACT + (octave - 5) * SKETCH_SUB + (int)(v >> (octave - 4) & (SKETCH_SUB - 1));
}

static int64_t lowest_in(int bucket)
{
    const int above = bucket - SKETCH_EXACT;

    if (above < 0)
        return bucket;
    return (int64_t)(SKETCH_SUB + above % SKETCH_SUB) << (1 + above / SKETCH_SUB);
}

static int64_t highest_in(int bucket)
{
    return bucket < SKETCH_EXACT
               ? bucket
               : lowest_in(bucket) + (INT64_C(2) << (bucket - SKETCH_EXACT) / SKETCH_SUB) - 1;
}

/* ---- quantiles ---- */

/* Going down. */
static bool starts_group(int bucket)
{
    return bucket % SKETCH_SUB == SKETCH_SUB - 1;
}

int64_t sketch_quantile(const struct sketch *s, double level)
{
    const double may_exceed = (1 - level) * (s->total + s->next);
    double above = s->next; /* the next value itself */

    if (s->total <= 0 || above > may_exceed)
        return INT64_MAX;
    for (int i = SKETCH_BUCKETS - 1; i >= 0; i--) {
        if (starts_group(i) && above + (double)s->group[i / SKETCH_SUB] <= may_exceed) {
            above += (double)s->group[i / SKETCH_SUB];
            i -= SKETCH_SUB - 1;
            continue;
        }
        if (above + (double)s->weight[i] > may_exceed) {
            const double share = (may_exceed - above) / (double)s->weight[i];

            return highest_in(i) - (int64_t)(share * (double)(highest_in(i) - lowest_in(i)));
        }
        above += (double)s->weight[i];
    }
    return 0;
}

/* Gibbs and Candès: the level rises with each value that was above it and sinks with each below, in
 * the proportion that leaves it where it is when 95 of 100 are below. */
static void steer(struct sketch *s, int64_t value)
{
    const bool missed = value > sketch_quantile(s, s->level);

    s->level += STEP * (missed ? TARGET : TARGET - 1);
    if (s->level < LEVEL_MIN)
        s->level = LEVEL_MIN;
    if (s->level > LEVEL_MAX)
        s->level = LEVEL_MAX;
}

static void put_in(struct sketch *s, int bucket, double weight)
{
    s->weight[bucket] += (float)weight;
    s->group[bucket / SKETCH_SUB] += (float)weight;
    s->total += weight;
}

static void renormalise(struct sketch *s)
{
    const struct sketch old = *s;

    memset(s->weight, 0, sizeof s->weight);
    memset(s->group, 0, sizeof s->group);
    s->total = 0;
    s->next = 1;
    for (int i = 0; i < SKETCH_BUCKETS; i++)
        put_in(s, i, (double)old.weight[i] / old.next);
}

void sketch_add(struct sketch *s, int64_t value)
{
    if (s->samples >= SETTLED)
        steer(s, value);
    put_in(s, bucket_of(value), s->next);
    s->next /= DECAY;
    if (s->samples < UINT32_MAX)
        s->samples++;
    if (s->next > NEXT_MAX)
        renormalise(s);
}

/* ---- bytes: format, level, samples, then of each bucket that is not empty its number and weight
 * ---- */

static unsigned char *put(unsigned char *p, uint32_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *p++ = (unsigned char)(v >> 8 * i);
    return p;
}

static uint32_t get(const unsigned char *p, int bytes)
{
    uint32_t v = 0;

    for (int i = 0; i < bytes; i++)
        v |= (uint32_t)p[i] << 8 * i;
    return v;
}

size_t sketch_write(const struct sketch *s, unsigned char *out)
{
    unsigned char *p = out;

    p = put(p, FORMAT, 1);
    p = put(p, (uint32_t)(s->level * 10000 + 0.5), 2);
    p = put(p, s->samples, 4);
    for (int i = 0; i < SKETCH_BUCKETS; i++) {
        const uint32_t units = (uint32_t)((double)s->weight[i] / s->next * FRACTION + 0.5);

        if (units == 0)
            continue;
        p = put(p, (uint32_t)i, 2);
        p = put(p, units, 2); /* the decay keeps a weight below 500 */
    }
    return (size_t)(p - out);
}

bool sketch_read(struct sketch *s, const unsigned char *in, size_t n)
{
    struct sketch r;
    int last = -1;

    if (n < HEAD || (n - HEAD) % 4 || get(in, 1) != FORMAT)
        return false;
    sketch_init(&r);
    r.level = get(in + 1, 2) / 10000.0;
    r.samples = get(in + 3, 4);
    if (r.level < LEVEL_MIN || r.level > LEVEL_MAX)
        return false;
    for (const unsigned char *p = in + HEAD; p < in + n; p += 4) {
        const int bucket = (int)get(p, 2);

        if (bucket <= last || bucket >= SKETCH_BUCKETS)
            return false;
        put_in(&r, bucket, get(p + 2, 2) / FRACTION);
        last = bucket;
    }
    *s = r;
    return true;
}
