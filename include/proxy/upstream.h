/* SPDX-License-Identifier: MIT */
#ifndef PROXY_UPSTREAM_H
#define PROXY_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "proxy/headers.h"

/*
 * One POST (or GET) to an upstream, through one libcurl easy handle a worker, which keeps its
 * connections alive between calls. Blocking. A request is sent at most once: where libcurl would repeat it
 * on another connection, it is stopped. The only file that knows libcurl.
 */

/* How a call ended. The table in upstream.c says of each what the client is told and whether the
 * provider may have billed it. */
enum upstream_end {
    UPSTREAM_WHOLE,         /* the answer came to its framed end */
    UPSTREAM_UNRESOLVED,    /* DNS */
    UPSTREAM_REFUSED,       /* no connection */
    UPSTREAM_SLOW_CONNECT,
    UPSTREAM_TLS,
    UPSTREAM_LOST,          /* gone, or not HTTP, before the head was whole */
    UPSTREAM_BROKEN,        /* gone in the middle of the body */
    UPSTREAM_SILENT,        /* nothing within the deadline for the first byte */
    UPSTREAM_STALLED,       /* nothing within the deadline between bytes, or the whole request's */
    UPSTREAM_TOO_LARGE,     /* past the answer's bound */
    UPSTREAM_CUT,           /* we ended it: a callback said so */
    UPSTREAM_OURS,          /* no memory, or a handle that would not be set up */
    UPSTREAM_ENDS
};

struct upstream_limits {
    int64_t connect_ms, first_byte_ms, gap_ms, request_ms, max_answer;
    const char *ca_file; /* "": the system's */
};

struct upstream_request {
    const char *url;
    bool post, head_only;
    bool streams; /* the answer comes in small pieces, for long: little memory for what is read */
    const struct headers *headers; /* to send; Host, lengths and Expect are the library's */
    struct span body;
    struct upstream_limits limits;
    struct arena *arena; /* where the answer's headers go */

    /* Called on the worker's thread. ctx is theirs. */
    void *ctx;
    bool (*head)(void *ctx, int status, const struct headers *h); /* false: cut */
    bool (*data)(void *ctx, struct span bytes);                   /* false: cut; may block */
    bool (*stop)(void *ctx); /* asked at least every second, and after upstream_wake(): true cuts */
};

struct upstream_result {
    enum upstream_end end;
    bool sent;        /* a byte of the request may have reached the upstream */
    bool head;        /* head() was called */
    bool well_framed; /* the body's end was told by its framing, not by the connection's */
    int64_t first_byte_ms; /* from the start of the call; < 0: none came */
    char why[256];    /* libcurl's words, for the log; empty when we ended it */
};

struct upstream;

void upstream_library_init(void);
void upstream_library_finish(void);

struct upstream *upstream_create(void); /* NULL: no memory. One thread's. */
/* Between calls: u, or a new one in its place when it is NULL or memory has failed it, for what libcurl
 * then has half set up stays so. NULL: no memory. */
struct upstream *upstream_ready(struct upstream *u);
void upstream_destroy(struct upstream *u);

/* u may be NULL: then nothing is sent, and the end is UPSTREAM_OURS. */
void upstream_call(struct upstream *u, const struct upstream_request *q, struct upstream_result *out);

/* From any thread, while the handle lives: a call under way asks stop() now. */
void upstream_wake(struct upstream *u);

#endif
