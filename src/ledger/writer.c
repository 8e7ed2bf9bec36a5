/* SPDX-License-Identifier: MIT */
#include "ledger/writer.h"

#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ledger/engine.h"
#include "ledger/holds.h"

#define RETRY_MS 100 /* between two tries to write what was kept, or to find memory */

/* ---- waiting for a group ---- */

/*
 * All of a group sleep on one futex, so that one call wakes them; the lanes keep the next group's
 * sleepers out of it. `done` is stored before the lane is counted up, and a sleeper reads its lane
 * before `done`: so either it sees the group done, or the lane has moved on and the kernel does not
 * let it sleep.
 */
static void wait_done(struct writer *w, uint64_t group)
{
    atomic_uint *lane = &w->lanes[group % LANES];

    for (;;) {
        unsigned seen = atomic_load(lane);

        if (atomic_load(&w->done) >= group)
            return;
        syscall(SYS_futex, lane, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    }
}

static void tell_done(struct writer *w, uint64_t group)
{
    atomic_uint *lane = &w->lanes[group % LANES];

    atomic_store(&w->done, group);
    atomic_fetch_add(lane, 1);
    syscall(SYS_futex, lane, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* ---- the queue ---- */

static void ops_clear(struct ops *o)
{
    *o = (struct ops){.last = &o->first};
}

static void ops_add(struct ops *o, struct op *op)
{
    op->next = NULL;
    *o->last = op;
    o->last = &op->next;
    o->n++;
}

/* Puts all of `more` behind *end, and returns the new end. */
static struct op **ops_move(struct op **end, struct ops *more)
{
    *end = more->first;
    if (more->n)
        end = more->last;
    ops_clear(more);
    return end;
}

/* Under the lock: what the thread does not linger for. */
static bool has_work(const struct writer *w)
{
    return w->stop || w->urgent || w->queue.n >= LINGER_MAX || w->behind.n >= LINGER_MAX ||
           w->led >= LED_MAX;
}

/* Under the lock, and nobody writes: when there is something to write without any more
 * company; 0: nothing. */
static int64_t due_ns(const struct writer *w)
{
    int64_t at = w->kept ? w->retry_ns : 0;

    return w->linger_ns && (!at || w->linger_ns < at) ? w->linger_ns : at;
}

/* Under the lock, after any change: wakes the thread if it sleeps too long for what there is now.
 * Who leads calls it at the end. */
static void call_thread(struct writer *w)
{
    int64_t at;

    if (!w->idle || w->writing)
        return;
    at = due_ns(w);
    if (has_work(w) || (at && (!w->wakes_ns || w->wakes_ns > at)))
        pthread_cond_signal(&w->work);
}

/* Under the lock. */
static void append(struct writer *w, struct op *op)
{
    while (w->queue.n + w->behind.n >= QUEUE_MAX)
        pthread_cond_wait(&w->room, &w->lock);
    if (!op->waiter && !w->linger_ns)
        w->linger_ns = clock_mono_ns() + LINGER_MS * 1000000;
    if (!op->waiter && op->behind && w->how->note) {
        ops_add(&w->behind, op);
        w->unnoted = w->unnoted ? w->unnoted : op;
    } else {
        ops_add(&w->queue, op);
        w->whole = w->whole || !op->ahead;
    }
}

/* Under the lock, before anything is taken: whoever waits for room looks again. */
static void make_room(struct writer *w)
{
    if (w->queue.n + w->behind.n >= QUEUE_MAX)
        pthread_cond_broadcast(&w->room);
}

/* Under the lock: what stayed behind goes to *end. */
static struct op **take_behind(struct writer *w, struct op **end)
{
    make_room(w);
    w->unnoted = NULL;
    w->linger_ns = 0;
    return ops_move(end, &w->behind);
}

/* Under the lock: what was kept, then what has queued up, is the caller's to write; and what may
 * stay behind only if `whole`. */
static struct op *take(struct writer *w, bool whole, uint64_t *group)
{
    struct op **end = &w->kept, *ops;

    make_room(w);
    while (*end)
        end = &(*end)->next;
    if (whole)
        end = take_behind(w, end);
    ops_move(end, &w->queue);
    ops = w->kept;
    *group = w->filling++;
    w->kept = NULL;
    w->left = w->behind.n > 0;
    w->note_from = w->unnoted;
    w->note_to = w->left ? MAP_OWNER(w->behind.last, struct op, next) : NULL;
    w->unnoted = NULL;
    w->urgent = w->whole = false;
    w->writing = true;
    return ops;
}

/* What stays behind may grow meanwhile: who adds to it writes to the last one's link, which is
 * not read. */
static void note_behind(struct ledger *l)
{
    struct writer *w = &l->writer;

    for (struct op *op = w->note_from; op; op = op == w->note_to ? NULL : op->next)
        w->how->note(l, op);
}

static void prepare(struct op *ops)
{
    for (struct op *op = ops; op; op = op->next)
        op->e = op->waiter ? &op->waiter->e : op->own;
}

struct op *writer_with_behind(struct ledger *l, struct op *ops)
{
    struct writer *w = &l->writer;
    struct op *all = NULL, **end;

    pthread_mutex_lock(&w->lock);
    end = take_behind(w, &all);
    pthread_mutex_unlock(&w->lock);
    prepare(all);
    *end = ops;
    w->left = false;
    return all;
}

static void write_group(struct ledger *l, struct op *ops, uint64_t group)
{
    struct writer *w = &l->writer;

    note_behind(l);
    prepare(ops);
    if (ops)
        w->how->group(l, ops);
    tell_done(w, group);
}

/* Under the lock, and returns without it: the caller writes the group that is waiting. */
static void lead(struct ledger *l)
{
    struct writer *w = &l->writer;
    uint64_t group;
    struct op *ops = take(w, w->whole, &group);

    pthread_mutex_unlock(&w->lock);
    write_group(l, ops, group);
    pthread_mutex_lock(&w->lock);
    w->writing = false;
    w->led++;
    call_thread(w);
    pthread_mutex_unlock(&w->lock);
}

int writer_do(struct ledger *l, struct op *op, struct err *e)
{
    struct writer *w = &l->writer;
    struct waiter waiter = {0};
    uint64_t group;

    op->waiter = &waiter;
    pthread_mutex_lock(&w->lock);
    append(w, op);
    group = w->filling;
    if (w->how->led && !w->writing && !w->kept && !has_work(w)) {
        lead(l);
    } else {
        w->urgent = true;
        call_thread(w);
        pthread_mutex_unlock(&w->lock);
        wait_done(w, group);
    }
    if (waiter.rc != 0)
        *e = waiter.e;
    return waiter.rc;
}

void writer_do_all(struct ledger *l, struct op *ops)
{
    struct writer *w = &l->writer;
    uint64_t group;

    pthread_mutex_lock(&w->lock);
    for (struct op *next; ops; ops = next) {
        next = ops->next;
        append(w, ops);
        w->urgent = true;
        call_thread(w);
    }
    group = w->filling;
    pthread_mutex_unlock(&w->lock);
    wait_done(w, group);
}

void *writer_room(struct ledger *l, size_t n)
{
    const struct timespec pause = {0, RETRY_MS * 1000000L};
    void *p = NULL;

    while (!atomic_load(&l->failed) && !(p = calloc(1, n)))
        nanosleep(&pause, NULL);
    return p;
}

void writer_queue(struct ledger *l, struct op *op)
{
    struct writer *w = &l->writer;

    op->waiter = NULL;
    pthread_mutex_lock(&w->lock);
    append(w, op);
    call_thread(w);
    pthread_mutex_unlock(&w->lock);
}

void writer_barrier(struct ledger *l)
{
    struct writer *w = &l->writer;
    uint64_t group;

    pthread_mutex_lock(&w->lock);
    group = w->queue.n || w->behind.n ? w->filling : w->filling - 1;
    if (group == w->filling) {
        w->urgent = w->whole = true;
        call_thread(w);
    }
    pthread_mutex_unlock(&w->lock);
    wait_done(w, group);
}

int writer_queued(struct ledger *l)
{
    int n;

    pthread_mutex_lock(&l->writer.lock);
    n = l->writer.queue.n + l->writer.behind.n;
    pthread_mutex_unlock(&l->writer.lock);
    return n;
}

/* ---- the end of an operation ---- */

static void tell(struct op *op)
{
    if (op->waiter)
        op->waiter->rc = op->rc;
    else if (op->rc != 0)
        log_error("the ledger refused a queued write: %s", op->e->msg);
}

void op_finish(struct op *op)
{
    tell(op);
    if (op->release)
        op->release(op);
}

void ops_finish(struct op *ops)
{
    for (struct op *next; ops; ops = next) {
        next = ops->next;
        op_finish(ops);
    }
}

static void keep(struct ledger *l, struct op *op)
{
    struct op **end = &l->writer.kept;

    if (op->waiter)
        op->waiter->rc = op->rc;
    op->waiter = NULL;
    while (*end)
        end = &(*end)->next;
    op->next = NULL;
    *end = op;
    l->writer.retry_ns = clock_mono_ns() + RETRY_MS * 1000000;
}

void ops_fail(struct ledger *l, struct op *ops, const struct err *why, bool passes)
{
    for (struct op *next; ops; ops = next) {
        next = ops->next;
        ops->rc = -1;
        *ops->e = *why;
        if (passes && ops->settlement && ops->release)
            keep(l, ops);
        else
            op_finish(ops);
    }
}

void ops_fail_for_good(struct ledger *l, struct op *ops, const struct err *why)
{
    struct err final;

    err_set(&final, ERR_IO, "the ledger cannot write: %s", why->msg);
    if (!atomic_exchange(&l->failed, true))
        log_error("%s", final.msg);
    ops_fail(l, ops, &final, false);
}

void writer_count(struct ledger *l, int ops, int64_t took_ns, const struct holds *hs)
{
    l->stats.commits++;
    l->stats.commit_ns += took_ns;
    l->stats.writes += ops;
    l->stats.holds_open = hs->open;
    l->stats.held = hs->held;
    l->oldest_ns = hs->oldest ? hs->oldest->opened_ns : 0;
}

/* ---- the thread ---- */

static void sleep_until(struct writer *w, int64_t until_ns)
{
    struct timespec until = {until_ns / 1000000000, until_ns % 1000000000};

    w->idle = true;
    w->wakes_ns = until_ns;
    if (until_ns)
        pthread_cond_timedwait(&w->work, &w->lock, &until);
    else
        pthread_cond_wait(&w->work, &w->lock);
    w->idle = false;
}

/* Until there is a group to write, and nobody else writes. */
static void sleep_for_work(struct writer *w)
{
    while (w->writing || !has_work(w)) {
        int64_t until = w->writing ? 0 : due_ns(w); /* who leads calls at the end */

        if (until && clock_mono_ns() >= until)
            return;
        sleep_until(w, until);
    }
}

/* Ends what was kept without success: recovery charges those holds. */
static void give_up(struct writer *w)
{
    struct op *ops = w->kept;
    int n = 0;

    w->kept = NULL;
    for (struct op *op = ops; op; op = op->next, n++)
        op->rc = 0;
    if (n)
        log_warn("%d settlements could not be written; the next start charges their holds", n);
    ops_finish(ops);
}

/* Under the lock: whether what may stay behind has to be written now. */
static bool must_be_whole(const struct writer *w)
{
    return w->whole || w->stop || w->kept || !w->queue.n || w->behind.n >= LINGER_MAX ||
           (w->linger_ns && clock_mono_ns() >= w->linger_ns);
}

static void *write_groups(void *arg)
{
    struct ledger *l = arg;
    struct writer *w = &l->writer;
    struct op *ops;
    uint64_t group;
    bool last;

    pthread_mutex_lock(&w->lock);
    do {
        sleep_for_work(w);
        last = w->stop && !w->queue.n && !w->behind.n;
        ops = take(w, must_be_whole(w), &group);
        w->led = 0;
        pthread_mutex_unlock(&w->lock);
        write_group(l, ops, group);
        if (w->how->after)
            w->how->after(l, writer_queued(l) == 0);
        pthread_mutex_lock(&w->lock);
        w->writing = false; /* it was true since take(): whoever else leads, leads alone */
    } while (!last);
    pthread_mutex_unlock(&w->lock);
    give_up(w);
    return NULL;
}

int writer_start(struct ledger *l, const struct writer_work *how, struct err *e)
{
    struct writer *w = &l->writer;
    pthread_condattr_t monotonic;
    sigset_t all, before;
    int rc;

    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_cond_init(&w->room, NULL);
    ops_clear(&w->queue);
    ops_clear(&w->behind);
    w->filling = 1;
    w->how = how;

    sigfillset(&all); /* signals are for the threads that expect them */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&w->thread, NULL, write_groups, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        writer_stop(l);
        return err_set(e, ERR_IO, "cannot start the ledger's thread: %s", strerror(rc));
    }
    w->started = true;
    return 0;
}

void writer_stop(struct ledger *l)
{
    struct writer *w = &l->writer;

    if (w->started) {
        pthread_mutex_lock(&w->lock);
        w->stop = true;
        pthread_cond_signal(&w->work);
        pthread_mutex_unlock(&w->lock);
        pthread_join(w->thread, NULL);
    }
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->work);
    pthread_cond_destroy(&w->room);
    w->started = false;
}
