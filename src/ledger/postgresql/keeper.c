/* SPDX-License-Identifier: MIT */
#include "ledger/postgresql/keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ledger/postgresql/lease.h"

#define MS        INT64_C(1000000)
#define LOOK_MS   500 /* between two looks at what others have changed */
#define CONNECT_S 2
/* Longer than the server keeps a transaction that has lost its client. */
#define DOUBTFUL_MS 60000

static const char get_overrun[] = "SELECT overrun FROM tokencap.ledger";
static const char count_changes[] =
    "SELECT coalesce(sum(n) FILTER (WHERE topic = 'token'), 0),"
    " coalesce(sum(n) FILTER (WHERE topic = 'price'), 0) FROM tokencap.change";

/* ---- what others change ---- */

static int connect_keeper(struct pg_ledger *l, struct err *e)
{
    struct pq *q = &l->keeper.q;

    pg_ledger_address(l, q);
    if (pq_connect(q, CONNECT_S, e) != 0)
        return -1;
    l->keeper.tokens_at = -1; /* after a crash the count may stand for others than before */
    /* Behind a pooler it hears nothing, or is refused: the looks are enough. */
    PQclear(pq_query(q, "LISTEN tokencap", ""));
    if (q->failed != PQ_LOST)
        pq_forget(q);
    return q->failed ? pq_error(q, e) : 0;
}

static int follow_changes(struct pg_ledger *l, struct err *e)
{
    struct keeper *k = &l->keeper;
    PGresult *res = pq_query(&k->q, count_changes, "");
    int64_t tokens, prices;

    if (!res)
        return pq_error(&k->q, e);
    tokens = pq_int(res, 0, 0);
    prices = pq_int(res, 0, 1);
    PQclear(res);
    if (prices != k->prices_at && k->prices_at >= 0 && l->on_reload)
        l->on_reload();
    k->prices_at = prices;
    if (tokens == k->tokens_at)
        return 0;
    if (pg_tokens_load(l, &k->q, e) != 0)
        return -1;
    k->tokens_at = tokens;
    return 0;
}

/* Of all daemons. */
static int follow_overrun(struct pg_ledger *l, struct err *e)
{
    PGresult *res = pq_query(&l->keeper.q, get_overrun, "");

    if (!res)
        return pq_error(&l->keeper.q, e);
    pthread_mutex_lock(&l->base.stats_lock);
    if (PQntuples(res) == 1)
        l->base.stats.overrun = pq_int(res, 0, 0);
    pthread_mutex_unlock(&l->base.stats_lock);
    PQclear(res);
    return 0;
}

/* ---- holds that nobody has ---- */

/* A hold whose commit was in doubt, and whose request was refused, may turn up for a while. */
static int void_strays(struct pg_ledger *l, struct err *e)
{
    int64_t doubt = atomic_load(&l->doubt_ns), began = clock_mono_ns();

    if (!doubt)
        return 0;
    if (lease_sweep(l, &l->keeper.q, e) != 0)
        return -1;
    if (began - doubt > DOUBTFUL_MS * MS)
        atomic_compare_exchange_strong(&l->doubt_ns, &doubt, 0);
    return 0;
}

static void report(struct keeper *k)
{
    char amount[MONEY_LEN];

    if (k->more || !k->reaped.holds)
        return;
    log_info("recovered: %lld holds of daemons that are gone, $%s, charged as interrupted",
             (long long)k->reaped.holds, money_fixed(k->reaped.amount, amount));
    k->reaped = (struct ledger_recovery){0};
}

/* ---- the thread ---- */

/* Until the next look, or the next renewal. */
static int look_in_ms(const struct keeper *k)
{
    int64_t beat_ms = (k->beat_ns - clock_mono_ns() + MS - 1) / MS;

    if (k->more || beat_ms <= 0)
        return 0;
    return beat_ms < LOOK_MS ? (int)beat_ms : LOOK_MS;
}

/* True when it is time to stop. Returns early when another daemon calls. */
static bool wait_for_news(struct keeper *k)
{
    struct pollfd fds[2] = {{k->stop_fd, POLLIN, 0}, {-1, POLLIN, 0}};
    PGnotify *note;

    if (pq_connected(&k->q))
        fds[1].fd = PQsocket(k->q.conn);
    poll(fds, 2, look_in_ms(k));
    if (fds[1].revents && pq_connected(&k->q)) {
        if (PQconsumeInput(k->q.conn) != 1)
            pq_close(&k->q);
        while (k->q.conn && (note = PQnotifies(k->q.conn)))
            PQfreemem(note);
    }
    return fds[0].revents != 0;
}

static int renew(struct pg_ledger *l, struct err *e)
{
    int rc = lease_renew(l, e);

    l->keeper.beat_ns = clock_mono_ns() + (rc ? LOOK_MS : l->lease_ms / BEATS) * MS;
    return rc;
}

static int look(struct pg_ledger *l, bool beat, struct err *e)
{
    struct keeper *k = &l->keeper;

    pq_forget(&k->q);
    if (!pq_connected(&k->q) && connect_keeper(l, e) != 0)
        return -1;
    if (follow_changes(l, e) != 0)
        return -1;
    if ((beat || k->more) && lease_reap(l, &k->q, &k->reaped, &k->more, e) != 0)
        return -1;
    return beat && (follow_overrun(l, e) != 0 || void_strays(l, e) != 0) ? -1 : 0;
}

static int turn(struct pg_ledger *l, struct err *e)
{
    bool beat = clock_mono_ns() >= l->keeper.beat_ns;
    int rc = (beat && renew(l, e) != 0) || look(l, beat, e) != 0 ? -1 : 0;

    if (rc != 0)
        l->keeper.more = false; /* not at once again */
    return rc;
}

static void *keep(void *arg)
{
    struct pg_ledger *l = arg;
    bool failing = false;
    struct err e;

    while (!wait_for_news(&l->keeper)) {
        bool failed = turn(l, &e) != 0;

        if (failed && !failing)
            log_warn("the ledger's keeper: %s", e.msg);
        failing = failed;
        report(&l->keeper);
    }
    if (void_strays(l, &e) != 0)
        log_warn("the ledger's keeper: %s", e.msg);
    return NULL;
}

static int start_thread(struct pg_ledger *l, struct err *e)
{
    struct keeper *k = &l->keeper;
    sigset_t all, before;
    int rc;

    k->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (k->stop_fd < 0)
        return err_set(e, ERR_IO, "eventfd: %s", strerror(errno));
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&k->thread, NULL, keep, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        return err_set(e, ERR_IO, "cannot start the ledger's keeper: %s", strerror(rc));
    k->started = true;
    return 0;
}

int keeper_start(struct pg_ledger *l, struct ledger_recovery *found, struct err *e)
{
    struct keeper *k = &l->keeper;
    struct ledger_recovery r;

    k->tokens_at = k->prices_at = -1;
    k->stop_fd = -1;
    do {
        if (turn(l, e) != 0)
            return -1;
    } while (k->more);
    r = k->reaped;
    k->reaped = (struct ledger_recovery){0};
    if (start_thread(l, e) != 0)
        return -1;
    if (found)
        *found = r;
    return 0;
}

void keeper_stop(struct pg_ledger *l)
{
    struct keeper *k = &l->keeper;

    if (k->started) {
        eventfd_write(k->stop_fd, 1);
        pthread_join(k->thread, NULL);
    }
    if (k->stop_fd > 0)
        close(k->stop_fd);
    pq_close(&k->q);
}
