/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "proxy/steps.h"

/*
 * What an exchange cost, from the dearest truth that is known: the provider's usage; else a count of what
 * was read; else, where the provider may have billed something unseen, the held amount. Never less.
 */

/* Nothing can have been billed: nothing was sent, or the upstream said no before it began. */
static bool is_free(const struct exchange *x)
{
    if (!x->upstream.sent)
        return true;
    if (!x->forwarded) /* a redirect is no answer; a loss may hide one */
        return x->upstream_status >= 300 && x->upstream_status < 400;
    return x->upstream_status >= 400 && !x->answer.usage.seen;
}

static bool usage_is_final(const struct exchange *x)
{
    const struct answer *a = &x->answer;

    return a->usage.seen && !a->usage.suspicious;
}

static int price_usage(struct exchange *x, const struct usage *usage, nano_t *cost)
{
    struct err e;

    if (price_cost(x->settings->prices, x->price, x->provider->price_name, usage, x->arrived_ms, cost, &e) == 0)
        return 0;
    log_error("request_id=%s usage cannot be priced: %s", x->id, e.msg);
    return -1;
}

/* The provider told nothing usable at the end: the input that it told at the start, or our own count of
 * it, and our count of the text that came, or of the part that was kept. */
static bool count_text(struct exchange *x, struct usage *usage)
{
    struct text_counter counter = tokcache_counter(x->server->tokens);
    int64_t output = counter.count(counter.ctx, x->count.encoding, buf_all(&x->answer.text));

    if (output < 0)
        return false;
    *usage = (struct usage){.nparts = 1, .suspicious = x->answer.usage.suspicious};
    if (x->answer.input_seen)
        usage->parts[0] = x->answer.usage.parts[0];
    else
        usage->parts[0].tokens[TOK_INPUT] = x->count.tokens;
    usage->parts[0].tokens[TOK_OUTPUT] = output;
    return true;
}

bool settle_count_answer(struct exchange *x, struct usage *usage)
{
    return !x->answer.text_partial && (x->answer.text.n || !x->request.generates) && count_text(x, usage);
}

static bool is_cancelled(const struct exchange *x)
{
    return x->upstream.end == UPSTREAM_CUT && exchange_client_is_gone(x) &&
           x->settings->config.on_disconnect == ON_DISCONNECT_CANCEL;
}

/* The held amount, or what the part of the answer that came costs where that is more already. */
static void charge_hold(struct exchange *x, struct settlement *s)
{
    struct usage seen;
    nano_t cost;

    s->cost = x->verdict.hold;
    if (!x->answer.text.n || !count_text(x, &seen) || price_usage(x, &seen, &cost) || cost <= s->cost)
        return;
    s->charge_hold = false;
    s->cost = cost;
    s->usage = seen;
}

static void judge(struct exchange *x, struct settlement *s)
{
    s->state = HOLD_ESTIMATED;
    s->charge_hold = true;
    if (is_free(x)) {
        s->state = HOLD_VOIDED;
        s->charge_hold = false;
    } else if (usage_is_final(x) && price_usage(x, &x->answer.usage, &s->cost) == 0) {
        s->state = HOLD_SETTLED;
        s->charge_hold = false;
        s->usage = x->answer.usage;
    } else if ((answer_is_whole(x) || is_cancelled(x)) && settle_count_answer(x, &s->usage) &&
               price_usage(x, &s->usage, &s->cost) == 0) {
        s->charge_hold = false;
    }
    if (s->charge_hold)
        charge_hold(x, s);
}

static void fill(struct exchange *x, struct settlement *s)
{
    int64_t now = clock_mono_ns();

    s->hold_id = x->verdict.hold_id;
    /* Who asks what cost this wants to read an unknown model's own name. */
    str_copy(s->model, sizeof s->model,
             x->price.rule == PRICE_FALLBACK ? x->request.model : span_of(x->facts.id));
    s->price_version = x->facts.version;
    s->price_rule = price_rule_name(x->price.rule);
    s->confidence = confidence_name(x->estimate.confidence);
    s->status = x->refused ? refusal_status(x->refusal.kind) : x->reply.status;
    s->streamed = x->reply.streamed;
    s->now_ms = clock_wall_ms();
    s->duration_ms = (now - x->arrived_ns) / 1000000;
    s->ttft_ms = x->upstream.first_byte_ms;
    tally_cache(x, &s->saved, &s->premium);
}

/* Every settled request tells how good our count was; only answers that ended by themselves tell how long
 * answers are. */
static void teach(struct exchange *x, const struct settlement *s)
{
    struct lessons *l = &x->server->lessons;

    if (s->state != HOLD_SETTLED)
        return;
    if (lessons_compare(l, &x->calibrate_key, &x->count, usage_input(&s->usage)))
        log_warn("counts of %s on %s are no longer exact: its provider has changed what it adds",
                 x->facts.id, x->target.route->path);
    if (answer_is_whole(x) && !x->answer.failed && x->request.generates)
        lessons_add(l, &x->learn_key, usage_output(&s->usage) / x->request.n);
}

static void count_metrics(struct exchange *x, const struct settlement *s)
{
    struct metrics *m = &x->server->metrics;

    if (s->state == HOLD_ESTIMATED)
        metric_add(&m->estimated, 1);
    if (s->state == HOLD_SETTLED)
        metric_add(&m->settled, 1);
    if (s->state == HOLD_SETTLED && s->cost <= x->verdict.hold)
        metric_add(&m->within_hold, 1);
}

int step_settle(struct exchange *x, struct upstream *u)
{
    struct settlement *s = &x->settlement;
    nano_t remaining = -1;
    struct err e;
    bool wait;

    (void)u;
    if (x->hold != HOLD_HELD)
        return 0;
    judge(x, s);
    fill(x, s);
    /* Only an actual above the hold can be lost in a crash, so only that is waited for. */
    wait = s->cost > x->verdict.hold;
    if (ledger_settle(x->server->ledger, s, wait, &remaining, &e))
        log_error("request_id=%s not settled yet, the next start does it at the latest: %s", x->id, e.msg);
    x->hold = HOLD_ENDED;
    x->remaining = wait && remaining >= 0 ? remaining : x->verdict.remaining + x->verdict.hold - s->cost;
    if (x->remaining < 0)
        x->remaining = 0;
    count_metrics(x, s);
    teach(x, s);
    return 0;
}
