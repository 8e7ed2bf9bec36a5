/* SPDX-License-Identifier: MIT */
#ifndef METER_SKETCH_H
#define METER_SKETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A streaming quantile sketch of token counts that forgets: a log-linear histogram (the buckets of
 * HdrHistogram; relative error as DDSketch) whose weights decay exponentially with each addition,
 * and a quantile level that adaptive conformal inference steers so that 95 % of the values to come
 * stay below the figure given, whatever the distribution does. Pure; the owner of the struct guards
 * it.
 */

#define SKETCH_EXACT   32 /* values below have a bucket each */
#define SKETCH_SUB     16 /* buckets an octave above */
#define SKETCH_OCTAVES 16 /* up to two million */
#define SKETCH_BUCKETS (SKETCH_EXACT + SKETCH_SUB * SKETCH_OCTAVES)
#define SKETCH_GROUPS  (SKETCH_BUCKETS / SKETCH_SUB)
#define SKETCH_MAX     ((INT64_C(1) << (5 + SKETCH_OCTAVES)) - 1)

struct sketch {
    double total; /* of the weights */
    double next;  /* weight of the next value: it grows, instead of all others shrinking */
    double level; /* the quantile that has covered 95 % of late */
    uint32_t samples;
    float weight[SKETCH_BUCKETS];
    float group[SKETCH_GROUPS]; /* sums of SKETCH_SUB buckets each: a quantile skips by them */
};

void sketch_init(struct sketch *s);

/* Values beyond SKETCH_MAX count as that. */
void sketch_add(struct sketch *s, int64_t value);

/* The value that a share `level` of the next values stays below, by weighted conformal prediction:
 * the next value counts as unbounded. INT64_MAX when there are too few to say. */
int64_t sketch_quantile(const struct sketch *s, double level);

#define SKETCH_BYTES_MAX (7 + 4 * SKETCH_BUCKETS)

/* To bytes and back. Returns how many of SKETCH_BYTES_MAX were written. */
size_t sketch_write(const struct sketch *s, unsigned char *out);
bool sketch_read(struct sketch *s, const unsigned char *in, size_t n);

#endif
