/* SPDX-License-Identifier: MIT */
#ifndef WIRE_SSE_H
#define WIRE_SSE_H

#include "base/str.h"

/*
 * Server-sent events, cut out of a byte stream in whatever pieces it comes (WHATWG HTML §9.2: LF, CR
 * and CRLF end a line, a blank line ends an event). Bytes are never changed. Pure; one thread.
 */

struct sse {
    struct buf pending; /* bytes of the event that is not yet whole; bounded */
    size_t scanned;     /* of those, how many were searched for the end already */
    bool overflowed;    /* the pending event grew past the bound: its bytes pass unread */
};

struct sse_event {
    struct span raw;  /* all its bytes, the blank line included */
    struct span name; /* of its `event:` line; n == 0: none */
    struct span data; /* of its `data:` lines, joined by LF; n == 0: none (a comment, a ping) */
};

void sse_init(struct sse *s);
void sse_finish(struct sse *s);

/* Calls f for each event that is whole now. An event larger than the bound is handed over in pieces
 * with no name and no data. Spans are valid during the call. */
void sse_feed(struct sse *s, struct span bytes, void (*f)(void *ctx, const struct sse_event *ev),
              void *ctx);

/* What is left at the end of the stream: an event that never became whole. */
struct span sse_rest(const struct sse *s);

#endif
