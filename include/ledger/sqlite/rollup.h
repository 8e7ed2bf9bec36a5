/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_SQLITE_ROLLUP_H
#define LEDGER_SQLITE_ROLLUP_H

#include "ledger/sqlite/db.h"
#include "ledger/ledger.h"
#include "ledger/map.h"

/*
 * The totals by project, and by project, day and model: gathered over a group of writes, then added
 * to the database in one statement a key. Only who writes may touch it.
 */

#define ROLLUP_MAX 1024

struct rollup_row {
    struct map_node node;
    int64_t project, day, model; /* day: days since 1970-01-01, UTC */
    struct usage_total sum;
    int64_t first, last; /* ids of the usage rows */
};

struct rollup {
    struct map by_key;
    struct rollup_row rows[ROLLUP_MAX];
    size_t n;
};

int rollup_init(struct rollup *r, struct err *e) MUST_CHECK;
void rollup_finish(struct rollup *r);

/* Writes early when it is full, so it may fail. */
int rollup_add(struct rollup *r, struct db *db, const struct rollup_row *row) MUST_CHECK;
int rollup_flush(struct rollup *r, struct db *db) MUST_CHECK;
void rollup_forget(struct rollup *r); /* the group has failed */

#endif
