/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "ledger/postgresql/filter.h"
#include "ledger/postgresql/inner.h"
#include "ledger/postgresql/schema.h"

#define DAY_MS    INT64_C(86400000)
#define DAY_MAX   (INT64_MAX / DAY_MS)
#define CONNECT_S 5

static const char name_id[] = "SELECT id FROM tokencap.name WHERE text = $1::text";
static const char total_one[] = "SELECT t.requests, t.input, t.output, t.cost FROM tokencap.total t"
                                " JOIN tokencap.name n ON n.id = t.project WHERE n.text = $1::text";

int pg_usage(struct ledger *l, const char *project, struct usage_total *out, struct err *e)
{
    struct pq *q = pg_reader_begin(pg_of(l), e);
    struct usage_total t = {0};
    PGresult *res;

    if (!q)
        return -1;
    res = pq_query(q, total_one, "t", project);
    if (res && PQntuples(res) == 1)
        t = (struct usage_total){pq_int(res, 0, 0), pq_int(res, 0, 1), pq_int(res, 0, 2),
                                 pq_int(res, 0, 3)};
    PQclear(res);
    if (pg_reader_end(pg_of(l), q, e) != 0)
        return -1;
    *out = t;
    return 0;
}

/* ---- what a query asks for ---- */

int pg_name_id(struct pq *q, const char *text, int64_t *id, bool *found)
{
    PGresult *res = pq_query(q, name_id, "t", text);

    if (!res)
        return -1;
    *found = PQntuples(res) == 1;
    if (*found)
        *id = pq_int(res, 0, 0);
    PQclear(res);
    return 0;
}

static int filter_name(struct pq *q, const char *text, int64_t *id, struct filter *f)
{
    bool found;

    if (!text)
        return 0;
    if (pg_name_id(q, text, id, &found) != 0)
        return -1;
    f->nothing = f->nothing || !found;
    return 0;
}

int pg_filter_make(struct pq *q, const struct usage_query *u, struct filter *f)
{
    *f = (struct filter){.to_day = DAY_MAX};
    if (u->from_ms > 0)
        f->from_day = u->from_ms / DAY_MS;
    if (u->to_ms > 0)
        f->to_day = (u->to_ms - 1) / DAY_MS;
    return filter_name(q, u->project, &f->project, f) != 0 ||
                   filter_name(q, u->model, &f->model, f) != 0
               ? -1
               : 0;
}

/* ---- groups ---- */

/* Days $1 to $2; model $3 and project $4, or 0. */
#define GROUPED(key, name)                                                                         \
    "SELECT " key ", sum(d.requests)::bigint, sum(d.input)::bigint, sum(d.output)::bigint,"        \
    " sum(d.cost)::bigint FROM " DAYS_OF "day BETWEEN $1::bigint AND $2::bigint" DAYS_END " " name \
    " WHERE $3::bigint = 0 OR d.model = $3::bigint GROUP BY 1 ORDER BY "

static const char *const grouped[] = {
    [GROUP_MODEL] = GROUPED("n.text", "JOIN tokencap.name n ON n.id = d.model") //
    "5 DESC, n.text COLLATE \"C\"",
    [GROUP_DAY] = GROUPED("d.day", "") "1",
    [GROUP_PROJECT] = GROUPED("n.text", "JOIN tokencap.name n ON n.id = d.project") //
    "5 DESC, n.text COLLATE \"C\"",
};

static const char *group_key(const PGresult *res, int r, enum usage_group g, char day[16])
{
    struct tm tm;
    time_t t;

    if (g != GROUP_DAY)
        return PQgetvalue(res, r, 0);
    t = (time_t)(pq_int(res, r, 0) * (DAY_MS / 1000));
    gmtime_r(&t, &tm);
    strftime(day, 16, "%Y-%m-%d", &tm);
    return day;
}

static void send_groups(struct pq *q, const struct usage_query *u, enum usage_group group,
                        void (*f)(void *ctx, const char *key, const struct usage_total *t),
                        void *ctx)
{
    struct usage_total t;
    struct filter filter;
    PGresult *res;
    char day[16];

    if (pg_filter_make(q, u, &filter) != 0 || filter.nothing)
        return;
    res = pq_query(q, grouped[group], "iiii", filter.from_day, filter.to_day, filter.model,
                   filter.project);
    for (int i = 0; res && i < PQntuples(res); i++) {
        t = (struct usage_total){pq_int(res, i, 1), pq_int(res, i, 2), pq_int(res, i, 3),
                                 pq_int(res, i, 4)};
        f(ctx, group_key(res, i, group, day), &t);
    }
    PQclear(res);
}

int pg_usage_by(struct ledger *l, const struct usage_query *u, enum usage_group group,
                void (*f)(void *ctx, const char *key, const struct usage_total *t), void *ctx,
                struct err *e)
{
    struct pq *q = pg_reader_begin(pg_of(l), e);

    if (!q)
        return -1;
    send_groups(q, u, group, f, ctx);
    return pg_reader_end(pg_of(l), q, e);
}

int pg_file_usage_by(const char *where, const struct usage_query *u, enum usage_group group,
                     void (*f)(void *ctx, const char *key, const struct usage_total *t), void *ctx,
                     struct err *e)
{
    struct pq q = {.dsn = (char *)where};
    int r = pq_connect(&q, CONNECT_S, e);

    if (r == 0)
        r = pg_schema_expect(&q, e);
    if (r == 0) {
        send_groups(&q, u, group, f, ctx);
        if (q.failed)
            r = pq_error(&q, e);
    }
    pq_close(&q);
    return r;
}
