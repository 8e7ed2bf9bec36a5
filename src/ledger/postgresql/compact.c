/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "ledger/postgresql/engine.h"
#include "ledger/postgresql/schema.h"
#include "ledger/postgresql/statements.h"

/*
 * Old usage rows give way to the totals that were kept all along. What goes is a prefix of the
 * events: every row that was admitted and had ended before the first event of the date. The few
 * that were still open then stay, so that the rest can be replayed exactly as it happened, from
 * that event on. Each step is one transaction after which the proof holds: it may be interrupted at
 * any moment, and run again.
 *
 * Daemons may go on meanwhile: what they write is younger, and a step holds their locks for moments
 * only. Each changes all it changes by one statement, of one state of the database.
 */

#define STEP      5000 /* events a transaction */
#define DAY_MS    INT64_C(86400000)
#define CONNECT_S 5
#define TRIES_MAX 50
#define PAUSE_NS  20000000 /* after meeting a daemon's transaction */

static const char which[] =
    "SELECT least((SELECT min(first) FROM tokencap.daily WHERE day >= $1::bigint),"
    " (SELECT last_value + 1 FROM tokencap.event)), least((SELECT min(id) FROM tokencap.usage),"
    " (SELECT min(id) FROM tokencap.voided), 9223372036854775807)";

#define OVER " WHERE id >= $1::bigint AND id < $2::bigint AND id + lag < $3::bigint"

static const char roll_up[] =
    "WITH gone AS (DELETE FROM tokencap.usage" OVER " RETURNING *),"
    " voided AS (DELETE FROM tokencap.voided" OVER "),"
    " archived AS (INSERT INTO tokencap.archive AS a SELECT project, created / 86400000, model,"
    "  count(*), sum(t0 + t1 + t2 + t3 + t4 + t5 + t6)::bigint, sum(t7 + t8)::bigint,"
    "  sum(cost)::bigint FROM gone GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    "  ON CONFLICT (project, day, model) DO UPDATE SET requests = a.requests + excluded.requests,"
    "  input = a.input + excluded.input, output = a.output + excluded.output,"
    "  cost = a.cost + excluded.cost),"
    " spent AS (UPDATE tokencap.period p SET archived = p.archived + x.cost FROM"
    "  (SELECT at, sum(cost)::bigint AS cost FROM gone"
    "  CROSS JOIN LATERAL (VALUES (at1), (at2), (at3), (at4)) v(at) GROUP BY 1) x"
    "  WHERE p.id = x.at)"
    " SELECT count(*), coalesce(sum(greatest(cost - amount, 0)) FILTER (WHERE strict <> 0),"
    " 0)::bigint FROM gone";
static const char note[] =
    "UPDATE tokencap.ledger SET provable_from = greatest(provable_from, $1::bigint),"
    " archived_overrun = archived_overrun + $2::bigint";

/* The hours of a day that is over for long become its first hour. $1: hours before this one. */
static const char fold_hours[] =
    "WITH gone AS (DELETE FROM tokencap.series WHERE hour < $1::bigint AND hour % 24 <> 0"
    "  RETURNING *)"
    " INSERT INTO tokencap.series AS s SELECT hour / 24 * 24, view, key, sum(requests)::bigint,"
    " sum(estimated)::bigint, sum(input)::bigint, sum(output)::bigint, sum(cached)::bigint,"
    " sum(written)::bigint, sum(reasoning)::bigint, sum(duration)::bigint, sum(streams)::bigint,"
    " sum(ttft)::bigint, sum(cost)::bigint, sum(predicted)::bigint, sum(saved)::bigint,"
    " min(first), max(last) FROM gone GROUP BY 1, 2, 3 ORDER BY 1, 2, 3" ADD_TO_SERIES;

/* Periods that no row refers to: of runs that are over and of deleted budgets, and what they
 * replaced. $1: those from before that time; $2: a run's scope. */
static const char forget_periods[] =
    "WITH rows AS (SELECT at1, at2, at3, at4 FROM tokencap.usage"
    "  UNION ALL SELECT at1, at2, at3, at4 FROM tokencap.voided"
    "  UNION ALL SELECT at1, at2, at3, at4 FROM tokencap.hold),"
    " used AS MATERIALIZED (SELECT DISTINCT at AS id FROM rows"
    "  CROSS JOIN LATERAL (VALUES (at1), (at2), (at3), (at4)) v(at)),"
    " budgets AS (DELETE FROM tokencap.budget b WHERE (scope = $2::bigint OR deleted <> 0)"
    "  AND NOT EXISTS (SELECT 1 FROM tokencap.period p WHERE p.budget = b.id AND"
    "  (p.start >= $1::bigint OR p.id IN (SELECT id FROM used))) RETURNING id),"
    " periods AS (DELETE FROM tokencap.period p WHERE start < $1::bigint"
    "  AND NOT EXISTS (SELECT 1 FROM used u WHERE u.id = p.id)"
    "  AND NOT EXISTS (SELECT 1 FROM tokencap.budget b WHERE b.period = p.id"
    "  AND NOT EXISTS (SELECT 1 FROM budgets g WHERE g.id = b.id)) RETURNING id)"
    " DELETE FROM tokencap.period_cap c USING periods p WHERE c.period = p.id";

struct compaction {
    struct pq q;
    struct watched watched;
    int64_t before_ms;
    int64_t first, kept_from; /* events */
    int64_t step_rows, rows;
};

static void remove_rows(struct compaction *c, int64_t from)
{
    int64_t to = from + STEP < c->kept_from ? from + STEP : c->kept_from, overrun;
    PGresult *res = pq_query(&c->q, roll_up, "iii", from, to, c->kept_from);

    if (!res)
        return;
    c->step_rows = pq_int(res, 0, 0);
    overrun = pq_int(res, 0, 1);
    PQclear(res);
    PQclear(pq_query(&c->q, note, "ii", c->kept_from, overrun));
}

static void fold(struct compaction *c, int64_t from)
{
    (void)from;
    /* Not the last day, in which a row that stays may lie. */
    PQclear(pq_query(&c->q, fold_hours, "i", (c->before_ms / DAY_MS - 1) * 24));
}

static void remove_periods(struct compaction *c, int64_t from)
{
    (void)from;
    PQclear(pq_query(&c->q, forget_periods, "ii", c->before_ms, (int64_t)SCOPE_RUN));
}

/* Row by row, whatever a daemon has just added to it … */
static const char newest[] = "BEGIN ISOLATION LEVEL READ COMMITTED";
/* … or not at all, for a hold may just have begun to refer to what goes. */
static const char unchanged[] = "BEGIN ISOLATION LEVEL REPEATABLE READ";

/* One transaction, again when it met another. */
static int transact(struct compaction *c, const char *begin,
                    void (*step)(struct compaction *c, int64_t from), int64_t from, struct err *e)
{
    static const struct timespec pause = {0, PAUSE_NS};
    struct pq *q = &c->q;

    for (int tries = 1;; tries++) {
        pq_forget(q);
        c->step_rows = 0;
        PQclear(pq_query(q, begin, ""));
        if (!q->failed)
            step(c, from);
        if (!q->failed)
            PQclear(pq_query(q, "COMMIT", ""));
        pq_rollback(q);
        if (q->failed != PQ_AGAIN || tries == TRIES_MAX)
            break;
        nanosleep(&pause, NULL);
    }
    c->rows += q->failed ? 0 : c->step_rows;
    return q->failed ? pq_error(q, e) : 0;
}

static int find_rows(struct compaction *c, struct err *e)
{
    PGresult *res = pq_query(&c->q, which, "i", c->before_ms / DAY_MS);

    if (!res)
        return pq_error(&c->q, e);
    c->kept_from = pq_int(res, 0, 0);
    c->first = pq_int(res, 0, 1);
    PQclear(res);
    return 0;
}

static int compact(struct compaction *c, struct err *e)
{
    if (pq_connect(&c->q, CONNECT_S, e) != 0 || pg_schema_expect(&c->q, e) != 0 ||
        find_rows(c, e) != 0)
        return -1;
    for (int64_t from = c->first; from < c->kept_from; from += STEP)
        if (!watched_see(&c->watched, from - c->first, c->kept_from - c->first) ||
            transact(c, newest, remove_rows, from, e) != 0)
            return -1;
    if (transact(c, newest, fold, 0, e) != 0)
        return -1;
    return transact(c, unchanged, remove_periods, 0, e);
}

int pg_compact(const char *where, int64_t before_ms, const struct onlooker *o, struct buf *summary,
               struct err *e)
{
    struct compaction c = {.q = {.dsn = (char *)where, .watched = &c.watched},
                           .watched.by = o,
                           .before_ms = before_ms};
    int rc = watched_end(&c.watched, compact(&c, e), e);

    if (rc == 0)
        buf_printf(summary, "%lld rows rolled up\n", (long long)c.rows);
    pq_close(&c.q);
    return rc;
}
