/* SPDX-License-Identifier: MIT */
#include "ledger/postgresql/engine.h"
#include "ledger/postgresql/schema.h"
#include "ledger/replay.h"

/* The proof of a ledger on PostgreSQL, over one state of the database, which daemons may go on
 * using. */

#define CONNECT_S 5

static const char begin[] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
static const char counters[] =
    "SELECT provable_from, overrun, archived_overrun, (SELECT last_value FROM tokencap.event),"
    " (SELECT count(*) FROM tokencap.usage) + (SELECT count(*) FROM tokencap.voided)"
    " + (SELECT count(*) FROM tokencap.hold) FROM tokencap.ledger";
static const char all_periods[] =
    "SELECT id, spent, held, archived FROM tokencap.period ORDER BY id";
static const char all_caps[] =
    "SELECT period, seq, cap FROM tokencap.period_cap ORDER BY period, seq";

enum source { FROM_USAGE, FROM_VOIDED, FROM_HOLD };

static const char declare[] =
    "DECLARE events NO SCROLL CURSOR FOR SELECT * FROM ("
    " SELECT id, id + lag AS e, amount, cost, at1, at2, at3, at4, 0, state, strict,"
    "  least(t0, t1, t2, t3, t4, t5, t6, t7, t8, reasoning, amount, cost, estimate)"
    "  FROM tokencap.usage"
    " UNION ALL SELECT id, id + lag, amount, 0, at1, at2, at3, at4, 1, 2, 0, 0 FROM tokencap.voided"
    " UNION ALL SELECT id, 9223372036854775807, amount, 0, at1, at2, at3, at4, 2, 0, strict, 0"
    "  FROM tokencap.hold) x ORDER BY id";
static const char fetch[] = "FETCH 20000 FROM events";

#define BY_ROWS                                                                                    \
    "(SELECT project, day, model, sum(requests) AS r, sum(input) AS i, sum(output) AS o,"          \
    " sum(cost) AS c FROM (SELECT project, created / 86400000 AS day, model, 1 AS requests,"       \
    " t0 + t1 + t2 + t3 + t4 + t5 + t6 AS input, t7 + t8 AS output, cost FROM tokencap.usage"      \
    " UNION ALL SELECT project, day, model, requests, input, output, cost FROM tokencap.archive)"  \
    " u GROUP BY 1, 2, 3)"

/* Each finds the id of what is wrong. */
static const struct {
    const char *sql, *what;
} structure[] = {
    {"SELECT id FROM tokencap.budget b WHERE NOT EXISTS"
     " (SELECT 1 FROM tokencap.period p WHERE p.id = b.period AND p.budget = b.id) LIMIT 1",
     "budget %lld has no running period"},
    {"SELECT id FROM tokencap.period p WHERE NOT EXISTS"
     " (SELECT 1 FROM tokencap.budget b WHERE b.id = p.budget) LIMIT 1",
     "period %lld belongs to no budget"},
    {"SELECT id FROM tokencap.period p WHERE NOT EXISTS"
     " (SELECT 1 FROM tokencap.period_cap c WHERE c.period = p.id) LIMIT 1",
     "period %lld has no limit on record"},
    {"SELECT id FROM tokencap.period WHERE spent < 0 OR held < 0 OR archived < 0 OR"
     " archived > spent OR (\"end\" <> 0 AND \"end\" < start) LIMIT 1",
     "period %lld has impossible figures"},
    {"SELECT b.id FROM tokencap.budget b JOIN LATERAL (SELECT cap FROM tokencap.period_cap"
     " WHERE period = b.period ORDER BY seq DESC LIMIT 1) c ON c.cap <> b.cap LIMIT 1",
     "the limit of budget %lld is not the one on record"},
    {"SELECT p.id FROM tokencap.period p LEFT JOIN (SELECT x.at, sum(h.estimate) AS e FROM"
     " tokencap.hold h CROSS JOIN LATERAL (VALUES (at1), (at2), (at3), (at4)) x(at)"
     " WHERE x.at <> 0 GROUP BY 1) s ON s.at = p.id WHERE p.likely <> coalesce(s.e, 0) LIMIT 1",
     "period %lld expects another amount than its open holds"},
    {"SELECT h.id FROM tokencap.hold h WHERE NOT EXISTS (SELECT 1 FROM tokencap.daemon d"
     " WHERE d.id = h.daemon) LIMIT 1",
     "open hold %lld belongs to no daemon"},
    {"SELECT coalesce(d.project, u.project) FROM tokencap.daily d FULL JOIN " BY_ROWS
     " u USING (project, day, model) WHERE d.requests IS DISTINCT FROM u.r"
     " OR d.input IS DISTINCT FROM u.i OR d.output IS DISTINCT FROM u.o"
     " OR d.cost IS DISTINCT FROM u.c LIMIT 1",
     "the roll-up by day of project %lld is not the sum of its rows"},
    {"SELECT coalesce(t.project, d.project) FROM tokencap.total t FULL JOIN (SELECT project,"
     " sum(requests) AS r, sum(input) AS i, sum(output) AS o, sum(cost) AS c FROM tokencap.daily"
     " GROUP BY 1) d USING (project) WHERE t.requests IS DISTINCT FROM d.r"
     " OR t.input IS DISTINCT FROM d.i OR t.output IS DISTINCT FROM d.o"
     " OR t.cost IS DISTINCT FROM d.c LIMIT 1",
     "the total of project %lld is not the sum of its days"},
    {"SELECT v.n FROM (VALUES (0::bigint), (1), (2)) v(n) CROSS JOIN (SELECT"
     " coalesce(sum(cost), 0) AS c, coalesce(sum(requests), 0) AS r FROM tokencap.total) t"
     " CROSS JOIN LATERAL (SELECT coalesce(sum(cost), 0) AS c, coalesce(sum(requests), 0) AS r"
     " FROM tokencap.series WHERE v.n = CASE view WHEN 0 THEN 0 WHEN -1 THEN 1 ELSE 2 END) s"
     " WHERE s.c <> t.c OR s.r <> t.r LIMIT 1",
     "the hourly sums (view %lld) are not those of the totals"},
};

struct proof {
    struct pq q;
    struct replay replay;
    int64_t seq, overrun, kept_overrun, all;
    int64_t rows, voids, open, last_id;
    struct watched watched;
};

/* The answer to one statement, or NULL with e filled. */
static PGresult *get(struct proof *p, const char *sql, struct err *e)
{
    PGresult *res = pq_query(&p->q, sql, "");

    if (!res)
        pq_error(&p->q, e);
    return res;
}

static int check_structure(struct proof *p, struct err *e)
{
    for (size_t i = 0; i < sizeof structure / sizeof *structure; i++) {
        PGresult *res = get(p, structure[i].sql, e);
        bool wrong = res && PQntuples(res) > 0;
        int64_t id = wrong ? pq_int(res, 0, 0) : 0;

        PQclear(res);
        if (!res)
            return -1;
        if (wrong)
            return err_set(e, ERR_CORRUPT, structure[i].what, (long long)id);
        if (!watched_see(&p->watched, 0, p->all))
            return -1;
    }
    return 0;
}

static int load(struct proof *p, struct err *e)
{
    PGresult *res = get(p, counters, e);
    int rc = 0;

    if (!res)
        return -1;
    if (PQntuples(res) == 1) {
        p->replay.provable_from = pq_int(res, 0, 0);
        p->kept_overrun = pq_int(res, 0, 1);
        p->overrun = pq_int(res, 0, 2);
        p->seq = pq_int(res, 0, 3);
        p->all = pq_int(res, 0, 4);
    } else {
        rc = err_set(e, ERR_CORRUPT, "the ledger's own row is missing");
    }
    PQclear(res);
    if (rc != 0 || !(res = get(p, all_periods, e)))
        return -1;
    for (int i = 0; rc == 0 && i < PQntuples(res); i++)
        rc = replay_period(&p->replay, pq_int(res, i, 0), pq_int(res, i, 3), pq_int(res, i, 1),
                           pq_int(res, i, 2), e);
    PQclear(res);
    if (rc != 0 || !(res = get(p, all_caps, e)))
        return -1;
    for (int i = 0; rc == 0 && i < PQntuples(res); i++)
        rc = replay_cap(&p->replay, pq_int(res, i, 0), pq_int(res, i, 1), pq_int(res, i, 2), e);
    PQclear(res);
    return rc;
}

static int check_usage(struct proof *p, const struct event *ev, const PGresult *res, int i,
                       struct err *e)
{
    int64_t state = pq_int(res, i, 9);

    p->rows++;
    if (pq_int(res, i, 11) < 0)
        return err_set(e, ERR_CORRUPT, "usage row %lld has a negative figure", (long long)ev->id);
    if (state != HOLD_SETTLED && state != HOLD_ESTIMATED && state != HOLD_INTERRUPTED)
        return err_set(e, ERR_CORRUPT, "usage row %lld has the state %lld", (long long)ev->id,
                       (long long)state);
    if (pq_int(res, i, 10) != 0 && ev->cost > ev->amount)
        p->overrun += ev->cost - ev->amount;
    return 0;
}

static int check_event(struct proof *p, const PGresult *res, int i, struct err *e)
{
    struct event ev = {
        pq_int(res, i, 0), pq_int(res, i, 1), pq_int(res, i, 2), pq_int(res, i, 3), {0}};
    enum source from = (enum source)pq_int(res, i, 8);

    for (int k = 0; k < ATS; k++)
        ev.at[k] = pq_int(res, i, 4 + k);
    if (ev.id == p->last_id)
        return err_set(e, ERR_CORRUPT, "hold %lld ended more than once, or is still open",
                       (long long)ev.id);
    p->last_id = ev.id;
    if (ev.id > p->seq || ev.end <= ev.id || (from != FROM_HOLD && ev.end > p->seq))
        return err_set(e, ERR_CORRUPT, "hold %lld is not in the order of events", (long long)ev.id);
    if (ev.amount < 0)
        return err_set(e, ERR_CORRUPT, "hold %lld has a negative amount", (long long)ev.id);
    p->voids += from == FROM_VOIDED;
    p->open += from == FROM_HOLD;
    if (from == FROM_USAGE && check_usage(p, &ev, res, i, e) != 0)
        return -1;
    return replay_event(&p->replay, &ev, e);
}

static int check_events(struct proof *p, struct err *e)
{
    PGresult *res = get(p, declare, e);
    int64_t done = 0;
    int n, rc = 0;

    if (!res)
        return -1;
    PQclear(res);
    do {
        res = get(p, fetch, e);
        if (!res)
            return -1;
        n = PQntuples(res);
        for (int i = 0; rc == 0 && i < n; i++)
            rc = check_event(p, res, i, e);
        PQclear(res);
        done += n;
        if (rc == 0 && !watched_see(&p->watched, done, p->all))
            rc = -1;
    } while (rc == 0 && n > 0);
    return rc;
}

static int prove(struct proof *p, struct err *e)
{
    PGresult *res;

    if (pq_connect(&p->q, CONNECT_S, e) != 0 || !(res = get(p, begin, e)))
        return -1;
    PQclear(res);
    if (pg_schema_expect(&p->q, e) != 0 || load(p, e) != 0 || check_structure(p, e) != 0 ||
        check_events(p, e) != 0 || replay_end(&p->replay, e) != 0)
        return -1;
    if (p->overrun != p->kept_overrun)
        return err_set(e, ERR_CORRUPT,
                       "the overrun is kept as %lld nanodollars, its rows sum to %lld",
                       (long long)p->kept_overrun, (long long)p->overrun);
    return 0;
}

int pg_verify(const char *where, const struct onlooker *o, struct buf *summary, struct err *e)
{
    struct proof p = {.q = {.dsn = (char *)where, .watched = &p.watched}, .watched.by = o};
    int rc = watched_end(&p.watched, prove(&p, e), e);

    if (rc == 0)
        buf_printf(summary,
                   "%lld usage rows, %lld voided, %lld open holds, %zu periods; %lld admissions "
                   "replayed against their limits\n",
                   (long long)p.rows, (long long)p.voids, (long long)p.open, p.replay.nperiods,
                   (long long)p.replay.checked);
    replay_finish(&p.replay);
    pq_close(&p.q);
    return rc;
}
