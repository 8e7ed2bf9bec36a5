/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/log.h"
#include "proxy/steps.h"

#define ATTEMPTS 4 /* to fit a strict request into what is left while others take from it */

static int read_run(struct exchange *x, struct reservation *r)
{
    struct span run = headers_get(&x->headers, "x-tokencap-run-id");
    struct span limit = headers_get(&x->headers, "x-tokencap-run-limit-usd");
    struct err e;

    r->run_limit = -1;
    if (!run.p)
        return 0;
    if (!run.n || run.n > RUN_ID_MAX)
        return refuse(&x->refusal, REFUSE_BAD_VALUE, NULL, "X-Tokencap-Run-Id is 1 to %d characters.",
                      RUN_ID_MAX);
    memcpy(r->run, run.p, run.n);
    if (limit.p && money_parse(limit, 9, NANO_MAX, &r->run_limit, &e))
        return refuse(&x->refusal, REFUSE_BAD_VALUE, NULL, "X-Tokencap-Run-Limit-Usd: %s", e.msg);
    return 0;
}

static int fill(struct exchange *x)
{
    struct reservation *r = &x->reservation;

    *r = (struct reservation){
        .token_id = x->caller.has_token ? x->caller.token.id : 0,
        .provider = x->provider->name,
        .endpoint = x->target.route->path,
        .estimate = x->estimate.cost,
        .maximum = x->estimate.maximum,
        .learned = {x->learned, x->learned_estimate.cost, x->learned_estimate.hold,
                    x->learned_estimate.output_tokens},
        .learn = x->settings->config.predict == PREDICT_BY_LEARNING,
        .bounded = afford_is_bounded(x),
        .input_tokens = x->estimate.input_tokens,
        .output_tokens = x->estimate.output_tokens,
        .now_ms = x->arrived_ms,
    };
    str_copy(r->request_id, sizeof r->request_id, span_of(x->id));
    str_copy(r->project, sizeof r->project, span_of(x->project));
    str_copy(r->model, sizeof r->model, x->request.model);
    return read_run(x, r);
}

static int ask_ledger(struct exchange *x)
{
    struct err e;

    if (ledger_reserve(x->server->ledger, &x->reservation, &x->verdict, &e) == 0)
        return 0;
    log_error("request_id=%s hold refused: %s", x->id, e.msg);
    return refuse(&x->refusal, REFUSE_LEDGER_UNAVAILABLE, NULL,
                  "The ledger cannot record this request now, so it was not sent.");
}

/* Lowers the output limit to what is left, where that is still worth having. */
static bool shrink(struct exchange *x)
{
    const struct verdict *v = &x->verdict;
    int64_t limit = afford_tokens(x, v->remaining, true);
    struct err e;

    if (!v->strict || v->unbounded || limit < x->settings->config.min_affordable_tokens ||
        afford_maximum(x, limit, &x->reservation.maximum, &e))
        return false;
    if (x->reservation.estimate > x->reservation.maximum)
        x->reservation.estimate = x->reservation.maximum;
    if (x->reservation.learned.hold > x->reservation.maximum)
        x->reservation.learned.hold = x->reservation.maximum;
    x->applied_max_tokens = limit;
    return true;
}

static int refuse_verdict(struct exchange *x)
{
    if (!x->verdict.unbounded)
        return refuse_over_budget(x);
    if (x->price.rule == PRICE_FALLBACK)
        return refuse(&x->refusal, REFUSE_UNPRICED_MODEL, "model",
                      "No price is known for this model, and a strict budget needs one.");
    return refuse(&x->refusal, REFUSE_UNBOUNDED_COST, NULL,
                  "What this request can cost has no upper bound (audio, files or hosted tools), and "
                  "its budget is strict.");
}

/* A strict hold is a promise about the output, so a request that sets no limit of its own gets one. */
static void bound_output(struct exchange *x)
{
    if (x->verdict.strict && !x->request.output_limit && x->request.generates && !x->applied_max_tokens)
        x->applied_max_tokens = x->estimate.max_output / x->request.n;
}

int step_reserve(struct exchange *x, struct upstream *u)
{
    (void)u;
    if (fill(x))
        return -1;
    for (int i = 0; i < ATTEMPTS; i++) {
        if (ask_ledger(x))
            return -1;
        x->remaining = x->verdict.remaining;
        if (x->verdict.learned)
            x->estimate = x->learned_estimate;
        if (x->verdict.admitted) {
            x->hold = HOLD_HELD;
            bound_output(x);
            return 0;
        }
        if (!shrink(x))
            break;
    }
    return refuse_verdict(x);
}
