/* SPDX-License-Identifier: MIT */
#ifndef METER_USAGE_H
#define METER_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "meter/money.h"

/*
 * What a request used, as the provider reported it, whatever the dialect: wire/ fills it, price/ turns
 * it into money, the ledger records it. The billed kinds are disjoint: their sum is all tokens. Plain
 * data; the owner is whoever declared it.
 */

enum token_kind {
    TOK_INPUT,           /* read anew, at the input rate */
    TOK_CACHE_READ,      /* read from the provider's prompt cache */
    TOK_CACHE_WRITE_5M,  /* written to it, by lifetime (OpenAI's 30 min and 12 h, Anthropic's 5 min, 1 h) */
    TOK_CACHE_WRITE_30M,
    TOK_CACHE_WRITE_1H,
    TOK_CACHE_WRITE_12H,
    TOK_AUDIO_INPUT,
    TOK_OUTPUT,          /* everything generated at the output rate, reasoning and rejected included */
    TOK_AUDIO_OUTPUT,
    TOK_KINDS
};

enum service_tier { TIER_STANDARD, TIER_BATCH, TIER_FLEX, TIER_PRIORITY, TIER_FAST, TIERS };

#define USAGE_MODEL_MAX 128 /* that a price table can have, and an answer name */
#define MODEL_NAME_MAX  256 /* that a request may ask for */

/* One billed portion: most answers have one; Anthropic's iterations[] have one each, of their own model. */
struct usage_part {
    int64_t tokens[TOK_KINDS];
    char model[USAGE_MODEL_MAX]; /* "": the request's */
};

#define USAGE_PARTS_MAX 16

struct usage {
    bool seen;       /* the provider reported something usable */
    bool suspicious; /* it reported something negative, absurd or contradictory */
    int nparts;
    struct usage_part parts[USAGE_PARTS_MAX];
    int64_t reasoning;        /* subset of TOK_OUTPUT, for information */
    int64_t rejected;         /* predicted tokens that were rejected: a subset likewise */
    int64_t web_searches;     /* calls billed apiece */
    enum service_tier tier;   /* that of the answer */
    bool us_only;             /* inference_geo "us" */
    bool has_reported_cost;   /* OpenRouter's usage.cost */
    nano_t reported_cost;
    char model[USAGE_MODEL_MAX]; /* the answer's model, "" when it named none */
};

/* All input tokens (anew, cached, written, audio), all output tokens: what the headers show. */
int64_t usage_input(const struct usage *u);
int64_t usage_output(const struct usage *u);
int64_t usage_kind(const struct usage *u, enum token_kind kind);

#endif
