/* SPDX-License-Identifier: MIT */
#include "ledger/sqlite/watched.h"

#define OPCODES 200000 /* of SQLite's machine between two looks: some milliseconds */

static int look(void *ctx)
{
    return !watched_still(ctx);
}

void watched_begin(struct watched *w, const struct onlooker *by, struct db *db)
{
    *w = (struct watched){.by = by};
    if (by)
        sqlite3_progress_handler(db->conn, OPCODES, look, w);
}
