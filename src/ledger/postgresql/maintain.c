/* SPDX-License-Identifier: MIT */
#include "ledger/postgresql/engine.h"

/* What PostgreSQL has its own tools for. */

int pg_backup(const char *where, const char *to, const struct onlooker *o, struct err *e)
{
    (void)where;
    (void)to;
    (void)o;
    return err_set(e, ERR_INVALID,
                   "a ledger on PostgreSQL is copied by its own tools: pg_dump --schema=tokencap, "
                   "pg_basebackup");
}

int pg_compact(const char *where, int64_t before_ms, const struct onlooker *o, struct buf *summary,
               struct err *e)
{
    (void)where;
    (void)before_ms;
    (void)o;
    (void)summary;
    return err_set(e, ERR_INVALID, "usage compact is for a ledger on SQLite");
}
