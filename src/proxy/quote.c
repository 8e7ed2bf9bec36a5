/* SPDX-License-Identifier: MIT */
#include "proxy/steps.h"
#include "wire/forecast.h"

/* From the parsed request to its price: pure work of meter/, and its answer on /v1/estimate. */

int step_count(struct exchange *x, struct upstream *u)
{
    (void)u;
    if (count_prompt(&x->request.prompt, tokcache_counter(x->server->tokens), &x->count))
        return refuse(&x->refusal, REFUSE_INTERNAL, NULL, "No memory to count this request.");
    x->calibrate_key = calibrate_key(&x->request.prompt, x->request.model);
    if (x->settings->config.calibrate)
        lessons_correct(&x->server->lessons, &x->calibrate_key, &x->count);
    return 0;
}

int step_price(struct exchange *x, struct upstream *u)
{
    (void)u;
    x->price = price_find(x->settings->prices, x->provider->price_name, x->request.model);
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

static int predict(struct exchange *x, const struct learned *learned, struct estimate *out)
{
    struct err e;

    if (forecast_predict(&x->request, &x->count, x->price, learned,
                         x->settings->config.default_max_tokens, x->arrived_ms, out, &e))
        return refuse(&x->refusal, REFUSE_BAD_VALUE, NULL, "%s", e.msg);
    return 0;
}

/* Both predictions, where there are two: which one counts is for the budget to say. */
int step_predict(struct exchange *x, struct upstream *u)
{
    struct learned learned;

    (void)u;
    x->learn_key = (struct learn_key){
        .project = span_of(x->project),
        .model = span_of(x->facts.id),
        .api = x->target.route->api,
        .input_tokens = x->count.tokens,
        .output_limit = x->request.output_limit,
    };
    x->learned = x->request.generates && lessons_predict(&x->server->lessons, &x->learn_key, &learned);
    if (x->learned && predict(x, &learned, &x->learned_estimate))
        return -1;
    return predict(x, NULL, &x->estimate);
}

/* How the reservation would be made: by the budget's own words, else by the configuration's. */
static void choose_hold(struct exchange *x, const struct budget *b, bool *strict)
{
    const struct config *c = &x->settings->config;
    bool learn = c->predict == PREDICT_BY_LEARNING;

    *strict = c->enforce == ENFORCE_STRICTLY;
    if (b && b->enforcement != ENFORCE_DEFAULT)
        *strict = b->enforcement == ENFORCE_STRICT;
    if (b && b->predictor != PREDICT_DEFAULT)
        learn = b->predictor == PREDICT_LEARNED;
    if (learn && x->learned)
        x->estimate = x->learned_estimate;
}

static void add_verdict(struct exchange *x, struct forecast *f, const struct budget *b, bool strict)
{
    nano_t left = b->limit - b->spent - b->reserved;

    f->has_budget = true;
    f->limit = b->limit;
    f->spent = b->spent;
    f->reserved = b->reserved;
    f->remaining = left > 0 ? left : 0;
    f->admitted = f->hold <= f->remaining && (b->per_request < 0 || f->hold <= b->per_request);
    f->affordable_max_tokens = afford_tokens(x, f->remaining, strict);
}

/* What the project's budget would say to it now. */
static int ask_budget(struct exchange *x, struct forecast *f)
{
    struct budget b;
    struct err e;
    bool strict, found = ledger_budget_get(x->server->ledger, SCOPE_PROJECT, x->project, 0,
                                           x->arrived_ms, &b, &e) == 0;

    if (!found && e.code != ERR_NOT_FOUND)
        return refuse(&x->refusal, REFUSE_LEDGER_UNAVAILABLE, NULL, "The ledger cannot answer now.");
    choose_hold(x, found ? &b : NULL, &strict);
    f->estimate = x->estimate;
    f->hold = strict ? x->estimate.maximum : x->estimate.hold;
    if (found)
        add_verdict(x, f, &b, strict);
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
