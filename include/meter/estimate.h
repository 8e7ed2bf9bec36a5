/* SPDX-License-Identifier: MIT */
#ifndef METER_ESTIMATE_H
#define METER_ESTIMATE_H

#include "meter/count.h"
#include "meter/learn.h"
#include "meter/price.h"

/* What a request will probably cost, and at most. Pure. */

enum confidence { CONF_HIGH, CONF_MEDIUM, CONF_LOW };

const char *confidence_name(enum confidence c); /* "high", "medium", "low" */

/* What the prediction is made from, besides the count and the price. */
struct estimate_in {
    const struct count *count;
    struct price price;
    int64_t output_limit; /* what the client asked at most, of one answer; 0: no limit asked */
    int64_t n;            /* answers asked for */
    int64_t default_max_tokens; /* output bound of a model whose own is unknown */
    bool generates;             /* false for embeddings: no output */
    bool opaque_input;          /* audio, images, files, parts unknown to this program */
    bool tools;                 /* any tool was offered */
    enum service_tier tier;     /* asked for */
    bool us_only;               /* inference in one region only was asked for */
    unsigned kinds; /* 1 << enum token_kind: kinds of input besides the plain that can occur
                       (cache writes); 0: not known, any but audio */
    const struct learned
        *learned; /* what is known of such answers' length; NULL: predict by the rule */
    int64_t at_wall_ms;
};

struct estimate {
    int64_t input_tokens;
    int64_t output_tokens; /* predicted, all n answers */
    int64_t p95_output;    /* what 95 of 100 such answers stay below; output_tokens by the rule */
    int64_t max_output;    /* bound, all n answers */
    enum confidence confidence;
    nano_t cost;    /* at the prediction */
    nano_t hold;    /* at p95_output and the count's bound: what to hold; cost by the rule */
    nano_t maximum; /* at the bounds */
    nano_t input_cost, output_cost; /* what cost is made of */
    struct price_terms terms;       /* on which all of them are priced */
};

/* -1 only when the request asks for more than can be counted. */
int estimate(const struct estimate_in *in, struct estimate *out, struct err *e) MUST_CHECK;

#endif
