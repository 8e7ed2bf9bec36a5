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

/* The budgets that a reservation would ask: everybody's, the project's, the token's. */
struct budgets {
    int n;
    struct budget at[3];
};

static int find_budgets(struct exchange *x, struct budgets *out)
{
    int64_t token = x->caller.has_token ? x->caller.token.id : 0;
    struct err e;

    out->n = 0;
    for (enum scope s = SCOPE_GLOBAL; s <= (token ? SCOPE_TOKEN : SCOPE_PROJECT); s++) {
        if (ledger_budget_get(x->server->ledger, s, x->project, token, x->arrived_ms,
                              &out->at[out->n], &e) == 0)
            out->n++;
        else if (e.code != ERR_NOT_FOUND)
            return refuse(&x->refusal, REFUSE_LEDGER_UNAVAILABLE, NULL, "The ledger cannot answer now.");
    }
    return 0;
}

/* How the reservation would be made: by a budget's own words, else by the configuration's. */
static bool choose_hold(struct exchange *x, const struct budgets *all)
{
    const struct config *c = &x->settings->config;
    bool learn = c->predict == PREDICT_BY_LEARNING, strict = false;

    for (int i = 0; i < all->n; i++) {
        const struct budget *b = &all->at[i];

        strict |= b->enforcement == ENFORCE_STRICT ||
                  (b->enforcement == ENFORCE_DEFAULT && c->enforce == ENFORCE_STRICTLY);
        if (b->predictor != PREDICT_DEFAULT)
            learn = b->predictor == PREDICT_LEARNED;
    }
    if (learn && x->learned)
        x->estimate = x->learned_estimate;
    return strict;
}

static nano_t room(const struct budget *b)
{
    return b->limit - b->spent - b->reserved;
}

/* The figures are the tightest budget's. */
static void add_verdict(struct exchange *x, struct forecast *f, const struct budgets *all, bool strict)
{
    const struct budget *tight = all->at;

    f->has_budget = true;
    f->admitted = !strict || afford_is_bounded(x);
    for (int i = 0; i < all->n; i++) {
        const struct budget *b = &all->at[i];

        if (room(b) < room(tight))
            tight = b;
        f->admitted = f->admitted && f->hold <= room(b) &&
                      (b->per_request < 0 || f->hold <= b->per_request);
    }
    f->limit = tight->limit;
    f->spent = tight->spent;
    f->reserved = tight->reserved;
    f->remaining = room(tight) > 0 ? room(tight) : 0;
    f->affordable_max_tokens = afford_tokens(x, f->remaining, strict);
}

/* A key of one's own buys answers, not a look at the budgets. */
static bool may_see_budgets(const struct caller *who)
{
    return who->local || who->admin || who->has_token;
}

/* What its budgets would say to it now. */
static int ask_budgets(struct exchange *x, struct forecast *f)
{
    struct budgets all;
    bool strict;

    if (find_budgets(x, &all))
        return -1;
    strict = choose_hold(x, &all);
    f->estimate = x->estimate;
    f->hold = strict ? x->estimate.maximum : x->estimate.hold;
    if (all.n && may_see_budgets(&x->caller))
        add_verdict(x, f, &all, strict);
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
    if (ask_budgets(x, &f))
        return -1;
    jsonw_init(&w, &x->reply.body);
    forecast_write(&w, &f);
    x->reply.status = 200;
    headers_add(&x->reply.headers, &x->arena, SPAN("Content-Type"), SPAN("application/json"));
    return 0;
}
