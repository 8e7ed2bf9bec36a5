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

/* The first folder must exist; later ones may be missing. A bad table is refused whole, in one line
 * that names file, model and field; so is a row that makes a known model ten times cheaper. */
int price_load(const char *const *dirs, size_t ndirs, struct price_table **out,
               struct err *e) MUST_CHECK;
void price_free(struct price_table *t);

/* A model's price: the row that a rule found, or the fallback made for it. Borrowed. */
struct price {
    const struct price_row *row;
    enum price_rule rule;
    int permille; /* what a region adds: 1000 but for that */
};

#define MODEL_ID_MAX 256

/* provider: "openai", "anthropic", "groq", … — the upstream it will be sent to; NULL when not
 * known, then the dearest host's row. Never fails: an unknown model gets the fallback. */
struct price price_find(const struct price_table *t, const char *provider, struct span model);

/* "groq" for "api.groq.com"; NULL when no table names the host. */
const char *price_provider_of_host(const struct price_table *t, struct span host);

/* The price that applies to an answer: that of the model which the provider says answered, when it
 * is a known one, else the one asked for. price_cost() applies it by itself. */
struct price price_answered(const struct price_table *t, struct price asked, const char *provider,
                            const struct usage *u);

/* What a row says besides money. Strings live as long as the table. */
struct price_facts {
    const char *id, *provider; /* "gpt-5.*" and "unknown" for a fallback */
    const char *encoding;      /* "approx" when the provider publishes none */
    const char *source, *as_of;
    const char *version; /* which dated price applies now ("openai/2026-11-10"); for usage rows */
    int64_t context_window;           /* tokens; 0: unknown */
    int64_t max_output;               /* tokens; 0: unknown */
    bool reasoning;                   /* a model that thinks before it answers */
    pico_t input, output, cache_read; /* base rates at that time */
};

struct price_facts price_facts(struct price p, int64_t at_wall_ms);

/* The cost of usage at a moment, every dimension of it, rounded up once; the provider's own figure
 * where it reported one. -1 only when a count is negative or the cost beyond NANO_MAX. */
int price_cost(const struct price_table *t, struct price p, const char *provider,
               const struct usage *u, int64_t at_wall_ms, nano_t *out, struct err *e) MUST_CHECK;

/* What a request asked for, as far as the price depends on it. All 0: plainly, at the standard tier. */
struct price_terms {
    enum service_tier tier;
    bool us_only;   /* inference in one region only, at a surcharge */
    unsigned kinds; /* 1 << enum token_kind: what else than plain tokens can occur; 0: anything */
};

/* The price of plain input and output tokens: what predictions and holds use. */
int price_plain(struct price p, int64_t input, int64_t output, const struct price_terms *terms,
                int64_t at_wall_ms, nano_t *out, struct err *e) MUST_CHECK;

/* The most that this many tokens can cost, whatever kinds they turn out to be: dearest input kind,
 * tier reached, the service tier asked for or the standard one, peak hours, a price that starts
 * within the hour. */
int price_bound(struct price p, int64_t input, int64_t output, const struct price_terms *terms,
                int64_t at_wall_ms, nano_t *out, struct err *e) MUST_CHECK;

/* Every id and alias, in order, for `tokencap price --list`. */
size_t price_count(const struct price_table *t);
void price_each(const struct price_table *t, void (*f)(void *ctx, const char *id, struct price p),
                void *ctx);

#endif
