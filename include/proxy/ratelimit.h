/* SPDX-License-Identifier: MIT */
#ifndef PROXY_RATELIMIT_H
#define PROXY_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/*
 * What a project may do at a time and in a minute: requests in flight, and two buckets that fill
 * evenly, of requests and of tokens, each as large as a minute's worth. Time is given by the caller, in
 * nanoseconds that never go backwards. Any thread; one short lock.
 *
 * Remembers RATE_PROJECTS projects; beyond that the one that was idle longest is forgotten, which gives
 * it full buckets. Projects with requests in flight are never forgotten: when all are such, a new
 * project is refused.
 */

#define RATE_PROJECTS 8192

struct ratelimit;

/* 0: no limit. */
struct rate_limits {
    int64_t in_flight, requests, tokens;
};

enum rate_refusal {
    RATE_TAKEN,
    RATE_IN_FLIGHT, /* as many as may be are in flight */
    RATE_REQUESTS,  /* of this minute are used up */
    RATE_TOKENS,    /* likewise */
    RATE_TOO_LARGE, /* needs more tokens than a minute has: never fits */
    RATE_PROJECTS_FULL,
};

struct rate_state {
    enum rate_refusal verdict;
    struct rate_limits limits;
    int64_t requests_left, tokens_left;       /* whole ones, after this request */
    int64_t requests_full_ms, tokens_full_ms; /* until the bucket is full */
    int64_t retry_ms; /* when refused: until this request would fit; 0: no telling */
};

int ratelimit_create(struct ratelimit **out, struct err *e) MUST_CHECK;
void ratelimit_destroy(struct ratelimit *r);

/* Takes one request of so many tokens; takes nothing where it is refused. Each request that was taken
 * ends with ratelimit_end(). */
void ratelimit_take(struct ratelimit *r, struct span project, const struct rate_limits *limits,
                    int64_t tokens, int64_t now_ns, struct rate_state *out);

/* It is no longer in flight; used: what the tokens taken turned out to be. limits: those it was taken
 * under. */
void ratelimit_end(struct ratelimit *r, struct span project, const struct rate_limits *limits,
                   int64_t taken, int64_t used, int64_t now_ns);

#endif
