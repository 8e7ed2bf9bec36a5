/* SPDX-License-Identifier: MIT */
#ifndef WIRE_ANSWER_H
#define WIRE_ANSWER_H

#include "meter/prompt.h"
#include "meter/usage.h"
#include "wire/refusal.h"
#include "wire/sse.h"

/*
 * Reads an upstream's answer as it passes: its usage, whether it is whole, what text it carried.
 * Bytes pass unmodified, but for the usage chunk that only tokencap asked for. Pure; one thread.
 */

#define ANSWER_TEXT_MAX ((size_t)4 << 20)

#define ANSWER_CHOICES_MAX 128 /* OpenAI's bound of n */

/* What an end of the stream must name, as the stream told it; strings as written, with their
 * quotes. */
struct answer_trail {
    char id[128];     /* of the answer */
    char item[128];   /* of the item (Responses) that is being written */
    int64_t created;  /* seconds since 1970 */
    int64_t sequence; /* Responses: of the last event; -1: none */
    int64_t block;    /* Anthropic: the open content block, Responses: the open item; -1: none */
    int64_t part;     /* Responses: the open text part of that item; -1: none */
    size_t text_at;   /* where that part starts in answer.text */
    bool started;     /* an answer has begun */
    bool reasoned;    /* Anthropic: the reason of its end was told */
    unsigned char choices[ANSWER_CHOICES_MAX]; /* Chat: unseen, open or finished */
    struct buf head;  /* Responses: the response object of the last event that had one */
    struct buf items; /* Responses: the finished items, joined by commas */
};

struct answer {
    /* Set these between answer_init() and the first byte. */
    enum api api;
    bool hide_usage; /* drop the usage-only chunk and the `"usage":null` members we caused */
    bool asks_usage; /* the client asked for a usage chunk */
    bool may_stop;   /* answer_stop() may be called: keep what Responses needs for it */
    /* How long OpenAI keeps what it wrote to its cache: 30 minutes unless set. */
    enum token_kind cache_write;

    struct usage usage; /* .seen: what to settle on. Until then parts may hold the input alone */
    bool input_seen;    /* usage.parts[0] has the input that the provider reported at the start */
    bool complete;      /* the dialect's own end was seen: [DONE], message_stop, whole JSON, … */
    bool failed;        /* an error event, or response.failed */
    struct buf text;    /* what was generated, for a local count when usage is missing; bounded.
                           Nothing here and no usage either: nothing is known, not that it was free */
    bool text_partial;  /* more was generated than text holds */
    struct sse sse;

    /* The readers' own. */
    struct answer_trail trail;
    struct usage_part total; /* Anthropic's cumulative figures */
    int64_t write_total, write_5m, write_1h;
    bool iterations; /* usage.parts are Anthropic's iterations[] */
    bool dropped_cr; /* the last event was dropped, and its last byte was a CR */
};

void answer_init(struct answer *a, enum api api, bool hide_usage);
void answer_finish(struct answer *a);

struct request;

/* Takes over what the request says of its answer: asks_usage, and cache_write. */
void answer_expect(struct answer *a, const struct request *q);

/* A whole, non-streamed body with a success status. */
void answer_body(struct answer *a, struct span body);

/* Streamed bytes as they came; appends to out what the client gets now. A partial event is kept
 * back until it is whole (or too large to be one of ours). */
void answer_feed(struct answer *a, struct span bytes, struct buf *out);

/* The stream has ended, well or not: appends what was kept back. Read usage after this. */
void answer_end(struct answer *a, struct buf *out);

/* Whether the reason was told for the end of all that a stream began: what may stand in for a missing
 * `complete` where the stream's framing says that it is whole. */
bool answer_has_ended(const struct answer *a);

/*
 * Ends the stream in place of the upstream, which has been cut: appends what makes it a valid end
 * that says the limit of tokens was reached. The figures it names are those in a->usage: put the
 * local count there first. False, with nothing appended, when it cannot be done: nothing has begun,
 * it has ended already, or an oversized event has passed in part. No call but answer_finish() may
 * follow.
 */
bool answer_stop(struct answer *a, struct buf *out);

/* Ends the stream with the dialect's own error event, for a failure of ours. False as above, but
 * that nothing need have begun. */
bool answer_error_event(struct answer *a, const struct refusal *r, const char *request_id,
                        struct buf *out);

#endif
