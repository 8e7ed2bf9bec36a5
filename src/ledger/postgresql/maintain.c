/* SPDX-License-Identifier: MIT */
#include "ledger/postgresql/engine.h"

/* What PostgreSQL has its own tools for. */

int pg_backup(const char *where, const char *to, const struct onlooker *o, struct err *e)
{
    (void)where;
    (void)to;
    (void)o;
    return err_set(e, ERR_INVALID,
                   "a ledger on PostgreSQL is backed up by its own tools: "
                   "pg_dump --schema=tokencap or pg_basebackup");
}
