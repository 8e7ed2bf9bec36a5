/* SPDX-License-Identifier: MIT */
#ifndef METER_PRICE_H
#define METER_PRICE_H

#include "base/err.h"
#include "base/str.h"
#include "meter/money.h"
#include "meter/usage.h"

/*
 * Price tables: loaded from *.json folders (later ones override earlier ones row by row), immutable
 * after that, shared by all threads. Format: tokencap-pricing(5).
 */

enum price_rule {
    PRICE_EXACT,    /* the model's own id */
    PRICE_ALIAS,    /* another name of it */
    PRICE_SUFFIX,   /* its id with one version suffix stripped */
    PRICE_FALLBACK, /* unknown: the dearest of GPT-4o and all that share its stem, axis by axis */
};

const char *price_rule_name(enum price_rule r);   /* "exact", "alias", "suffix", "fallback" */
const char *price_rule_header(enum price_rule r); /* X-Tokencap-Pricing: exact|alias|fallback */

struct price_table;
struct price_row;

int price_load(const char *const *dirs, size_t ndirs, struct price_table **out, struct err *e) MUST_CHECK;
void price_free(struct price_table *t);

/* A model's price: the row that a rule found, or the fallback made for it. Borrows from the table. */
struct price {
    const struct price_row *row;
    enum price_rule rule;
};

#define MODEL_ID_MAX 256

/* provider: "openai", "anthropic", "groq", … — the upstream it will be sent to; NULL when not known,
 * then the dearest host's row. Never fails: an unknown model gets the fallback. */
struct price price_find(const struct price_table *t, const char *provider, struct span model);

/* What a row says besides money. Strings live as long as the table. */
struct price_facts {
    const char *id, *provider, *encoding, *source, *as_of;
    const char *version;          /* which dated price applies now; recorded in usage rows */
    int64_t context_window;       /* tokens; 0: unknown */
    int64_t max_output;           /* tokens; 0: unknown */
    bool reasoning;               /* a model that thinks before it answers */
    pico_t input, output, cache_read; /* base rates at that time */
};

struct price_facts price_facts(struct price p, int64_t at_wall_ms);

/* The cost of usage at a moment, every dimension of it, rounded up once. -1 only on overflow. */
int price_cost(const struct price_table *t, struct price p, const char *provider,
               const struct usage *u, int64_t at_wall_ms, nano_t *out, struct err *e) MUST_CHECK;

/* The price of input and output tokens at the standard tier: what predictions and holds use. */
int price_plain(struct price p, int64_t input, int64_t output, int64_t at_wall_ms, nano_t *out,
                struct err *e) MUST_CHECK;

/* The most that this many tokens can cost: the dearest input kind and tier that the request allows. */
int price_bound(struct price p, int64_t input, int64_t output, enum service_tier tier,
                int64_t at_wall_ms, nano_t *out, struct err *e) MUST_CHECK;

/* Every id and alias, in order, for `tokencap price --list`. */
size_t price_count(const struct price_table *t);
void price_each(const struct price_table *t, void (*f)(void *ctx, const char *id, struct price p),
                void *ctx);

#endif
