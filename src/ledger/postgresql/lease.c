/* SPDX-License-Identifier: MIT */
#include "ledger/postgresql/lease.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ledger/postgresql/settle.h"
#include "ledger/postgresql/statements.h"

#define MS     INT64_C(1000000)
#define MARGIN 5   /* a fifth of the lease is not believed in */
#define MISSED 2   /* beats without a renewal: a gap, the server was away, or we were */
#define PAGE   256 /* holds that end together: between two pages the lease can be renewed */

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
/* Ours has to be as fresh as $2 says, or there is a gap now. */
static const char end_over[] =
    "UPDATE tokencap.daemon SET ended = clock_timestamp() WHERE id = ANY(ARRAY(SELECT id"
    " FROM tokencap.daemon WHERE ended IS NULL AND expires < clock_timestamp()"
    " ORDER BY id FOR UPDATE SKIP LOCKED)) AND EXISTS (SELECT 1 FROM tokencap.daemon d"
    " WHERE d.id = $1::bigint AND d.ended IS NULL AND d.expires > clock_timestamp()"
    " + $2::bigint * interval '1 millisecond') RETURNING id, name";

#define HOLDS                                                                                      \
    "SELECT h.id, h.request, h.project, h.token, h.provider, h.endpoint, h.model, h.at1, h.at2,"   \
    " h.at3, h.at4, h.amount, h.estimate, h.strict, h.input, h.output, h.created"                  \
    " FROM tokencap.hold h "
static const char abandoned[] =
    HOLDS "WHERE h.daemon = ANY(ARRAY(SELECT id FROM tokencap.daemon WHERE ended IS NOT NULL))"
          " ORDER BY h.id LIMIT $1::bigint";
static const char ours[] =
    HOLDS "WHERE h.daemon = $2::bigint AND h.id > $3::bigint ORDER BY h.id LIMIT $1::bigint";
/* Old daemons without holds. */
static const char forget[] =
    "DELETE FROM tokencap.daemon d WHERE ended < clock_timestamp() - interval '1 day'"
    " AND NOT EXISTS (SELECT 1 FROM tokencap.hold h WHERE h.daemon = d.id OFFSET 0)";

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

static int64_t gap_ms(const struct pg_ledger *l)
{
    return (int64_t)l->lease_ms / BEATS * MISSED;
}

/* Believed in from before it was asked for. */
static void take_lease(struct pg_op *o)
{
    struct renew_op *r = renew_op_of(o);
    struct pg_ledger *l = r->l;
    int64_t before = atomic_exchange(&l->daemon, r->id), now = clock_mono_ns();

    if (now - l->renewed_ns > gap_ms(l) * MS)
        atomic_store(&l->steady_since_ns, now);
    l->renewed_ns = now;
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

/* A page of holds, all together. */
static int end_page(struct pg_ledger *l, struct pq *q, const PGresult *res, bool stray,
                    struct ledger_recovery *found, struct err *e)
{
    int n = PQntuples(res), rc;
    struct other_end *page;

    if (n == 0)
        return 0;
    if (pg_make_durable(q, e) != 0)
        return -1;
    page = calloc((size_t)n, sizeof *page);
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

/* While the server is away nobody can renew, and then everybody needs a moment to do so. Who has
 * renewed its own lease without a gap for as long as one lasts is a witness that others could. */
static bool is_witness(const struct pg_ledger *l)
{
    return clock_mono_ns() - atomic_load(&l->steady_since_ns) >= l->lease_ms * MS;
}

static int mark_over(struct pg_ledger *l, struct pq *q, struct err *e)
{
    PGresult *res = pq_query(q, end_over, "ii", l->daemon, l->lease_ms - gap_ms(l));

    if (!res)
        return pq_error(q, e);
    for (int i = 0; i < PQntuples(res); i++)
        log_warn("the lease of daemon %s, %s, is over: its open holds are charged",
                 PQgetvalue(res, i, 0), PQgetvalue(res, i, 1));
    PQclear(res);
    return 0;
}

int lease_reap(struct pg_ledger *l, struct pq *q, struct ledger_recovery *found, bool *more,
               struct err *e)
{
    PGresult *res;
    int rc;

    if (is_witness(l) && mark_over(l, q, e) != 0)
        return -1;
    res = pq_query(q, abandoned, "i", (int64_t)PAGE);
    if (!res)
        return pq_error(q, e);
    *more = PQntuples(res) == PAGE;
    rc = end_page(l, q, res, false, found, e);
    PQclear(res);
    if (rc == 0 && !*more)
        PQclear(pq_query(q, forget, ""));
    return rc == 0 && q->failed ? pq_error(q, e) : rc;
}

int lease_sweep(struct pg_ledger *l, struct pq *q, struct err *e)
{
    int64_t last = 0, daemon = atomic_load(&l->daemon);
    struct ledger_recovery found = {0};

    for (;;) {
        PGresult *res = pq_query(q, ours, "iii", (int64_t)PAGE, daemon, last);
        int n = res ? PQntuples(res) : 0, rc;

        if (!res)
            return pq_error(q, e);
        if (n)
            last = pq_int(res, n - 1, 0);
        rc = end_page(l, q, res, true, &found, e);
        PQclear(res);
        if (rc != 0 || n == 0)
            return rc;
    }
}
