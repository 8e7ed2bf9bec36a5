/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_SQLITE_WATCHED_H
#define LEDGER_SQLITE_WATCHED_H

#include "ledger/sqlite/db.h"
#include "ledger/watched.h"

/* Until the connection is closed. */
void watched_begin(struct watched *w, const struct onlooker *by, struct db *db);

#endif
