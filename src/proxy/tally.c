/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/clock.h"
#include "proxy/steps.h"

/* An ended exchange as metrics and live viewers see it. */

#define COPY(to, from) str_copy((to), sizeof(to), span_of(from))

static const char *endpoint_of(const struct exchange *x)
{
    if (!x->target.route)
        return "other";
    return x->target.route->kind == ROUTE_ESTIMATE ? "/v1/estimate" : x->target.route->path;
}

static const char *provider_of(const struct exchange *x)
{
    if (x->provider)
        return x->provider->name;
    return x->target.dialect == DIALECT_ANTHROPIC ? "anthropic" : "openai";
}

/* OpenTelemetry's gen_ai.operation.name of what was sent upstream. */
static const char *operation_of(const struct exchange *x)
{
    if (!x->target.route || x->target.route->kind != ROUTE_PRICED)
        return NULL;
    switch (x->target.route->api) {
    case API_EMBEDDINGS:
        return "embeddings";
    case API_COMPLETIONS:
        return "text_completion";
    default:
        return "chat";
    }
}

static bool is_settled(const struct exchange *x)
{
    return x->hold == HOLD_ENDED && x->settlement.state != HOLD_VOIDED;
}

/* What the exchange's prompt cache was worth: the difference to plain input. Never negative. */
static nano_t cache_worth(const struct exchange *x, enum token_kind first, enum token_kind last, bool dearer)
{
    const struct settlement *s = &x->settlement;
    struct usage plain = s->usage;
    nano_t cost, difference;
    struct err e;
    bool any = false;

    for (int i = 0; i < plain.nparts; i++)
        for (int k = first; k <= (int)last; k++) {
            any |= plain.parts[i].tokens[k] > 0;
            plain.parts[i].tokens[TOK_INPUT] += plain.parts[i].tokens[k];
            plain.parts[i].tokens[k] = 0;
        }
    plain.has_reported_cost = false;
    if (!any || s->usage.has_reported_cost ||
        price_cost(x->settings->prices, x->price, x->provider->price_name, &plain, x->arrived_ms, &cost, &e))
        return 0;
    difference = dearer ? s->cost - cost : cost - s->cost;
    return difference > 0 ? difference : 0;
}

void tally_cache(struct exchange *x, nano_t *saved, nano_t *premium)
{
    *saved = *premium = 0;
    if (x->settlement.charge_hold || !x->settlement.usage.seen)
        return;
    *saved = cache_worth(x, TOK_CACHE_READ, TOK_CACHE_READ, false);
    *premium = cache_worth(x, TOK_CACHE_WRITE_5M, TOK_CACHE_WRITE_12H, true);
}

static void count(struct exchange *x)
{
    struct settlement *s = &x->settlement;
    struct metric_facts f = {
        .provider = provider_of(x),
        .endpoint = endpoint_of(x),
        .operation = operation_of(x),
        .model = x->facts.id && x->price.rule != PRICE_FALLBACK ? x->facts.id : NULL,
        .status = x->reply.status,
        .duration_ns = clock_mono_ns() - x->arrived_ns,
        .ttft_ms = x->reply.streamed ? x->upstream.first_byte_ms : -1,
    };

    if (is_settled(x)) {
        f.usage = &s->usage;
        f.cost = s->cost;
        f.predicted = x->estimate.cost;
        f.saved = s->saved;
        f.premium = s->premium;
    }
    metrics_count(&x->server->metrics, &f);
}

/* ---- for those who watch ---- */

static void describe(const struct exchange *x, struct usage_row *r)
{
    COPY(r->request_id, x->id);
    COPY(r->project, x->project);
    COPY(r->provider, provider_of(x));
    COPY(r->endpoint, endpoint_of(x));
    str_copy(r->model, sizeof r->model, x->request.model);
    r->created_ms = x->arrived_ms;
    r->duration_ms = (clock_mono_ns() - x->arrived_ns) / 1000000;
    r->ttft_ms = -1;
    r->status = x->reply.status;
    r->estimate = x->estimate.cost;
    r->hold = x->verdict.hold;
}

static void describe_settled(const struct exchange *x, struct usage_row *r)
{
    const struct settlement *s = &x->settlement;

    r->id = s->hold_id;
    COPY(r->model, s->model);
    COPY(r->price_version, s->price_version);
    r->state = s->state;
    r->ttft_ms = s->ttft_ms;
    r->input_tokens = usage_input(&s->usage);
    r->output_tokens = usage_output(&s->usage);
    r->estimated_input = x->estimate.input_tokens;
    r->estimated_output = x->estimate.output_tokens;
    for (int k = 0; k < TOK_KINDS; k++)
        r->kinds[k] = usage_kind(&s->usage, (enum token_kind)k);
    r->reasoning = s->usage.reasoning;
    r->cost = s->cost;
    r->streamed = s->streamed;
}

static void show(struct exchange *x)
{
    struct feed_row row = {.kind = is_settled(x) ? FEED_REQUEST : FEED_REFUSAL};

    if (!is_settled(x) && !x->refused)
        return;
    describe(x, &row.usage);
    if (is_settled(x))
        describe_settled(x, &row.usage);
    if (row.kind == FEED_REFUSAL) {
        row.code = refusal_code(x->refusal.kind);
        row.scope = x->refusal.kind == REFUSE_BUDGET_EXCEEDED ? x->verdict.scope : SCOPE_NONE;
    }
    feed_push(&x->server->feed, &row);
}

void tally_exchange(struct exchange *x)
{
    count(x);
    if (x->target.route->kind == ROUTE_PRICED)
        show(x);
}

void tally_refused_early(struct exchange *x)
{
    if (x->target.route && x->target.route->kind != ROUTE_MANAGE && x->target.route->kind != ROUTE_HEALTH)
        count(x);
}
