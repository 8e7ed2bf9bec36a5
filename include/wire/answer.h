/* SPDX-License-Identifier: MIT */
#ifndef WIRE_ANSWER_H
#define WIRE_ANSWER_H

#include "meter/prompt.h"
#include "meter/usage.h"
#include "wire/sse.h"

/*
 * Reads an upstream's answer as it passes: its usage, whether it is whole, what text it carried. Bytes
 * pass unmodified, but for the usage chunk that only tokencap asked for. Pure; one thread.
 */

#define ANSWER_TEXT_MAX ((size_t)4 << 20)

struct answer {
    /* Set these between answer_init() and the first byte. */
    enum api api;
    bool hide_usage; /* drop the usage-only chunk and the `"usage":null` members we caused */
    enum token_kind cache_write; /* how long OpenAI keeps what it wrote to its cache: 30M unless set */

    struct usage usage; /* .seen: what to settle on. Until then parts may hold the input alone */
    bool input_seen;    /* usage.parts[0] has the input that the provider reported at the start */
    bool complete;      /* the dialect's own end was seen: [DONE], message_stop, whole JSON, … */
    bool failed;        /* an error event, or response.failed */
    struct buf text;    /* what was generated, for a local count when usage is missing; bounded */
    bool text_partial;  /* more was generated than text holds */
    struct sse sse;

    /* The readers' own. */
    struct usage_part total; /* Anthropic's cumulative figures */
    int64_t write_total, write_5m, write_1h;
    bool iterations; /* usage.parts are Anthropic's iterations[] */
    bool dropped_cr; /* the last event was dropped, and its last byte was a CR */
};

void answer_init(struct answer *a, enum api api, bool hide_usage);
void answer_finish(struct answer *a);

/* A whole, non-streamed body with a success status. */
void answer_body(struct answer *a, struct span body);

/* Streamed bytes as they came; appends to out what the client gets now. A partial event is kept back
 * until it is whole (or too large to be one of ours). */
void answer_feed(struct answer *a, struct span bytes, struct buf *out);

/* The stream has ended, well or not: appends what was kept back. Read usage after this. */
void answer_end(struct answer *a, struct buf *out);

#endif
