/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_INNER_H
#define LEDGER_INNER_H

#include <pthread.h>
#include <stdatomic.h>

#include "ledger/ballast.h"
#include "ledger/book.h"
#include "ledger/db.h"
#include "ledger/ledger.h"
#include "ledger/reader.h"
#include "ledger/token.h"
#include "ledger/writer.h"

/* What struct ledger is. Each member says whose it is; locks are taken in the order they stand in.
 */

struct ledger {
    char *path, *ballast_path;
    bool strict, durable;
    int lock_fd;
    struct db db;     /* the writing connection: the writer thread's, and open's and close's */
    struct book book; /* likewise */
    struct ballast ballast; /* likewise */
    struct writer writer;
    struct readers readers;
    struct tokens tokens;
    atomic_bool failed;
    pthread_mutex_t stats_lock;
    struct ledger_stats stats; /* under stats_lock */
    int64_t oldest_ns;         /* likewise: monotonic, 0: none open */
};

/* ledger_open() and ledger_close() but for the writer: whoever calls them is the one thread that
 * writes. */
int ledger_prepare(const struct ledger_options *o, struct ledger_recovery *found,
                   struct ledger **out, struct err *e) MUST_CHECK;
void ledger_destroy(struct ledger *l);

/* Settles what a crash left, on the writing connection, before the writer starts. */
int recover(struct ledger *l, int64_t now_ms, struct ledger_recovery *found,
            struct err *e) MUST_CHECK;

/* The amount that all budgets of a request leave, by the tightest; -1 without a budget. */
int reserve_remaining(struct ledger *l, const struct reservation *r, int64_t now_ms,
                      nano_t *out) MUST_CHECK;

#endif
