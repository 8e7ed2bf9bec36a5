/* SPDX-License-Identifier: MIT */
#ifndef PROXY_HISTOGRAM_H
#define PROXY_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

/* Counts of observations by size. Observing is two relaxed atomics; any thread. */

#define HISTOGRAM_MAX 20 /* buckets, that for all beyond the last bound included */

/* The upper bounds, ascending and inclusive, in the units in which is observed. */
struct histogram_bounds {
    int n;
    int64_t le[HISTOGRAM_MAX - 1];
};

struct histogram {
    _Atomic int64_t sum;
    _Atomic int64_t buckets[HISTOGRAM_MAX];
};

/* What it held at a moment, to be added up and written. */
struct histogram_copy {
    int64_t sum, buckets[HISTOGRAM_MAX];
};

extern const struct histogram_bounds bounds_seconds; /* nanoseconds; OpenTelemetry's, and longer ones */
extern const struct histogram_bounds bounds_wait;    /* nanoseconds; short ones */
extern const struct histogram_bounds bounds_tokens;  /* OpenTelemetry's for token usage */
extern const struct histogram_bounds bounds_ratio;   /* thousandths */

void histogram_observe(struct histogram *h, const struct histogram_bounds *b, int64_t v);
void histogram_add(const struct histogram *h, struct histogram_copy *to);
int64_t histogram_count(const struct histogram_copy *h);

#endif
