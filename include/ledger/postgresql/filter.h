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

/* DAYS_OF "day = …" DAYS_END: those rows d of the daily roll-up, of project $4, or all for 0, each
 * project's by its own stretch of the index. The planner takes an OFFSET as it stands. */
#define DAYS_OF                                                                                    \
    "(SELECT project FROM tokencap.total WHERE project BETWEEN $4::bigint"                         \
    " AND coalesce(nullif($4::bigint, 0), 9223372036854775807)) t"                                 \
    " CROSS JOIN LATERAL (SELECT * FROM tokencap.daily WHERE project = t.project AND "
#define DAYS_END " OFFSET 0) d"

/* 0, or -1 with the failure remembered in q. */
int pg_filter_make(struct pq *q, const struct usage_query *u, struct filter *out) MUST_CHECK;

/* The number of a name; *found: whether it was ever used. */
int pg_name_id(struct pq *q, const char *text, int64_t *id, bool *found) MUST_CHECK;

#endif
