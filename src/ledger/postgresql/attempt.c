/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "ledger/postgresql/inner.h"
#include "ledger/postgresql/statements.h"

/* A group of operations, tried until its outcome is certain, or nobody can wait any longer. */

#define MS               INT64_C(1000000)
#define RETRY_MS         250 /* between two tries to connect */
#define CONNECT_S        2
#define UNIQUE_VIOLATION "23505"
#define TRIES_MAX        50 /* of a group that meets others'; each waited for what it met */
#define PAUSE_MS         20 /* at most, before the next */

/* ---- one attempt ---- */

static void want(struct group *g, struct op *ops)
{
    group_reset(g);
    for (struct op *op = ops; op; op = op->next) {
        if (pg_op_of(op)->want)
            pg_op_of(op)->want(g, pg_op_of(op));
        if (pg_op_of(op)->in_doubt) /* what is found done may not be on disk yet */
            g->changed = true;
    }
}

static void ask(struct group *g, struct op *ops)
{
    group_learn_names(g);
    group_ask(g, ops);
    if (!g->q->failed)
        group_hear(g, ops);
    if (pq_end(g->q) != 0)
        return;
    for (struct op *op = ops; op; op = op->next)
        op->rc = op->run ? op->run(&g->l->base, op, op->e) : 0;
}

/* *doubtful: it failed when COMMIT had been sent, and perhaps done. */
static void tell(struct group *g, bool *doubtful)
{
    struct pq *q = g->q;
    bool sent;

    if (q->failed)
        return;
    group_tell(g);
    sent = g->changed && !q->failed;
    pq_ask(q, g->changed ? "COMMIT" : "ROLLBACK", "");
    if (g->changed && g->l->durable)
        pq_ask_kept(q, FLUSH, "");
    pq_send(q);
    if (pq_end(q) == 0 && PQtransactionStatus(q->conn) != PQTRANS_IDLE)
        pq_fail(q, PQ_FAULT, "the transaction did not end");
    *doubtful =
        sent && q->failed && (!pq_connected(q) || PQtransactionStatus(q->conn) == PQTRANS_IDLE);
}

static void count(struct pg_ledger *l, int ops, int64_t took_ns)
{
    pthread_mutex_lock(&l->base.stats_lock);
    writer_count(&l->base, ops, took_ns, &l->holds);
    l->base.stats.overrun += l->group->overrun;
    pthread_mutex_unlock(&l->base.stats_lock);
}

/* All of the list in one transaction. */
static enum pq_failure attempt(struct pg_ledger *l, struct op *ops)
{
    int64_t from = clock_mono_ns();
    bool doubtful = false;
    int n = 0;

    pq_forget(&l->q);
    want(l->group, ops);
    ask(l->group, ops);
    tell(l->group, &doubtful);
    if (!l->q.failed) {
        holds_commit(&l->holds);
        for (struct op *op = ops; op; op = op->next, n++)
            if (pg_op_of(op)->committed)
                pg_op_of(op)->committed(pg_op_of(op));
        count(l, n, clock_mono_ns() - from);
        return PQ_FINE;
    }
    holds_rollback(&l->holds);
    pq_rollback(&l->q);
    if (doubtful || strcmp(l->q.state, UNIQUE_VIOLATION) == 0)
        for (struct op *op = ops; op; op = op->next)
            pg_op_of(op)->in_doubt = true;
    return l->q.failed;
}

/* ---- giving up ---- */

void pg_doubt(struct pg_ledger *l)
{
    atomic_store(&l->doubt_ns, clock_mono_ns());
}

/* Fails each with the connection's failure, but keeps settlements when that failure passes. */
static void fail_all(struct pg_ledger *l, struct op *ops, bool passes)
{
    struct err why;

    pq_error(&l->q, &why);
    for (struct op *op = ops; op; op = op->next)
        if (pg_op_of(op)->in_doubt && !op->settlement)
            pg_doubt(l);
    ops_fail(&l->base, ops, &why, passes);
}

static void die(struct pg_ledger *l, struct op *ops)
{
    struct err why;

    pq_error(&l->q, &why);
    ops_fail_for_good(&l->base, ops, &why);
}

/* ---- the group ---- */

static void pause_a_little(int tries)
{
    int64_t most = tries < PAUSE_MS ? tries : PAUSE_MS;
    struct timespec t = {0, (long)(random() % (most * MS))};

    nanosleep(&t, NULL);
}

/* Until then a lost connection is tried again; a group that begins without one has one try. */
static bool reconnect(struct pg_ledger *l, int64_t until_ns)
{
    struct timespec pause = {0, RETRY_MS * MS};
    struct err e;

    for (;;) {
        if (clock_mono_ns() >= l->retry_ns) {
            pg_ledger_address(l, &l->q);
            if (pq_connect(&l->q, CONNECT_S, &e) == 0) {
                group_forget_names(l->group); /* a crash may have taken the newest */
                log_info("the ledger's database is there again");
                return true;
            }
            l->retry_ns = clock_mono_ns() + RETRY_MS * MS;
        }
        if (clock_mono_ns() + RETRY_MS * MS >= until_ns)
            return false;
        nanosleep(&pause, NULL);
    }
}

static void run_each(struct pg_ledger *l, struct op *ops, int64_t until_ns);

static void run(struct pg_ledger *l, struct op *ops, int64_t until_ns)
{
    if (atomic_load(&l->base.failed)) {
        die(l, ops);
        return;
    }
    for (int tries = 1;; tries++) {
        if (!pq_connected(&l->q) && !reconnect(l, until_ns)) {
            fail_all(l, ops, true);
            return;
        }
        switch (attempt(l, ops)) {
        case PQ_FINE:
            ops_finish(ops);
            return;
        case PQ_LOST:
            log_warn("the ledger's database is lost: %s", l->q.why);
            if (clock_mono_ns() < until_ns)
                continue;
            fail_all(l, ops, true);
            return;
        case PQ_AGAIN:
            if (tries < TRIES_MAX) {
                pause_a_little(tries);
                continue;
            }
            fail_all(l, ops, true);
            return;
        case PQ_BUSY:
            fail_all(l, ops, true);
            return;
        case PQ_FATAL:
            die(l, ops);
            return;
        case PQ_FAULT:
            if (ops->next)
                run_each(l, ops, until_ns);
            else
                fail_all(l, ops, false);
            return;
        }
    }
}

/* So that only the one at fault fails. */
static void run_each(struct pg_ledger *l, struct op *ops, int64_t until_ns)
{
    for (struct op *next; ops; ops = next) {
        next = ops->next;
        ops->next = NULL;
        run(l, ops, until_ns);
    }
}

static void run_group(struct ledger *base, struct op *ops)
{
    struct pg_ledger *l = pg_of(base);
    int64_t patience = pq_connected(&l->q) ? l->patience_ms * MS : 0;

    run(l, ops, clock_mono_ns() + patience);
}

const struct writer_work pg_group_work = {.group = run_group};
