/* SPDX-License-Identifier: MIT */
#include "ledger/sqlite/watched.h"

#define OPCODES 200000 /* of SQLite's machine between two looks: some milliseconds */

static int look(void *ctx)
{
    struct watched *w = ctx;

    return !watched_see(w, w->done, w->all);
}

void watched_begin(struct watched *w, const struct onlooker *by, struct db *db)
{
    *w = (struct watched){.by = by};
    if (by)
        sqlite3_progress_handler(db->conn, OPCODES, look, w);
}

bool watched_see(struct watched *w, int64_t done, int64_t all)
{
    w->done = done;
    w->all = all;
    w->stopped = w->stopped || (w->by && !w->by->see(w->by->ctx, done, all));
    return !w->stopped;
}

int watched_end(const struct watched *w, int rc, struct err *e)
{
    if (rc == 0 || !w->stopped)
        return rc;
    return err_set(e, ERR_STOPPED, "interrupted; nothing is damaged, and it can be run again");
}
