/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "proxy/outlet.h"
#include "proxy/steps.h"

/* ---- the figures ---- */

#define ACTUALS "X-Tokencap-Input-Tokens, X-Tokencap-Output-Tokens, X-Tokencap-Cost-USD"

static void add_count(struct exchange *x, struct headers *h, const char *name, int64_t v)
{
    char text[24];

    str_decimal(text, (uint64_t)v, 1);
    headers_add(h, &x->arena, span_of(name), span_of(text));
}

static void add_money(struct exchange *x, struct headers *h, const char *name, nano_t v)
{
    char text[MONEY_LEN];

    headers_add(h, &x->arena, span_of(name), span_of(money_fixed(v, text)));
}

static bool was_predicted(const struct exchange *x)
{
    return x->facts.id != NULL && x->estimate.input_tokens > 0;
}

static void add_remaining(struct exchange *x, struct headers *h)
{
    if (x->verdict.has_budget)
        add_money(x, h, "X-Tokencap-Budget-Remaining", x->remaining);
}

static void add_forecast(struct exchange *x, struct headers *h)
{
    if (!was_predicted(x))
        return;
    add_count(x, h, "X-Tokencap-Estimated-Output-Tokens", x->estimate.output_tokens);
    add_money(x, h, "X-Tokencap-Estimated-Cost-USD", x->estimate.cost);
    headers_add(h, &x->arena, SPAN("X-Tokencap-Confidence"),
                span_of(confidence_name(x->estimate.confidence)));
    headers_add(h, &x->arena, SPAN("X-Tokencap-Pricing"), span_of(price_rule_header(x->price.rule)));
    if (x->applied_max_tokens)
        add_count(x, h, "X-Tokencap-Max-Tokens-Applied", x->applied_max_tokens);
}

void reply_add_predictions(struct exchange *x, struct headers *h)
{
    if (was_predicted(x))
        add_count(x, h, "X-Tokencap-Input-Tokens", x->estimate.input_tokens);
    add_forecast(x, h);
    add_remaining(x, h);
}

void reply_add_actuals(struct exchange *x, struct headers *h)
{
    const struct settlement *s = &x->settlement;
    bool counted = s->usage.nparts > 0;

    add_count(x, h, "X-Tokencap-Input-Tokens", counted ? usage_input(&s->usage) : x->estimate.input_tokens);
    add_count(x, h, "X-Tokencap-Output-Tokens",
            s->charge_hold ? x->estimate.output_tokens : usage_output(&s->usage));
    add_money(x, h, "X-Tokencap-Cost-USD", s->cost);
    add_remaining(x, h);
}

void reply_announce_actuals(struct exchange *x, struct headers *h)
{
    if (!x->http11) /* no chunks, no trailers */
        return;
    headers_add(h, &x->arena, SPAN("Trailer"),
                x->verdict.has_budget ? SPAN(ACTUALS ", X-Tokencap-Budget-Remaining") : SPAN(ACTUALS));
}

/* The provider's own request id, if it sent one, stays; else ours stands in its place. */
void reply_add_ids(struct exchange *x, struct headers *h)
{
    static const char *const names[] = {"x-request-id", "request-id", "X-Tokencap-Request-Id"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!headers_get(h, names[i]).p)
            headers_add(h, &x->arena, span_of(names[i]), span_of(x->id));
}

/* ---- replies of our own ---- */

void exchange_reply_refusal(struct exchange *x)
{
    struct reply *r = &x->reply;
    enum refusal_kind kind = x->refusal.kind;

    metric_add(&x->server->metrics.refusals[kind], 1);
    r->status = refusal_status(kind);
    r->headers.n = 0;
    buf_clear(&r->body);
    refusal_body(&x->refusal, x->target.dialect, x->id, &r->body);
    headers_add(&r->headers, &x->arena, SPAN("Content-Type"), SPAN("application/json"));
    if (kind == REFUSE_OVERLOADED || kind == REFUSE_DRAINING || kind == REFUSE_LEDGER_UNAVAILABLE)
        x->refusal.retry_after = 1 + (int)(x->arrived_ns / 1000 % 5); /* jittered: the shed do not all come back at once */
    if (x->refusal.retry_after)
        add_count(x, &r->headers, "Retry-After", x->refusal.retry_after);
    if (kind == REFUSE_BUDGET_EXCEEDED || (kind == REFUSE_RATE_LIMITED && !x->refusal.retry_after))
        headers_add(&r->headers, &x->arena, SPAN("x-should-retry"), SPAN("false"));
    if (kind == REFUSE_WRONG_METHOD)
        headers_add(&r->headers, &x->arena, SPAN("Allow"), span_of(route_allow(&x->target, &x->arena)));
    if (kind == REFUSE_UPGRADE_REQUIRED)
        headers_add(&r->headers, &x->arena, SPAN("Upgrade"), SPAN("HTTP/1.1"));
    reply_add_ids(x, &r->headers);
}

/* ---- the last step ---- */

static void log_exchange(const struct exchange *x)
{
    const struct settlement *s = &x->settlement;
    char cost[MONEY_LEN], predicted[MONEY_LEN];

    if (log_level() < LOG_INFO)
        return;
    log_info("request_id=%s project=%s endpoint=%s model=%s status=%d input=%" PRId64 " output=%" PRId64
             " predicted_usd=%s cost_usd=%s state=%s ms=%" PRId64 " ttft_ms=%" PRId64,
             x->id, x->project, x->target.route->path, x->facts.id ? x->facts.id : "-", x->reply.status,
             s->usage.nparts ? usage_input(&s->usage) : x->estimate.input_tokens, usage_output(&s->usage),
             money_fixed(x->estimate.cost, predicted), money_fixed(s->cost, cost),
             x->hold == HOLD_ENDED ? hold_state_name(s->state) : "none",
             (clock_mono_ns() - x->arrived_ns) / 1000000, x->upstream.first_byte_ms);
}

/* An answer that broke off: what came, then a reset, never a clean end. */
static bool break_off(struct exchange *x)
{
    struct buf partial = x->reply.body;
    struct err e;

    if (outlet_open(x, &e))
        return false;
    outlet_write(x, buf_all(&partial));
    outlet_close(x, RING_BROKEN);
    return true;
}

static void send_buffered(struct exchange *x)
{
    struct reply *r = &x->reply;

    if (x->refused)
        exchange_reply_refusal(x);
    if (x->hold == HOLD_ENDED) {
        reply_add_actuals(x, &r->headers);
        add_forecast(x, &r->headers);
    } else {
        reply_add_predictions(x, &r->headers);
    }
    limit_add_headers(x, &r->headers);
    reply_add_ids(x, &r->headers);
    tally_exchange(x); /* first: who has its answer finds it counted */
    if (!x->refused && x->forwarded && !answer_is_whole(x) && break_off(x))
        return;
    once_set(&x->answered);
}

static void end_stream(struct exchange *x)
{
    reply_add_actuals(x, &x->reply.trailers);
    tally_exchange(x);
    outlet_close(x, answer_is_whole(x) ? RING_WHOLE : RING_BROKEN);
}

int step_finish(struct exchange *x, struct upstream *u)
{
    (void)u;
    if (x->reply.streamed)
        end_stream(x);
    else
        send_buffered(x);
    log_exchange(x);
    return 0;
}
