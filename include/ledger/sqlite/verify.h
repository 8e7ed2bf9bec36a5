/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_SQLITE_VERIFY_H
#define LEDGER_SQLITE_VERIFY_H

#include "ledger/replay.h"
#include "ledger/sqlite/book.h"

/*
 * The proof of a ledger, in three parts over one state of the database. One thread.
 *
 * replay: every admission and end in their order (ledger/replay.h). sums: the roll-ups are the sums
 * of the rows. verify: the structure, and the two above.
 */

struct sums {
    struct map by_key;
};

int sums_init(struct sums *s, struct db *db, struct err *e) MUST_CHECK;
void sums_finish(struct sums *s);
int sums_add(struct sums *s, const struct rollup_row *row, struct err *e) MUST_CHECK;
int sums_end(struct sums *s, struct db *db, struct err *e) MUST_CHECK;

#endif
