/* SPDX-License-Identifier: MIT */
#ifndef WIRE_REQUEST_H
#define WIRE_REQUEST_H

#include <stdint.h>

#include "base/arena.h"
#include "meter/prompt.h"
#include "meter/usage.h"
#include "wire/json.h"
#include "wire/refusal.h"

/*
 * A priced request's body, read once: the facts that pricing, predicting and forwarding need. The
 * client's bytes are kept; what goes upstream is those bytes, edited by splicing only. Pure; one thread.
 */

struct request {
    struct span body; /* borrowed: the client's bytes */
    json_t *root;     /* owned; NULL once request_forget() gave it back */
    struct prompt prompt; /* .api says which endpoint */
    struct span model;
    bool stream;
    bool asks_usage;      /* stream_options.include_usage is true already */
    int64_t output_limit; /* of one answer; 0: none asked. Asked for as 0: 1, the least we can say */
    const char *limit_key; /* the member that holds it, or the one to add when there is none */
    int64_t n;            /* answers generated, all inputs together; at least 1 */
    bool tools;           /* any tool offered */
    bool generates;       /* false for embeddings */
    bool cache_12h;       /* what its prefix writes to the cache is kept, and billed, for 12 hours */
    bool unbounded;       /* can cost more than tokens × price: hosted tools, audio, files */
    bool us_only;         /* inference_geo "us": dearer */
    enum service_tier tier; /* asked for */
    unsigned kinds; /* 1 << enum token_kind: what its input can be billed as; 0: anything */
};

/* 0, or -1 with *r filled. The prompt points into the tree and into *a; so does the model. */
int request_parse(enum api api, struct span body, const struct json_limits *limits, struct arena *a,
                  struct request *out, struct refusal *r) MUST_CHECK;

/* Once it is counted: the tree takes many times the body's size. Of the prompt, api, opaque and media are
 * still there afterwards, and of the model only what the caller kept. */
void request_forget(struct request *q);

/* The body that asks Anthropic's count_tokens endpoint about this request; false: no memory. */
bool request_count_body(const struct request *q, struct buf *out) MUST_CHECK;
/* What it answered; -1 when that is not a count. */
int64_t request_count_answer(struct span body);

/* The edits that tokencap may make to a body. */
struct splice {
    bool include_usage; /* have the stream end with its usage (OpenAI's chat and completions) */
    int64_t max_tokens; /* set the output limit to this; 0: leave it */
};

/* The body to send: the client's own span when nothing is to change, else the edited copy in *out
 * (check out->failed). An edit that the API does not have is left out. */
struct span request_splice(const struct request *q, const struct splice *edits, struct buf *out);

#endif
