/* SPDX-License-Identifier: MIT */
#include "ledger/postgresql/filter.h"
#include "ledger/postgresql/inner.h"
#include "ledger/postgresql/schema.h"

/*
 * Between which ids rows of a stretch of time lie, whatever the clocks did: whole days by the daily
 * roll-up, the first and the last day by the hour. $1…$2: hours, $3: model or 0, $4: project or 0.
 */
static const char id_range[] =
    "SELECT min(first), max(last) FROM ("
    " SELECT d.first, d.last"
    "  FROM " DAYS_OF "day > $1::bigint / 24 AND day < $2::bigint / 24" DAYS_END
    "  WHERE $3::bigint = 0 OR d.model = $3::bigint"
    " UNION ALL"
    " SELECT s.first, s.last FROM tokencap.series s"
    "  WHERE s.hour BETWEEN $1::bigint AND least($2::bigint, $1::bigint / 24 * 24 + 23)"
    "  AND s.view = $4::bigint AND ($3::bigint = 0 OR s.key = $3::bigint)"
    " UNION ALL"
    " SELECT s.first, s.last FROM tokencap.series s"
    "  WHERE s.hour BETWEEN greatest($1::bigint, $2::bigint / 24 * 24) AND $2::bigint"
    "  AND s.view = $4::bigint AND ($3::bigint = 0 OR s.key = $3::bigint)) x";
static const char hours_used[] = "SELECT min(hour), max(hour) FROM tokencap.series";

/* One statement a filter, so that each walks its own index backwards from the cursor. */
#define ROWS(condition)                                                                            \
    "SELECT u.id, u.request, pr.text, pv.text, ep.text, mo.text, ve.text, u.state, u.created,"     \
    " u.duration, u.ttft, u.input, u.output, u.t0, u.t1, u.t2, u.t3, u.t4, u.t5, u.t6, u.t7,"      \
    " u.t8, u.reasoning, u.cost, u.estimate, u.amount, u.status, u.streamed"                       \
    " FROM (SELECT * FROM tokencap.usage WHERE id BETWEEN $1::bigint AND $2::bigint"               \
    " AND created >= $3::bigint AND created < $4::bigint " condition                               \
    " ORDER BY id DESC LIMIT $5::bigint) u"                                                        \
    " JOIN tokencap.name pr ON pr.id = u.project JOIN tokencap.name pv ON pv.id = u.provider"      \
    " JOIN tokencap.name ep ON ep.id = u.endpoint JOIN tokencap.name mo ON mo.id = u.model"        \
    " JOIN tokencap.name ve ON ve.id = u.version ORDER BY u.id DESC"

static const char rows_all[] = ROWS("");
static const char rows_project[] = ROWS("AND project = $6::bigint");
static const char rows_model[] = ROWS("AND model = $6::bigint");
static const char rows_both[] = ROWS("AND project = $6::bigint AND model = $7::bigint");

static void read_row(const PGresult *res, int i, struct usage_row *r)
{
    *r = (struct usage_row){.id = pq_int(res, i, 0)};
    pq_copy(r->request_id, sizeof r->request_id, res, i, 1);
    pq_copy(r->project, sizeof r->project, res, i, 2);
    pq_copy(r->provider, sizeof r->provider, res, i, 3);
    pq_copy(r->endpoint, sizeof r->endpoint, res, i, 4);
    pq_copy(r->model, sizeof r->model, res, i, 5);
    pq_copy(r->price_version, sizeof r->price_version, res, i, 6);
    r->state = (enum hold_state)pq_int(res, i, 7);
    r->created_ms = pq_int(res, i, 8);
    r->duration_ms = pq_int(res, i, 9);
    r->ttft_ms = pq_int(res, i, 10);
    r->estimated_input = pq_int(res, i, 11);
    r->estimated_output = pq_int(res, i, 12);
    for (int k = 0; k < TOK_KINDS; k++) {
        r->kinds[k] = pq_int(res, i, 13 + k);
        *(k < TOK_OUTPUT ? &r->input_tokens : &r->output_tokens) += r->kinds[k];
    }
    r->reasoning = pq_int(res, i, 22);
    r->cost = pq_int(res, i, 23);
    r->estimate = pq_int(res, i, 24);
    r->hold = pq_int(res, i, 25);
    r->status = (int)pq_int(res, i, 26);
    r->streamed = pq_int(res, i, 27) != 0;
}

/* The hours of a query, cut to those that have rows; an empty stretch when none has. */
static int hours_of(struct pq *q, const struct usage_query *u, int64_t *from, int64_t *to)
{
    PGresult *res = pq_query(q, hours_used, "");

    if (!res)
        return -1;
    *from = pq_int(res, 0, 0);
    *to = PQgetisnull(res, 0, 1) ? -1 : pq_int(res, 0, 1);
    PQclear(res);
    if (u->from_ms > 0 && u->from_ms / HOUR_MS > *from)
        *from = u->from_ms / HOUR_MS;
    if (u->to_ms > 0 && (u->to_ms - 1) / HOUR_MS < *to)
        *to = (u->to_ms - 1) / HOUR_MS;
    return 0;
}

static int narrow(struct pq *q, const struct usage_query *u, const struct filter *f, int64_t *low,
                  int64_t *high)
{
    int64_t from, to, last = -1;
    PGresult *res;

    if (hours_of(q, u, &from, &to) != 0)
        return -1;
    res = pq_query(q, id_range, "iiii", from, to, f->model, f->project);
    if (!res)
        return -1;
    if (!PQgetisnull(res, 0, 0)) {
        *low = pq_int(res, 0, 0);
        last = pq_int(res, 0, 1);
    }
    PQclear(res);
    if (*high > last)
        *high = last;
    return 0;
}

static PGresult *rows(struct pq *q, const struct usage_query *u, const struct filter *f,
                      int64_t low, int64_t high)
{
    int64_t to = u->to_ms > 0 ? u->to_ms : INT64_MAX, limit = u->limit;

    if (f->project && f->model)
        return pq_query(q, rows_both, "iiiiiii", low, high, u->from_ms, to, limit, f->project,
                        f->model);
    if (f->project)
        return pq_query(q, rows_project, "iiiiii", low, high, u->from_ms, to, limit, f->project);
    if (f->model)
        return pq_query(q, rows_model, "iiiiii", low, high, u->from_ms, to, limit, f->model);
    return pq_query(q, rows_all, "iiiii", low, high, u->from_ms, to, limit);
}

static int send_rows(struct pq *q, const struct usage_query *u, const struct filter *f,
                     void (*each)(void *ctx, const struct usage_row *row), void *ctx)
{
    int64_t low = 0, high = u->before_id > 0 ? u->before_id - 1 : INT64_MAX;
    struct usage_row row;
    PGresult *res;
    int n = 0;

    if ((u->from_ms > 0 || u->to_ms > 0) && narrow(q, u, f, &low, &high) != 0)
        return 0;
    res = rows(q, u, f, low, high);
    for (; res && n < PQntuples(res); n++) {
        read_row(res, n, &row);
        each(ctx, &row);
    }
    PQclear(res);
    return n;
}

int pg_history(struct ledger *l, const struct usage_query *u,
               void (*f)(void *ctx, const struct usage_row *row), void *ctx, struct err *e)
{
    struct pq *q = pg_reader_begin(pg_of(l), e);
    struct filter filter;
    int n = 0;

    if (!q)
        return -1;
    if (pg_filter_make(q, u, &filter) == 0 && !filter.nothing)
        n = send_rows(q, u, &filter, f, ctx);
    return pg_reader_end(pg_of(l), q, e) != 0 ? -1 : n;
}
