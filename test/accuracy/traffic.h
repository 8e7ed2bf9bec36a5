/* SPDX-License-Identifier: MIT */
#ifndef ACCURACY_TRAFFIC_H
#define ACCURACY_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

#include "meter/prompt.h"

/* A year of made-up traffic, the same from the same seed: what was asked, when, and what came back.
 */

enum traffic_class { SHORT_CHAT, CLASSIFICATION, AGENT, CODE, REPORT, TRAFFIC_CLASSES };

const char *traffic_class_name(enum traffic_class c);

struct traffic {
    enum traffic_class class;
    const char *project, *provider, *model;
    enum api api;
    int64_t at_ms, done_ms;
    int64_t input, cached, cache_written; /* input: all of it */
    int64_t limit;                        /* 0: none */
    bool tools;
    int64_t output;
    bool changed; /* its prompt has been rewritten: answers are several times longer now */
};

#define TRAFFIC_DAYS 365

/* Calls f for each request in order of time. */
void traffic_year(uint64_t seed, void (*f)(void *ctx, const struct traffic *t), void *ctx);

#endif
