/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "proxy/steps.h"

#define BIG_BODY (1 << 20)

/* Our own name in Via (RFC 9110 §7.6.3): an upstream leads back here. */
static bool came_from_us(const struct exchange *x)
{
    struct span via = headers_get(&x->headers, "via"), hop;

    while (via.n) {
        span_cut(via, ',', &hop, &via);
        if (span_ends(span_trim(hop), span_of(x->server->instance)))
            return true;
    }
    return false;
}

int step_admit(struct exchange *x, struct upstream *u)
{
    (void)u;
    histogram_observe(&x->server->metrics.queue_wait, &bounds_wait, clock_mono_ns() - x->submitted_ns);
    if (exchange_client_has_left(x)) /* nothing was sent and nothing is held */
        return refuse(&x->refusal, REFUSE_OVERLOADED, NULL, "The client left.");
    if (came_from_us(x))
        return refuse(&x->refusal, REFUSE_LOOP, NULL,
                      "This request has been through this proxy already: an upstream points back here.");
    return access_proxied(&x->caller, &x->refusal);
}

/* A large body's tree takes many times its size, so only a few are there at once. */
static void await_turn(struct exchange *x)
{
    if (x->body.n <= BIG_BODY)
        return;
    while (sem_wait(&x->server->big_parses))
        ; /* interrupted */
    x->parses_big = true;
}

static int parse(struct exchange *x)
{
    const struct config *c = &x->settings->config;
    struct json_limits limits = {(int)c->max_json_depth, (size_t)c->max_json_nodes};
    struct span *model = &x->request.model;

    await_turn(x);
    if (request_parse(x->target.route->api, buf_all(&x->body), &limits, &x->parsed, &x->request,
                      &x->refusal))
        return -1;
    model->p = arena_copy(&x->arena, model->p, model->n);
    return model->p ? 0 : refuse(&x->refusal, REFUSE_OVERLOADED, NULL, "No memory for this request.");
}

int step_forget(struct exchange *x, struct upstream *u)
{
    (void)u;
    exchange_forget_prompt(x);
    return 0;
}

/* What is not priced is forwarded unread, but for the model that a token may be restricted to. */
static bool is_read(const struct exchange *x)
{
    return x->target.route->kind != ROUTE_FORWARD ||
           (x->method == METHOD_POST && x->caller.has_token && *x->caller.token.models);
}

int step_parse(struct exchange *x, struct upstream *u)
{
    (void)u;
    if (!is_read(x))
        return 0;
    if (parse(x))
        return -1;
    if (x->caller.has_token && !access_model_allowed(x->caller.token.models, x->request.model))
        return refuse(&x->refusal, REFUSE_FORBIDDEN, "model",
                      "This project token may not use that model; it is for: %s.",
                      x->caller.token.models);
    return 0;
}

/* The path's prefix says which provider, else the model does, else the dialect. */
int step_choose(struct exchange *x, struct upstream *u)
{
    const struct providers *all = &x->settings->config.providers;

    (void)u;
    x->provider = x->target.provider ? x->target.provider
                                     : provider_for(all, x->target.dialect == DIALECT_ANTHROPIC,
                                                    x->request.model);
    if (x->target.route->kind == ROUTE_ESTIMATE)
        return 0;
    return access_lend(&x->caller, x->provider, &x->lent_key, &x->refusal);
}
