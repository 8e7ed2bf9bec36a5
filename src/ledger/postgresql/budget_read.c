/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "ledger/postgresql/inner.h"

#define COLUMNS                                                                                    \
    "SELECT b.scope, b.key, b.cap, b.per_request, b.period_kind, b.period_days, b.zone,"           \
    " b.enforcement, b.predictor, b.alerts, b.alert_url, p.start, p.\"end\", p.spent, p.held"      \
    " FROM tokencap.budget b JOIN tokencap.period p ON p.id = b.period WHERE b.deleted = 0 AND "

static const char one[] = COLUMNS "b.scope = $1::bigint AND b.key = $2::text";
static const char all[] = COLUMNS "b.scope < $1::bigint ORDER BY b.scope, b.key COLLATE \"C\"";

static void read_budget(const PGresult *res, int r, int64_t now_ms, struct budget *b)
{
    *b = (struct budget){.scope = (enum scope)pq_int(res, r, 0)};
    if (b->scope == SCOPE_PROJECT)
        pq_copy(b->project, sizeof b->project, res, r, 1);
    else if (b->scope == SCOPE_TOKEN)
        b->token_id = pq_int(res, r, 1);
    b->limit = pq_int(res, r, 2);
    b->per_request = pq_int(res, r, 3);
    b->period = (enum period_kind)pq_int(res, r, 4);
    b->period_days = (int)pq_int(res, r, 5);
    pq_copy(b->timezone, sizeof b->timezone, res, r, 6);
    b->enforcement = (enum enforcement)pq_int(res, r, 7);
    b->predictor = (enum predictor)pq_int(res, r, 8);
    budget_alerts_read(PQgetvalue(res, r, 9), b);
    pq_copy(b->alert_url, sizeof b->alert_url, res, r, 10);
    b->period_start = pq_int(res, r, 11);
    b->period_end = pq_int(res, r, 12);
    b->spent = pq_int(res, r, 13);
    b->reserved = pq_int(res, r, 14);
    budget_roll(b, now_ms);
}

int pg_budget_get(struct ledger *l, enum scope scope, const char *key, int64_t now_ms,
                  struct budget *out, struct err *e)
{
    struct pq *q = pg_reader_begin(pg_of(l), e);
    struct budget b;
    PGresult *res;
    bool found;

    if (!q)
        return -1;
    res = pq_query(q, one, "it", (int64_t)scope, key);
    found = res && PQntuples(res) == 1;
    if (found)
        read_budget(res, 0, now_ms, &b);
    PQclear(res);
    if (pg_reader_end(pg_of(l), q, e) != 0)
        return -1;
    if (!found)
        return err_set(e, ERR_NOT_FOUND, "No budget set for this %s", scope_name(scope));
    *out = b;
    return 0;
}

int pg_budget_each(struct ledger *l, int64_t now_ms, void (*f)(void *ctx, const struct budget *b),
                   void *ctx, struct err *e)
{
    struct pq *q = pg_reader_begin(pg_of(l), e);
    struct budget b;
    PGresult *res;

    if (!q)
        return -1;
    res = pq_query(q, all, "i", (int64_t)SCOPE_RUN);
    for (int i = 0; res && i < PQntuples(res); i++) {
        read_budget(res, i, now_ms, &b);
        f(ctx, &b);
    }
    PQclear(res);
    return pg_reader_end(pg_of(l), q, e);
}
