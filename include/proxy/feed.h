/* SPDX-License-Identifier: MIT */
#ifndef PROXY_FEED_H
#define PROXY_FEED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "ledger/ledger.h"

/*
 * The newest things that happened, in memory, for those who watch live: ended requests and refusals.
 * Any thread pushes; a watcher asks for what came after what it has seen, and sleeps until there is
 * more. The lock is held for the copy of one row.
 */

#define FEED_ROWS 256

enum feed_kind { FEED_REQUEST, FEED_REFUSAL };

struct feed_row {
    uint64_t seq;
    enum feed_kind kind;
    struct usage_row usage; /* of a refusal: project, model, endpoint, provider, times, status, hold */
    const char *code;       /* of a refusal: its error's code, a literal */
    enum scope scope;       /* of a budget's refusal: whose budget */
};

struct feed {
    pthread_mutex_t lock; /* guards rows and next */
    struct feed_row *rows;
    uint64_t next;        /* the seq of the next row; they start at 1 */
    _Atomic uint32_t news; /* what watchers sleep on */
    _Atomic uint32_t changes; /* of budgets and the like, by whoever may */
    _Atomic int watchers;
};

int feed_init(struct feed *f, struct err *e) MUST_CHECK;
void feed_finish(struct feed *f);

/* Copies row, with a seq given to it. */
void feed_push(struct feed *f, const struct feed_row *row);

/* Something else than a row is new, such as a budget. */
void feed_poke(struct feed *f);

/* The oldest row after `seq` that is still there; false when there is none. */
bool feed_after(struct feed *f, uint64_t seq, struct feed_row *out);
uint64_t feed_newest(struct feed *f); /* its seq; 0: none yet */

/* Sleeps until there is news after `seen` (a former return value), at most timeout_ms. */
uint32_t feed_wait(struct feed *f, uint32_t seen, int64_t timeout_ms);

#endif
