/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_POSTGRESQL_SCHEMA_H
#define LEDGER_POSTGRESQL_SCHEMA_H

#include "ledger/postgresql/pq.h"

/* The tables, in a schema of their own, `tokencap`. They are those of the engine on SQLite, with
 * what several daemons need besides. docs/ledger.md explains them. */

#define PG_SCHEMA_VERSION 1
#define HOUR_MS           INT64_C(3600000)

/* Creates or upgrades, in one transaction, whoever does it first; refuses what inspect.h does.
 * ERR_INVALID, ERR_CORRUPT, ERR_IO, ERR_BUSY. */
int pg_schema_prepare(struct pq *q, struct err *e) MUST_CHECK;

/* Has a copy into it begun that is not complete? Not when there is none. */
int pg_schema_copying(struct pq *q, bool *copying, struct err *e) MUST_CHECK;

/* For readers: is this a ledger of exactly this version? */
int pg_schema_expect(struct pq *q, struct err *e) MUST_CHECK;

#endif
