/* SPDX-License-Identifier: MIT */
#include "proxy/histogram.h"

#define MS INT64_C(1000000)

const struct histogram_bounds bounds_seconds = {
    17, {10 * MS, 20 * MS, 40 * MS, 80 * MS, 160 * MS, 320 * MS, 640 * MS, 1280 * MS, 2560 * MS,
         5120 * MS, 10240 * MS, 20480 * MS, 40960 * MS, 81920 * MS, 163840 * MS, 327680 * MS,
         655360 * MS},
};

const struct histogram_bounds bounds_wait = {
    15, {MS / 10, MS / 4, MS / 2, MS, 2 * MS + MS / 2, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS,
         250 * MS, 500 * MS, 1000 * MS, 2500 * MS, 10000 * MS},
};

const struct histogram_bounds bounds_tokens = {
    14, {1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864},
};

const struct histogram_bounds bounds_ratio = {
    14, {50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1250, 2000, 5000},
};

void histogram_observe(struct histogram *h, const struct histogram_bounds *b, int64_t v)
{
    int i = 0;

    while (i < b->n && v > b->le[i])
        i++;
    atomic_fetch_add_explicit(&h->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->sum, v, memory_order_relaxed);
}

void histogram_add(const struct histogram *h, struct histogram_copy *to)
{
    to->sum += atomic_load_explicit(&h->sum, memory_order_relaxed);
    for (int i = 0; i < HISTOGRAM_MAX; i++)
        to->buckets[i] += atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
}

int64_t histogram_count(const struct histogram_copy *h)
{
    int64_t n = 0;

    for (int i = 0; i < HISTOGRAM_MAX; i++)
        n += h->buckets[i];
    return n;
}
