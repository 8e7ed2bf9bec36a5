/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_SQLITE_FILTER_H
#define LEDGER_SQLITE_FILTER_H

#include "ledger/sqlite/db.h"
#include "ledger/ledger.h"

/* What a usage query asks for, in the database's terms. */

struct filter {
    int64_t project, model;   /* names; 0: all */
    int64_t from_day, to_day; /* inclusive */
    bool nothing;             /* a name that was never used */
};

/* 0, or -1 with the failure remembered in db. */
int filter_make(struct db *db, const struct usage_query *q, struct filter *out) MUST_CHECK;

#endif
