/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_POSTGRESQL_FILTER_H
#define LEDGER_POSTGRESQL_FILTER_H

#include "ledger/ledger.h"
#include "ledger/postgresql/pq.h"

/* What a usage query asks for, in the database's terms. */

struct filter {
    int64_t project, model;   /* names; 0: all */
    int64_t from_day, to_day; /* inclusive */
    bool nothing;             /* a name that was never used */
};

/* 0, or -1 with the failure remembered in q. */
int pg_filter_make(struct pq *q, const struct usage_query *u, struct filter *out) MUST_CHECK;

/* The number of a name; *found: whether it was ever used. */
int pg_name_id(struct pq *q, const char *text, int64_t *id, bool *found) MUST_CHECK;

#endif
