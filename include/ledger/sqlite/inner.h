/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_SQLITE_INNER_H
#define LEDGER_SQLITE_INNER_H

#include "ledger/sqlite/ballast.h"
#include "ledger/sqlite/book.h"
#include "ledger/sqlite/db.h"
#include "ledger/sqlite/engine.h"
#include "ledger/sqlite/group.h"
#include "ledger/sqlite/reader.h"

/* The engine on SQLite. Each member says whose it is; locks are taken in the order they stand in.
 */

struct sqlite_ledger {
    struct ledger base;
    char *path, *ballast_path;
    bool durable;
    int lock_fd;
    struct db db;           /* the writing connection: of who writes, and open's and close's */
    struct book book;       /* likewise */
    struct ballast ballast; /* likewise */
    struct disk disk;       /* of who writes */
    bool needs_behind; /* likewise: a hold of the group does not fit without what stays behind */
    struct readers readers;
};

static inline struct sqlite_ledger *sqlite_of(const struct ledger *l)
{
    return MAP_OWNER(l, struct sqlite_ledger, base);
}

/* Opening and closing but for the writer: whoever calls them is the one that writes. */
int sqlite_prepare(const char *path, const struct ledger_options *o, struct ledger_recovery *found,
                   struct sqlite_ledger **out, struct err *e) MUST_CHECK;
void sqlite_destroy(struct sqlite_ledger *l);

/* Settles what a crash left, on the writing connection, before the writer starts. */
int recover(struct sqlite_ledger *l, int64_t now_ms, struct ledger_recovery *found,
            struct err *e) MUST_CHECK;

/* Fills the tokens in memory, before the writer starts. */
int tokens_load(struct sqlite_ledger *l, struct err *e) MUST_CHECK;

/* The amount that all budgets of a request leave, by the tightest; -1 without a budget. */
int reserve_remaining(struct sqlite_ledger *l, const struct reservation *r, int64_t now_ms,
                      nano_t *out) MUST_CHECK;

#endif
