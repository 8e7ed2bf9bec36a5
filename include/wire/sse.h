/* SPDX-License-Identifier: MIT */
#ifndef WIRE_SSE_H
#define WIRE_SSE_H

#include "base/str.h"

/*
 * Server-sent events, cut out of a byte stream in whatever pieces it comes (WHATWG HTML §9.2: LF,
 * CR and CRLF end a line, a blank line ends an event). Bytes are never changed. Pure; one thread.
 */

#define SSE_EVENT_MAX ((size_t)1 << 20)

struct sse {
    size_t bound; /* the largest event that is read; SSE_EVENT_MAX unless set after sse_init() */
    struct buf pending; /* bytes of the event that is not yet whole */
    struct buf joined;  /* scratch: the data of an event that has it on several lines */
    bool overflowed;    /* the pending event grew past the bound: its bytes pass unread */
    bool started;       /* a first event was seen: no byte order mark can follow */
    bool in_line;       /* the current line has bytes */
    bool comment;       /* a comment in front of an event: its line is handed over by itself */
    bool after_cr;      /* the last byte was a CR; an LF that follows belongs to it */
    bool ended_by_cr;   /* the same, and that CR ended an event, which was handed over already */
};

struct sse_event {
    struct span raw;  /* all its bytes, the blank line included */
    struct span name; /* of its `event:` line; n == 0: none */
    struct span data; /* of its `data:` lines, joined by LF; n == 0: none (a comment, a ping). Of a
                         single line: a part of raw */
};

typedef void sse_sink(void *ctx, const struct sse_event *ev);

void sse_init(struct sse *s);
void sse_finish(struct sse *s);

/* Calls f for each event that is whole now, and for each line of comment before one: what keeps a
 * connection alive does not wait for the event. An event larger than the bound is handed over in pieces
 * with no name and no data, and so is an LF that came too late to join its CR. The concatenation of
 * all raw is the stream. Spans are valid during the call. */
void sse_feed(struct sse *s, struct span bytes, sse_sink *f, void *ctx);

/* The stream has ended: hands over what is left, an event without its blank line. */
void sse_end(struct sse *s, sse_sink *f, void *ctx);

/* What is left: an event that has not become whole. */
struct span sse_rest(const struct sse *s);

#endif
