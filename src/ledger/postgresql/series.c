/* SPDX-License-Identifier: MIT */
#include "ledger/postgresql/filter.h"
#include "ledger/postgresql/inner.h"
#include "ledger/postgresql/schema.h"

/* The view that a row belongs to; a positive one is a project's, by model. tell.c writes them. */
enum { SERIES_MODELS = 0, SERIES_PROJECTS = -1 };

static const char read_series[] =
    "SELECT s.hour / $4::bigint, n.text, sum(requests)::bigint, sum(estimated)::bigint,"
    " sum(input)::bigint, sum(output)::bigint, sum(cached)::bigint, sum(written)::bigint,"
    " sum(reasoning)::bigint, sum(duration)::bigint, sum(streams)::bigint, sum(ttft)::bigint,"
    " sum(cost)::bigint, sum(predicted)::bigint, sum(saved)::bigint"
    " FROM generate_series(greatest($1::bigint, (SELECT min(hour) FROM tokencap.series)),"
    " least($2::bigint, (SELECT max(hour) FROM tokencap.series))) h"
    " CROSS JOIN LATERAL (SELECT * FROM tokencap.series WHERE hour = h AND view = $3::bigint"
    " OFFSET 0) s"
    " JOIN tokencap.name n ON n.id = s.key GROUP BY 1, s.key, n.text ORDER BY 1";

static void read_sums(const PGresult *res, int r, struct usage_sums *t)
{
    int64_t *const fields[] = {&t->requests, &t->estimated, &t->input,     &t->output,
                               &t->cached,   &t->written,   &t->reasoning, &t->duration_ms,
                               &t->streams,  &t->ttft_ms,   &t->cost,      &t->predicted,
                               &t->saved};

    for (int i = 0; i < (int)(sizeof fields / sizeof *fields); i++)
        *fields[i] = pq_int(res, r, 2 + i);
}

/* The view to read; *nothing: the project was never used. */
static int find_view(struct pq *q, const struct series_query *s, int64_t *view, bool *nothing)
{
    bool found = true;

    *view = s->by_project ? SERIES_PROJECTS : SERIES_MODELS;
    if (s->project && pg_name_id(q, s->project, view, &found) != 0)
        return -1;
    *nothing = !found;
    return 0;
}

int pg_series(struct ledger *l, const struct series_query *s,
              void (*f)(void *ctx, int64_t start_ms, const char *key, const struct usage_sums *t),
              void *ctx, struct err *e)
{
    int64_t from = s->from_ms / HOUR_MS, to = (s->to_ms - 1) / HOUR_MS, view = 0;
    struct pq *q = pg_reader_begin(pg_of(l), e);
    struct usage_sums t;
    PGresult *res = NULL;
    bool nothing;

    if (!q)
        return -1;
    if (find_view(q, s, &view, &nothing) == 0 && !nothing && from <= to)
        res = pq_query(q, read_series, "iiii", from, to, view, (int64_t)s->hours);
    for (int i = 0; res && i < PQntuples(res); i++) {
        read_sums(res, i, &t);
        f(ctx, pq_int(res, i, 0) * s->hours * HOUR_MS, PQgetvalue(res, i, 1), &t);
    }
    PQclear(res);
    return pg_reader_end(pg_of(l), q, e);
}
