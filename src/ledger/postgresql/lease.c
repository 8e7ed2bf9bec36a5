/* SPDX-License-Identifier: MIT */
#include "ledger/postgresql/lease.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ledger/postgresql/settle.h"

#define MS     INT64_C(1000000)
#define MARGIN 5 /* a fifth of the lease is not believed in */

/* One that has been marked stays ended: then a new one is taken. */
static const char renew[] =
    "WITH renewed AS (UPDATE tokencap.daemon SET"
    " expires = clock_timestamp() + $2::bigint * interval '1 millisecond'"
    " WHERE id = $1::bigint AND ended IS NULL RETURNING id),"
    " fresh AS (INSERT INTO tokencap.daemon(name, started, expires) SELECT $3::text,"
    " clock_timestamp(), clock_timestamp() + $2::bigint * interval '1 millisecond'"
    " WHERE NOT EXISTS (SELECT 1 FROM renewed) RETURNING id)"
    " SELECT id FROM renewed UNION ALL SELECT id FROM fresh";
static const char end_ours[] =
    "UPDATE tokencap.daemon SET ended = clock_timestamp() WHERE id = $1::bigint AND ended IS NULL";
static const char end_over[] =
    "UPDATE tokencap.daemon SET ended = clock_timestamp() WHERE id = ANY(ARRAY(SELECT id"
    " FROM tokencap.daemon WHERE ended IS NULL AND expires < clock_timestamp()"
    " ORDER BY id FOR UPDATE SKIP LOCKED)) RETURNING id, name";

#define HOLDS                                                                                      \
    "SELECT h.id, h.request, h.project, h.token, h.provider, h.endpoint, h.model, h.at1, h.at2,"   \
    " h.at3, h.at4, h.amount, h.estimate, h.strict, h.input, h.output, h.created"                  \
    " FROM tokencap.hold h "
static const char abandoned[] =
    HOLDS "WHERE h.daemon = ANY(ARRAY(SELECT id FROM tokencap.daemon WHERE ended IS NOT NULL))"
          " AND h.id > $1::bigint ORDER BY h.id LIMIT 256";
static const char ours[] =
    HOLDS "WHERE h.daemon = $2::bigint AND h.id > $1::bigint ORDER BY h.id LIMIT 256";
/* Old daemons without holds. */
static const char forget[] =
    "DELETE FROM tokencap.daemon d WHERE ended < clock_timestamp() - interval '1 day'"
    " AND NOT EXISTS (SELECT 1 FROM tokencap.hold h WHERE h.daemon = d.id)";

/* ---- our own ---- */

struct renew_op {
    struct pg_op pg;
    struct pg_ledger *l;
    int64_t asked_ns, id;
};

static struct renew_op *renew_op_of(struct pg_op *o)
{
    return MAP_OWNER(o, struct renew_op, pg);
}

static void ask_renew(struct pq *q, struct pg_op *o)
{
    struct renew_op *r = renew_op_of(o);
    char host[65] = "", name[96];

    gethostname(host, sizeof host - 1);
    snprintf(name, sizeof name, "%s[%ld]", host, (long)getpid());
    r->asked_ns = clock_mono_ns();
    pq_ask(q, renew, "iit", r->l->daemon, (int64_t)r->l->lease_ms, name);
}

static void hear_renew(struct pg_op *o, const PGresult *res)
{
    renew_op_of(o)->id = pq_int(res, 0, 0);
}

/* Believed in from before it was asked for. */
static void take_lease(struct pg_op *o)
{
    struct renew_op *r = renew_op_of(o);
    struct pg_ledger *l = r->l;
    int64_t before = atomic_exchange(&l->daemon, r->id);

    if (before && before != r->id)
        log_warn("this daemon's lease was over: it has a new one, and its open holds were charged");
    atomic_store(&l->leased_until_ns, r->asked_ns + l->lease_ms * MS / MARGIN * (MARGIN - 1));
}

int lease_renew(struct pg_ledger *l, struct err *e)
{
    struct renew_op o = {.pg = {.ask = ask_renew, .hear = hear_renew, .committed = take_lease},
                         .l = l};

    return writer_do(&l->base, &o.pg.op, e);
}

void lease_end(struct pg_ledger *l)
{
    if (pq_connected(&l->q) && l->daemon)
        PQclear(pq_query(&l->q, end_ours, "i", l->daemon));
}

/* ---- others' ---- */

static struct hold read_hold(const PGresult *res, int i)
{
    struct hold h = {.id = pq_int(res, i, 0)};

    pq_copy(h.r.request_id, sizeof h.r.request_id, res, i, 1);
    h.project = pq_int(res, i, 2);
    h.r.token_id = pq_int(res, i, 3);
    h.provider = pq_int(res, i, 4);
    h.endpoint = pq_int(res, i, 5);
    h.model = pq_int(res, i, 6);
    for (int k = 0; k < ATS; k++)
        h.at[k] = pq_int(res, i, 7 + k);
    h.amount = pq_int(res, i, 11);
    h.r.estimate = pq_int(res, i, 12);
    h.verdict.strict = pq_int(res, i, 13) != 0;
    h.r.input_tokens = pq_int(res, i, 14);
    h.r.output_tokens = pq_int(res, i, 15);
    h.r.now_ms = pq_int(res, i, 16);
    return h;
}

/* A page of holds: all together, because the lease must be renewed in between. */
static int end_page(struct pg_ledger *l, const PGresult *res, bool stray,
                    struct ledger_recovery *found, struct err *e)
{
    int n = PQntuples(res), rc;
    struct other_end *page = calloc((size_t)n + 1, sizeof *page);

    if (!page)
        return err_set(e, ERR_MEMORY, "no memory for %d holds", n);
    for (int i = 0; i < n; i++) {
        page[i].hold = read_hold(res, i);
        page[i].end = stray ? (struct ending){.state = HOLD_VOIDED, .now_ms = clock_wall_ms()}
                            : ending_interrupted(page[i].hold.r.now_ms, clock_wall_ms());
    }
    rc = pg_end_others(&l->base, page, n, stray, e);
    for (int i = 0; i < n; i++) {
        found->holds += page[i].done;
        found->amount += page[i].done ? page[i].hold.amount : 0;
    }
    free(page);
    return rc;
}

static int mark_over(struct pq *q, struct err *e)
{
    PGresult *res = pq_query(q, end_over, "");

    if (!res)
        return pq_error(q, e);
    for (int i = 0; i < PQntuples(res); i++)
        log_warn("the lease of daemon %s, %s, is over: its open holds are charged",
                 PQgetvalue(res, i, 0), PQgetvalue(res, i, 1));
    PQclear(res);
    return 0;
}

int lease_reap(struct pg_ledger *l, struct pq *q, struct ledger_recovery *found, struct err *e)
{
    int64_t last = 0;

    if (mark_over(q, e) != 0)
        return -1;
    for (;;) {
        PGresult *res = pq_query(q, abandoned, "i", last);
        int n = res ? PQntuples(res) : 0, rc;

        if (!res)
            return pq_error(q, e);
        if (n)
            last = pq_int(res, n - 1, 0);
        rc = end_page(l, res, false, found, e);
        PQclear(res);
        if (rc != 0)
            return -1;
        if (n == 0)
            break;
    }
    PQclear(pq_query(q, forget, ""));
    return q->failed ? pq_error(q, e) : 0;
}

int lease_sweep(struct pg_ledger *l, struct pq *q, struct err *e)
{
    int64_t last = 0, daemon = atomic_load(&l->daemon);
    struct ledger_recovery found = {0};

    for (;;) {
        PGresult *res = pq_query(q, ours, "ii", last, daemon);
        int n = res ? PQntuples(res) : 0, rc;

        if (!res)
            return pq_error(q, e);
        if (n)
            last = pq_int(res, n - 1, 0);
        rc = end_page(l, res, true, &found, e);
        PQclear(res);
        if (rc != 0 || n == 0)
            return rc;
    }
}
