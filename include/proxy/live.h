/* SPDX-License-Identifier: MIT */
#ifndef PROXY_LIVE_H
#define PROXY_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * GET /v1/usage/live: what goes on now, as one JSON object, or as server-sent events for as long as the
 * viewer stays. A stream is served by its connection's own thread.
 */

#define VIEWERS_MAX 64

struct exchange;

/* Of a stream; part of its exchange. */
struct viewer {
    bool counted;      /* among the viewers of struct metrics */
    uint64_t seq;      /* the newest row of the feed that it has */
    uint32_t news;     /* the feed's news that it has */
    int64_t sent_ns, ends_ns; /* monotonic */
    size_t at;         /* how much of reply.body has been sent */
};

/* Waits at most timeout_ms for something to say, and puts it into the empty reply.body. */
int live_next(struct exchange *x, int64_t timeout_ms) MUST_CHECK;
/* It is to end now: the daemon stops, or it has had its time (browsers come again by themselves). */
bool live_is_over(const struct exchange *x);
void live_end(struct exchange *x);

#endif
