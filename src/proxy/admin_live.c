/* SPDX-License-Identifier: MIT */
#include "proxy/admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "proxy/live.h"

#define MS           INT64_C(1000000)
#define PACE_NS      (400 * MS)   /* between two events */
#define QUIET_NS     (5000 * MS)  /* an event at least that often */
#define LIFE_NS      (3600000 * MS)
#define BUDGETS_MOST 1000

/* ---- the object ---- */

static int64_t total(const _Atomic int64_t *counts, int n)
{
    int64_t sum = 0;

    for (int i = 0; i < n; i++)
        sum += metric_get(&counts[i]);
    return sum;
}

static void write_now(struct jsonw *w, struct server *s)
{
    const struct metrics *m = &s->metrics;
    struct ledger_stats ledger;

    ledger_stats(s->ledger, &ledger);
    jsonw_key(w, "live");
    jsonw_open(w, '{');
    jsonw_member_int(w, "inFlight", metric_get(&m->in_flight));
    jsonw_member_int(w, "queued", (int64_t)queue_length(&s->queue));
    jsonw_member_int(w, "connections", metric_get(&m->connections));
    jsonw_member_int(w, "holdsOpen", ledger.holds_open);
    money_member(w, "heldUsd", ledger.held);
    jsonw_member_int(w, "oldestHoldMs", ledger.oldest_hold_ms);
    jsonw_member_int(w, "refusals", total(m->refusals, REFUSAL_KINDS));
    jsonw_member_int(w, "budgetRefusals", total(m->budget_refusals, METRIC_SCOPES));
    money_member(w, "budgetRefusedUsd", total(m->budget_refused, METRIC_SCOPES));
    jsonw_member_int(w, "upstreamErrors", total(m->upstream_errors, METRIC_UPSTREAMS));
    jsonw_member_int(w, "shed", metric_get(&m->shed));
    jsonw_member_time(w, "startedAt", s->started_ms);
    jsonw_close(w, '}');
}

struct budgets {
    struct jsonw *w;
    int n;
};

static void write_one_budget(void *ctx, const struct budget *b)
{
    struct budgets *list = ctx;

    if (list->n++ < BUDGETS_MOST)
        admin_write_budget(list->w, b, true);
}

static int write_budgets(struct jsonw *w, struct exchange *x)
{
    struct budgets list = {.w = w};
    struct err e;

    jsonw_key(w, "budgets");
    jsonw_open(w, '[');
    if (ledger_budget_each(x->server->ledger, clock_wall_ms(), write_one_budget, &list, &e))
        return admin_refuse_ledger(x, &e);
    jsonw_close(w, ']');
    jsonw_member_int(w, "budgetCount", list.n);
    return 0;
}

static void write_refusal(struct jsonw *w, const struct feed_row *r)
{
    jsonw_open(w, '{');
    jsonw_member_int(w, "seq", (int64_t)r->seq);
    jsonw_member_time(w, "createdAt", r->usage.created_ms);
    jsonw_member_str(w, "requestId", span_of(r->usage.request_id));
    jsonw_member_str(w, "projectId", span_of(r->usage.project));
    jsonw_member_str(w, "model", span_of(r->usage.model));
    jsonw_member_str(w, "endpoint", span_of(r->usage.endpoint));
    jsonw_member_int(w, "status", r->usage.status);
    jsonw_member_str(w, "code", span_of(r->code));
    jsonw_key(w, "scope");
    if (r->scope == SCOPE_NONE)
        jsonw_null(w);
    else
        jsonw_str(w, span_of(scope_name(r->scope)));
    money_member(w, "holdUsd", r->usage.hold);
    jsonw_close(w, '}');
}

/* Rows of one kind after `seq`, oldest first. */
static void write_rows(struct jsonw *w, struct feed *f, const char *key, enum feed_kind kind, uint64_t seq,
                       uint64_t newest)
{
    struct feed_row row;

    jsonw_key(w, key);
    jsonw_open(w, '[');
    while (seq < newest && feed_after(f, seq, &row) && row.seq <= newest) {
        seq = row.seq;
        if (row.kind != kind)
            continue;
        if (kind == FEED_REQUEST)
            admin_write_usage(w, &row.usage);
        else
            write_refusal(w, &row);
    }
    jsonw_close(w, ']');
}

static int write_object(struct exchange *x, uint64_t after, uint64_t newest, struct buf *out)
{
    struct jsonw w;

    jsonw_init(&w, out);
    jsonw_open(&w, '{');
    jsonw_member_int(&w, "seq", (int64_t)newest);
    jsonw_member_time(&w, "at", clock_wall_ms());
    jsonw_member_str(&w, "version", SPAN(TOKENCAP_VERSION));
    jsonw_member_bool(&w, "session", x->caller.by_cookie);
    write_now(&w, x->server);
    if (write_budgets(&w, x))
        return -1;
    write_rows(&w, &x->server->feed, "records", FEED_REQUEST, after, newest);
    write_rows(&w, &x->server->feed, "refusals", FEED_REFUSAL, after, newest);
    jsonw_close(&w, '}');
    return out->failed ? refuse(&x->refusal, REFUSE_INTERNAL, NULL, "No memory for the answer.") : 0;
}

/* ---- events ---- */

static int write_event(struct exchange *x, uint64_t newest)
{
    struct buf *out = &x->reply.body;

    buf_printf(out, "id: %" PRIu64 "\ndata: ", newest);
    if (write_object(x, x->viewer.seq, newest, out))
        return -1;
    buf_str(out, "\n\n");
    x->viewer.seq = newest;
    x->viewer.sent_ns = clock_mono_ns();
    return out->failed ? -1 : 0;
}

static void sleep_ns(int64_t ns)
{
    struct timespec t = {ns / 1000000000, ns % 1000000000};

    if (ns > 0)
        nanosleep(&t, NULL);
}

int live_next(struct exchange *x, int64_t timeout_ms)
{
    struct viewer *v = &x->viewer;
    struct feed *f = &x->server->feed;
    uint32_t news = v->sent_ns ? feed_wait(f, v->news, timeout_ms) : v->news;
    int64_t now = clock_mono_ns();

    if (v->sent_ns && news == v->news && now - v->sent_ns < QUIET_NS)
        return 0;
    if (v->sent_ns)
        sleep_ns(v->sent_ns + PACE_NS - now); /* what comes close together goes out together */
    v->news = atomic_load(&f->news); /* before the rows are read: none is missed */
    return write_event(x, feed_newest(f));
}

bool live_is_over(const struct exchange *x)
{
    return atomic_load(&x->server->draining) || clock_mono_ns() > x->viewer.ends_ns;
}

void live_end(struct exchange *x)
{
    if (x->viewer.counted)
        metric_add(&x->server->metrics.viewers, -1);
    x->viewer.counted = false;
}

static int begin_stream(struct exchange *x, uint64_t after)
{
    struct metrics *m = &x->server->metrics;

    if (atomic_fetch_add(&m->viewers, 1) >= VIEWERS_MAX) {
        metric_add(&m->viewers, -1);
        return refuse(&x->refusal, REFUSE_OVERLOADED, NULL, "Too many viewers of the live figures.");
    }
    x->viewer = (struct viewer){.counted = true, .seq = after, .ends_ns = clock_mono_ns() + LIFE_NS};
    x->reply.live = true;
    buf_str(&x->reply.body, "retry: 2000\n\n");
    headers_add(&x->reply.headers, &x->arena, SPAN("X-Accel-Buffering"), SPAN("no"));
    return admin_reply(x, 200, "text/event-stream");
}

int admin_live(struct exchange *x)
{
    struct span last = headers_get(&x->headers, "last-event-id");
    uint64_t newest = feed_newest(&x->server->feed);
    long long after = 0;

    if (admin_query_int(x, "after", 0, INT64_MAX, &after))
        return -1;
    if (last.p && !span_to_int64(last, &after))
        after = 0;
    if ((uint64_t)after > newest) /* of an earlier run of the daemon */
        after = 0;
    if (x->method == METHOD_GET && header_has_token(headers_get(&x->headers, "accept"), "text/event-stream"))
        return begin_stream(x, (uint64_t)after);
    if (write_object(x, (uint64_t)after, newest, &x->reply.body))
        return -1;
    return admin_reply(x, 200, "application/json");
}
