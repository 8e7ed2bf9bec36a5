/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>

#include "ledger/postgresql/group.h"

/*
 * The second half of a group: what has changed, a statement a table, each a row of arrays that
 * unnest() makes rows of. In one order everywhere, and within a table by key, so that groups of
 * different daemons wait for each other and do not meet crosswise.
 */

#define SUM_ON_CONFLICT(t)                                                                         \
    " requests = " t ".requests + excluded.requests, input = " t ".input + excluded.input,"        \
    " output = " t ".output + excluded.output, cost = " t ".cost + excluded.cost"

#define SUMS                                                                                       \
    " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],"           \
    " $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],"       \
    " $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[]) u(id, project,"   \
    " created, model, estimated, input, output, cached, written, reasoning, duration, streams,"    \
    " ttft, cost, predicted, saved)"

static const char add_daily[] =
    "INSERT INTO tokencap.daily SELECT project, created / 86400000, model, count(*),"
    " sum(input)::bigint, sum(output)::bigint, sum(cost)::bigint, min(id), max(id)" SUMS
    " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 ON CONFLICT (project, day, model) DO UPDATE "
    "SET" SUM_ON_CONFLICT("daily") ", first = least(daily.first, excluded.first),"
                                   " last = greatest(daily.last, excluded.last)";
static const char add_total[] =
    "INSERT INTO tokencap.total SELECT project, count(*), sum(input)::bigint, sum(output)::bigint,"
    " sum(cost)::bigint" SUMS
    " GROUP BY 1 ORDER BY 1 ON CONFLICT (project) DO UPDATE SET" SUM_ON_CONFLICT("total");
/* Three views: by model, by project, and by model within a project. */
static const char add_series[] =
    "INSERT INTO tokencap.series SELECT created / 3600000, v.view, v.key, count(*),"
    " sum(estimated)::bigint, sum(input)::bigint, sum(output)::bigint, sum(cached)::bigint,"
    " sum(written)::bigint, sum(reasoning)::bigint, sum(duration)::bigint, sum(streams)::bigint,"
    " sum(ttft)::bigint, sum(cost)::bigint, sum(predicted)::bigint, sum(saved)::bigint, min(id),"
    " max(id)" SUMS
    " CROSS JOIN LATERAL (VALUES (0::bigint, model), (-1::bigint, project), (project, model))"
    " v(view, key) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 ON CONFLICT (hour, view, key) DO UPDATE "
    "SET" SUM_ON_CONFLICT("series") ", estimated = series.estimated + excluded.estimated,"
                                    " cached = series.cached + excluded.cached, written = "
                                    "series.written + excluded.written,"
                                    " reasoning = series.reasoning + excluded.reasoning,"
                                    " duration = series.duration + excluded.duration,"
                                    " streams = series.streams + excluded.streams, ttft = "
                                    "series.ttft + excluded.ttft,"
                                    " predicted = series.predicted + excluded.predicted, saved = "
                                    "series.saved + excluded.saved,"
                                    " first = least(series.first, excluded.first), last = "
                                    "greatest(series.last, excluded.last)";

/* In the order in which they are told. The columns of `types` are those of $1, $2 … */
static const struct {
    enum rows rows;
    const char *types, *sql;
} told[] = {
    {ROWS_BUDGET, "iiiiitiittii",
     "UPDATE tokencap.budget b SET cap = x.cap, per_request = x.per_request,"
     " period_kind = x.period_kind, period_days = x.period_days, zone = x.zone,"
     " enforcement = x.enforcement, predictor = x.predictor, alerts = x.alerts,"
     " alert_url = x.alert_url, period = x.period, deleted = x.deleted"
     " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],"
     " $6::text[], $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::bigint[],"
     " $12::bigint[]) x(id, cap, per_request, period_kind, period_days, zone, enforcement,"
     " predictor, alerts, alert_url, period, deleted) WHERE b.id = x.id"},
    {ROWS_NEW_BUDGET, "iiiiitiittiiit",
     "INSERT INTO tokencap.budget(id, cap, per_request, period_kind, period_days, zone,"
     " enforcement, predictor, alerts, alert_url, period, deleted, scope, key)"
     " SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],"
     " $6::text[], $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::bigint[],"
     " $12::bigint[], $13::bigint[], $14::text[])"},
    {ROWS_PERIOD, "iiiii",
     "UPDATE tokencap.period p SET \"end\" = x.e, spent = x.spent, held = x.held,"
     " likely = x.likely FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[],"
     " $5::bigint[]) x(id, e, spent, held, likely) WHERE p.id = x.id"},
    {ROWS_NEW_PERIOD, "iiiiiii",
     "INSERT INTO tokencap.period(id, \"end\", spent, held, likely, budget, start)"
     " SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],"
     " $6::bigint[], $7::bigint[])"},
    {ROWS_CAP, "iii",
     "INSERT INTO tokencap.period_cap SELECT * FROM unnest($1::bigint[], $2::bigint[],"
     " $3::bigint[])"},
    {ROWS_HOLD_END, "i", "DELETE FROM tokencap.hold WHERE id = ANY($1::bigint[])"},
    {ROWS_HOLD, "itiiiiiiiiiiiiiiii",
     "INSERT INTO tokencap.hold SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[],"
     " $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],"
     " $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[],"
     " $16::bigint[], $17::bigint[], $18::bigint[])"},
    {ROWS_USAGE, "itiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii",
     "INSERT INTO tokencap.usage SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[],"
     " $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],"
     " $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[],"
     " $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::bigint[],"
     " $22::bigint[], $23::bigint[], $24::bigint[], $25::bigint[], $26::bigint[], $27::bigint[],"
     " $28::bigint[], $29::bigint[], $30::bigint[], $31::bigint[], $32::bigint[], $33::bigint[],"
     " $34::bigint[], $35::bigint[], $36::bigint[], $37::bigint[])"},
    {ROWS_VOIDED, "iiiiiii",
     "INSERT INTO tokencap.voided SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[],"
     " $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])"},
    {ROWS_SUMS, "iiiiiiiiiiiiiiii", add_daily},
    {ROWS_SUMS, "iiiiiiiiiiiiiiii", add_total},
    {ROWS_SUMS, "iiiiiiiiiiiiiiii", add_series},
};

static const char add_overrun[] = "UPDATE tokencap.ledger SET overrun = overrun + $1::bigint";

static const char *types_of(enum rows rows)
{
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (told[i].rows == rows)
            return told[i].types;
    return "";
}

void group_row(struct group *g, enum rows rows, ...)
{
    const char *types = types_of(rows);
    struct rows_of *r = &g->rows[rows];
    va_list ap;

    va_start(ap, rows);
    for (int c = 0; types[c]; c++) {
        struct buf *column = &r->columns[c];

        if (r->n == 0)
            array_open(column);
        if (types[c] == 'i')
            array_int(column, va_arg(ap, int64_t));
        else
            array_text(column, va_arg(ap, struct span));
    }
    va_end(ap);
    r->n++;
    g->changed = true;
}

static void tell_budget(struct group *g, const struct account *a)
{
    const struct budget *b = &a->b;
    char alerts[ALERTS_TEXT_MAX];

    budget_alerts_write(b, alerts);
    group_row(g, a->fresh ? ROWS_NEW_BUDGET : ROWS_BUDGET, a->id, b->limit, b->per_request,
              (int64_t)b->period, (int64_t)b->period_days, span_of(b->timezone),
              (int64_t)b->enforcement, (int64_t)b->predictor, span_of(alerts),
              span_of(b->alert_url), a->running->id, a->deleted, (int64_t)b->scope,
              span_of(a->key));
}

static void tell_period(struct group *g, const struct period *p)
{
    group_row(g, p->fresh ? ROWS_NEW_PERIOD : ROWS_PERIOD, p->id, p->span.end, p->now.spent,
              p->now.held, p->now.likely, p->budget, p->span.start);
}

static void tell_rows(struct group *g, struct rows_of *r, const char *types, const char *sql)
{
    const char *texts[COLUMNS_MAX];
    int n = 0;

    for (; types[n]; n++) {
        if (r->columns[n].failed)
            pq_fail(g->q, PQ_BUSY, "no memory");
        texts[n] = r->columns[n].p;
    }
    pq_ask_texts(g->q, sql, n, texts);
}

void group_tell(struct group *g)
{
    for (const struct account *a = g->account_list; a; a = a->next)
        if (a->dirty || a->fresh)
            tell_budget(g, a);
    for (const struct period *p = g->period_list; p; p = p->next)
        if (p->dirty || p->fresh)
            tell_period(g, p);
    for (int i = 0; i < ROWS_ALL; i++)
        for (int c = 0; g->rows[i].n && types_of((enum rows)i)[c]; c++)
            array_close(&g->rows[i].columns[c]);
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (g->rows[told[i].rows].n)
            tell_rows(g, &g->rows[told[i].rows], told[i].types, told[i].sql);
    if (g->overrun)
        pq_ask(g->q, add_overrun, "i", g->overrun);
}
