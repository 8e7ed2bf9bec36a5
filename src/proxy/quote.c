/* SPDX-License-Identifier: MIT */
#include "proxy/steps.h"
#include "wire/forecast.h"

/* From the parsed request to its price: pure work of meter/, and its answer on /v1/estimate. */

int step_count(struct exchange *x, struct upstream *u)
{
    (void)u;
    if (count_prompt(&x->request.prompt, tokcache_counter(x->server->tokens), &x->count))
        return refuse(&x->refusal, REFUSE_INTERNAL, NULL, "No memory to count this request.");
    return 0;
}

int step_price(struct exchange *x, struct upstream *u)
{
    (void)u;
    x->price = price_find(x->settings->prices, x->provider->name, x->request.model);
    x->facts = price_facts(x->price, x->arrived_ms);
    if (x->price.rule != PRICE_FALLBACK)
        return 0;
    metric_add(&x->server->metrics.fallback_priced, 1);
    if (x->settings->config.unknown_models == UNKNOWN_REFUSE)
        return refuse(&x->refusal, REFUSE_UNPRICED_MODEL, "model",
                      "No price is known for this model; `tokencap price import` adds one, "
                      "--unknown-models fallback prices it cautiously.");
    return 0;
}

int step_predict(struct exchange *x, struct upstream *u)
{
    struct err e;

    (void)u;
    if (forecast_predict(&x->request, &x->count, x->price, x->settings->config.default_max_tokens,
                         x->arrived_ms, &x->estimate, &e))
        return refuse(&x->refusal, REFUSE_BAD_VALUE, NULL, "%s", e.msg);
    return 0;
}

/* What the project's budget would say to it now. */
static int ask_budget(struct exchange *x, struct forecast *f)
{
    struct budget b;
    struct err e;
    bool strict = x->settings->config.enforce == ENFORCE_STRICTLY;

    f->hold = strict ? x->estimate.maximum : x->estimate.cost;
    if (ledger_budget_get(x->server->ledger, SCOPE_PROJECT, x->project, 0, x->arrived_ms, &b, &e))
        return e.code == ERR_NOT_FOUND ? 0
                                       : refuse(&x->refusal, REFUSE_LEDGER_UNAVAILABLE, NULL,
                                                "The ledger cannot answer now.");
    if (b.enforcement != ENFORCE_DEFAULT)
        strict = b.enforcement == ENFORCE_STRICT;
    f->hold = strict ? x->estimate.maximum : x->estimate.cost;
    f->has_budget = true;
    f->limit = b.limit;
    f->spent = b.spent;
    f->reserved = b.reserved;
    f->remaining = b.limit - b.spent - b.reserved > 0 ? b.limit - b.spent - b.reserved : 0;
    f->admitted = f->hold <= f->remaining && (b.per_request < 0 || f->hold <= b.per_request);
    f->affordable_max_tokens = afford_tokens(x, f->remaining, strict);
    return 0;
}

/* The figures go to the caller alone; nothing was held and nothing is sent. */
int step_quote(struct exchange *x, struct upstream *u)
{
    struct forecast f = {
        .provider = x->provider->name,
        .model = x->request.model,
        .facts = x->facts,
        .rule = x->price.rule,
        .count = x->count,
        .estimate = x->estimate,
    };
    struct jsonw w;

    (void)u;
    if (ask_budget(x, &f))
        return -1;
    jsonw_init(&w, &x->reply.body);
    forecast_write(&w, &f);
    x->reply.status = 200;
    headers_add(&x->reply.headers, &x->arena, SPAN("Content-Type"), SPAN("application/json"));
    return 0;
}
