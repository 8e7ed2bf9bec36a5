/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_SQLITE_SCHEMA_H
#define LEDGER_SQLITE_SCHEMA_H

#include "ledger/sqlite/db.h"

/* The tables, and the steps from each released version to the next. docs/ledger.md explains them.
 */

#define SCHEMA_VERSION 1

/* Creates or upgrades, in one transaction; refuses a newer schema and another program's database.
 */
int schema_prepare(struct db *db, struct err *e) MUST_CHECK;

/* For readers: is this a ledger of exactly this version? */
int schema_expect(struct db *db, struct err *e) MUST_CHECK;

#endif
