/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "ledger/postgresql/inner.h"
#include "ledger/postgresql/lease.h"
#include "ledger/postgresql/schema.h"
#include "ledger/postgresql/statements.h"

#define CONNECT_S 5

static const char newest_rows[] = "SELECT id, request, amount, strict, state FROM tokencap.usage"
                                  " ORDER BY id DESC LIMIT $1::bigint";

void pg_ledger_address(const struct pg_ledger *l, struct pq *q)
{
    q->dsn = l->dsn;
    q->password = l->password;
}

int pg_ledger_connect(struct pg_ledger *l, struct pq *q, struct err *e)
{
    pg_ledger_address(l, q);
    return pq_connect(q, CONNECT_S, e);
}

static struct pg_ledger *allocate(const char *dsn, const struct ledger_options *o, struct err *e)
{
    struct pg_ledger *l = calloc(1, sizeof *l);

    if (!l || ledger_init(&l->base, &ledger_postgresql, o, e) != 0) {
        free(l);
        return NULL;
    }
    l->dsn = strdup(dsn);
    l->password = o->password;
    l->durable = o->durable;
    l->patience_ms = o->busy_timeout_ms;
    l->lease_ms = o->lease_ms > 0 ? o->lease_ms : LEASE_MS_DEFAULT;
    l->on_reload = o->on_reload;
    pg_readers_init(l);
    return l;
}

/* In any state from allocate() on; the threads have ended. */
static void destroy(struct pg_ledger *l)
{
    pg_readers_finish(l);
    group_destroy(l->group);
    holds_finish(&l->holds);
    pq_close(&l->q);
    ledger_finish(&l->base);
    free(l->dsn);
    free(l);
}

static int recall_row(struct holds *hs, const PGresult *res, int i, struct err *e)
{
    struct hold *h = calloc(1, sizeof *h);

    if (!h)
        return err_set(e, ERR_MEMORY, "no memory for the ledger");
    h->id = pq_int(res, i, 0);
    pq_copy(h->r.request_id, sizeof h->r.request_id, res, i, 1);
    h->amount = pq_int(res, i, 2);
    h->verdict = hold_verdict(h, pq_int(res, i, 3) != 0);
    h->state = (enum hold_state)pq_int(res, i, 4);
    holds_recall(hs, h);
    return 0;
}

/* The last requests before this start stay known: asked for again, they are not charged again. */
static int recall(struct pg_ledger *l, struct err *e)
{
    PGresult *res = pq_query(&l->q, newest_rows, "i", (int64_t)HOLDS_REMEMBERED);
    int rc = 0;

    if (!res)
        return pq_error(&l->q, e);
    for (int i = PQntuples(res) - 1; i >= 0 && rc == 0; i--)
        rc = recall_row(&l->holds, res, i, e);
    PQclear(res);
    return rc == 0 ? pg_make_durable(&l->q, e) : -1;
}

static int prepare(struct pg_ledger *l, struct err *e)
{
    if (pg_ledger_connect(l, &l->q, e) != 0 || pg_schema_prepare(&l->q, e) != 0 ||
        holds_init(&l->holds, e) != 0 || recall(l, e) != 0)
        return -1;
    return group_create(l, &l->group, e);
}

int pg_open(const char *dsn, const struct ledger_options *o, struct ledger_recovery *found,
            struct ledger **out, struct err *e)
{
    struct pg_ledger *l = allocate(dsn, o, e);

    if (!l)
        return err_set(e, ERR_MEMORY, "no memory for the ledger");
    if (!l->dsn) {
        err_set(e, ERR_MEMORY, "no memory for the ledger");
        goto destroy;
    }
    if (prepare(l, e) != 0 || writer_start(&l->base, &pg_group_work, e) != 0)
        goto destroy;
    if (keeper_start(l, found, e) != 0)
        goto stop;
    *out = &l->base;
    return 0;
stop:
    keeper_stop(l);
    writer_stop(&l->base);
    lease_end(l);
destroy:
    destroy(l);
    return -1;
}

void pg_close(struct ledger *base)
{
    struct pg_ledger *l = pg_of(base);

    keeper_stop(l);
    writer_stop(base);
    lease_end(l);
    destroy(l);
}
