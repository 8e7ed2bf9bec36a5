/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_WRITER_H
#define LEDGER_WRITER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The queue of what is to be written, and who writes: one at a time. Whoever does takes whatever
 * has queued up, runs it in one transaction and commits: everybody in the group becomes durable
 * together. No delay is added for company while anybody waits; what nobody waits for (settlements,
 * most of all) lingers a few milliseconds, so that it rides with others instead of making a hold
 * wait for a commit of its own.
 *
 * Where the engine can tell what a settlement does before it is written, holds do not even wait for
 * those to ride along: they go ahead in a small transaction, and settlements stay behind for one of
 * their own, many at a time.
 *
 * A thread of its own writes. But where the engine allows it, a caller that has to wait and finds
 * nobody writing leads: it writes the group itself, which costs no switch between threads. What
 * queues up meanwhile is the thread's, so under load the thread writes nearly all.
 *
 * An operation that meets an SQL failure takes the whole transaction back; then each operation of
 * the group runs alone, so that only the one at fault fails. What cannot be mended is final (I6):
 * the ledger is marked failed and everybody gets ERR_IO, now and later. A locked database, a full
 * disk or a lost connection is not: new work gets ERR_BUSY, settlements are kept and tried again.
 */

struct holds;
struct ledger;

struct waiter {
    int rc;
    struct err e;
};

struct op {
    /* By who writes, in a transaction. Checks first and returns -1 with e filled when it
     * must not be; then changes. After an SQL failure what it returns is of no account. May run
     * again. */
    int (*run)(struct ledger *l, struct op *op, struct err *e);
    void (*release)(struct op *op); /* when it is over; NULL: its memory is the waiter's */
    struct waiter *waiter;          /* NULL: nobody waits, failures are logged */
    struct err *own;                /* for failures when nobody waits; needed with release */
    bool settlement;                /* is never given up for a locked database or a full disk */
    bool ahead;                     /* may be written before what stays behind */
    bool behind;                    /* when nobody waits: may stay behind what goes ahead */

    struct op *next; /* the queue's */
    int rc;
    struct err *e;
};

/* What an engine does with a group of operations. One call at a time. */
struct writer_work {
    bool led; /* group() may run on any thread; else on the writer's alone */
    /* Every op of the list is over afterwards, or kept. */
    void (*group)(struct ledger *l, struct op *ops);
    /* On the writer's thread, after its groups and now and then between those that were led;
     * `idle`: nothing else is waiting. NULL: nothing to do. */
    void (*after)(struct ledger *l, bool idle);
    /* By who writes, once, before a group that leaves op behind: what it will do is known from now
     * on. Cannot fail. NULL: nothing stays behind. */
    void (*note)(struct ledger *l, struct op *op);
};

struct ops {
    struct op *first, **last;
    int n;
};

#define QUEUE_MAX  1024 /* operations; whoever comes then waits */
#define LINGER_MS  5
#define LINGER_MAX 64 /* operations: then they go without company */
#define LED_MAX    64 /* groups in a row without the thread, which has after() to do */
#define LANES      4

struct writer {
    const struct writer_work *how;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock;
    pthread_cond_t work, room;
    /* under lock */
    struct ops queue, behind;
    struct op *unnoted; /* the first of `behind` that is */
    bool whole;         /* the group that fills must have what stays behind, too */
    uint64_t filling;   /* the number of the group that now fills */
    bool writing;       /* by the thread, or by who leads */
    int led;            /* groups since the thread's last one */
    bool idle, stop;
    int64_t wakes_ns;  /* when the idle thread wakes by itself; 0: it does not */
    bool urgent;       /* somebody waits for the group that fills */
    int64_t linger_ns; /* until when what nobody waits for may wait for company; 0: there is none */

    atomic_uint_fast64_t done; /* the last group that is over */
    atomic_uint lanes[LANES];  /* futexes: those of group n wait on lane n % LANES */

    /* of who writes; nobody does: under lock */
    bool left;                      /* something stays behind this group … */
    struct op *note_from, *note_to; /* … and this of it is not noted yet; NULL: all is */
    struct op *kept;                /* settlements to try again, in order … */
    int64_t retry_ns;               /* … and when */
};

/* ERR_MEMORY, ERR_IO. What `how` needs must be ready. */
int writer_start(struct ledger *l, const struct writer_work *how, struct err *e) MUST_CHECK;
/* Writes what is queued, then ends the thread. */
void writer_stop(struct ledger *l);

/* Queues op and waits for its group, or leads it; *op may live on the caller's stack, unless it is
 * a settlement with release. */
int writer_do(struct ledger *l, struct op *op, struct err *e) MUST_CHECK;
/* Queues ops, linked by `next`, each with a waiter of its own that tells its outcome, and waits for
 * all of their groups. None may be a settlement. */
void writer_do_all(struct ledger *l, struct op *ops);
/* Queues op (which needs release) and returns. */
void writer_queue(struct ledger *l, struct op *op);
/* Zeroed memory for an operation that must not be lost for want of it: waits until there is some.
 * NULL: the ledger has failed. */
void *writer_room(struct ledger *l, size_t n);
/* Waits for what is queued now. */
void writer_barrier(struct ledger *l);
int writer_queued(struct ledger *l);

/* For an engine, while it writes: what becomes of an operation. */

/* The group with what stays behind it, when it cannot do without. */
struct op *writer_with_behind(struct ledger *l, struct op *ops);
/* It is over: tells who waits, or the log. */
void op_finish(struct op *op);
void ops_finish(struct op *ops);
/* Each fails for that reason. When it passes, settlements are kept instead: their waiters hear that
 * they are not durable yet, and they are tried again with a later group. */
void ops_fail(struct ledger *l, struct op *ops, const struct err *why, bool passes);
/* The ledger cannot write any more, these and all that come, for that reason. */
void ops_fail_for_good(struct ledger *l, struct op *ops, const struct err *why);
/* Counts a group that is committed. Under stats_lock. */
void writer_count(struct ledger *l, int ops, int64_t took_ns, const struct holds *hs);

#endif
