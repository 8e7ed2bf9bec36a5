/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "proxy/admin.h"

/* GET /metrics: what was counted, and what the ledger, the queue and the caches say now. */

#define BUDGETS_SHOWN 200

/* ---- budgets: the fullest ones have figures of their own ---- */

struct shown {
    struct budget *list;
    int n, cap;
};

static void collect(void *ctx, const struct budget *b)
{
    struct shown *s = ctx;
    struct budget *more;

    if (s->n == s->cap) {
        more = realloc(s->list, (size_t)(s->cap + 64) * 2 * sizeof *more);
        if (!more)
            return;
        s->list = more;
        s->cap = (s->cap + 64) * 2;
    }
    s->list[s->n++] = *b;
}

static int by_fullness(const void *va, const void *vb)
{
    const struct budget *a = va, *b = vb;
    double x = (double)a->spent / (double)(a->limit ? a->limit : 1);
    double y = (double)b->spent / (double)(b->limit ? b->limit : 1);

    return (x < y) - (x > y);
}

static void budget_label(const struct budget *b, struct metric_labels *l)
{
    char text[PROJECT_ID_MAX + 32];

    if (b->scope == SCOPE_PROJECT)
        snprintf(text, sizeof text, "project:%s", b->project);
    else if (b->scope == SCOPE_TOKEN)
        snprintf(text, sizeof text, "token:%lld", (long long)b->token_id);
    else
        snprintf(text, sizeof text, "%s", scope_name(b->scope));
    l->n = 0;
    metric_label(l, "budget", text);
}

static nano_t limit_of(const struct budget *b)
{
    return b->limit;
}

static nano_t spent_of(const struct budget *b)
{
    return b->spent;
}

static nano_t reserved_of(const struct budget *b)
{
    return b->reserved;
}

static const struct {
    enum metric_id id;
    nano_t (*figure)(const struct budget *b);
} budget_figures[] = {
    {METRIC_BUDGET_LIMIT, limit_of}, {METRIC_BUDGET_SPENT, spent_of}, {METRIC_BUDGET_RESERVED, reserved_of},
};

static int write_budgets(struct exchange *x, struct buf *out)
{
    struct shown s = {.list = NULL};
    struct metric_labels l;
    struct err e;

    if (ledger_budget_each(x->server->ledger, clock_wall_ms(), collect, &s, &e)) {
        free(s.list);
        return admin_refuse_ledger(x, &e);
    }
    if (s.n)
        qsort(s.list, (size_t)s.n, sizeof *s.list, by_fullness);
    for (size_t f = 0; f < sizeof budget_figures / sizeof *budget_figures; f++) {
        metric_head(out, budget_figures[f].id);
        for (int i = 0; i < s.n && i < BUDGETS_SHOWN; i++) {
            budget_label(&s.list[i], &l);
            metric_sample(out, budget_figures[f].id, "", &l, budget_figures[f].figure(&s.list[i]));
        }
    }
    metric_single(out, METRIC_BUDGETS, s.n);
    free(s.list);
    return 0;
}

/* ---- the rest ---- */

static void write_ledger(struct ledger *l, struct buf *out)
{
    struct ledger_stats s;

    ledger_stats(l, &s);
    metric_single(out, METRIC_HOLDS_OPEN, s.holds_open);
    metric_single(out, METRIC_OLDEST_HOLD, s.oldest_hold_ms);
    metric_single(out, METRIC_HELD, s.held);
    metric_single(out, METRIC_OVERRUN, s.overrun);
    metric_head(out, METRIC_COMMIT);
    metric_sample(out, METRIC_COMMIT, "_sum", NULL, s.commit_ns);
    metric_sample(out, METRIC_COMMIT, "_count", NULL, s.commits);
    metric_single(out, METRIC_WRITES, s.writes);
    metric_single(out, METRIC_LEDGER_QUEUE, s.queued);
    metric_single(out, METRIC_LEDGER_LOCKED, s.locked);
    metric_single(out, METRIC_LEDGER_FULL, s.disk_full);
    metric_single(out, METRIC_LEDGER_WAL, s.wal_bytes);
}

static void write_build(struct buf *out)
{
    struct metric_labels l = {.n = 0};

    metric_label(&l, "version", TOKENCAP_VERSION);
    metric_head(out, METRIC_BUILD);
    metric_sample(out, METRIC_BUILD, "", &l, 1);
}

int admin_metrics(struct exchange *x)
{
    struct server *s = x->server;
    struct buf *out = &x->reply.body;
    struct tokcache_stats cache;

    if (write_budgets(x, out))
        return -1;
    tokcache_stats(s->tokens, &cache);
    metrics_write(&s->metrics, out);
    metric_single(out, METRIC_QUEUE_LENGTH, (int64_t)queue_length(&s->queue));
    write_ledger(s->ledger, out);
    metric_single(out, METRIC_CACHE_HITS, cache.hits);
    metric_single(out, METRIC_CACHE_MISSES, cache.misses);
    metric_single(out, METRIC_DRIFTED, lessons_drifted(&s->lessons));
    write_build(out);
    metrics_write_process(out, s->started_ms);
    return admin_reply(x, 200, "text/plain; version=0.0.4; charset=utf-8");
}
