/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_POSTGRESQL_STATEMENTS_H
#define LEDGER_POSTGRESQL_STATEMENTS_H

#include "ledger/postgresql/pq.h"

/* What groups say to the database, again and again: kept (pq.h), so that a session parses and plans
 * each once. */

enum statement {
    /* asking, in this order */
    SETTINGS,
    SHARE_LEASE,
    LOCK_BUDGETS,
    LOCK_PERIODS,
    LOCK_HOLDS,
    FIND_ENDS,
    FIND_REQUESTS,
    TAKE_NUMBERS,
    /* telling, likewise */
    SET_BUDGETS,
    ADD_BUDGETS,
    SET_PERIODS,
    ADD_PERIODS,
    ADD_CAPS,
    END_HOLDS,
    ADD_HOLDS,
    ADD_USAGE,
    ADD_VOIDED,
    ADD_SUMS,
    ADD_OVERRUN,
    FLUSH,
    STATEMENTS
};

/* The end of an insert into series AS s: what is there already grows. */
#define ADD_TO_SERIES                                                                              \
    " ON CONFLICT (hour, view, key) DO UPDATE SET"                                                 \
    " requests = s.requests + excluded.requests, estimated = s.estimated + excluded.estimated,"    \
    " input = s.input + excluded.input, output = s.output + excluded.output,"                      \
    " cached = s.cached + excluded.cached, written = s.written + excluded.written,"                \
    " reasoning = s.reasoning + excluded.reasoning, duration = s.duration + excluded.duration,"    \
    " streams = s.streams + excluded.streams, ttft = s.ttft + excluded.ttft,"                      \
    " cost = s.cost + excluded.cost, predicted = s.predicted + excluded.predicted,"                \
    " saved = s.saved + excluded.saved,"                                                           \
    " first = least(s.first, excluded.first), last = greatest(s.last, excluded.last)"

extern const char *const group_statements[STATEMENTS];

/* What q has read may not be on disk yet. Should a crash take it, its numbers are given anew, and
 * what is meant for a hold that was read would befall another: so this comes first. */
int pg_make_durable(struct pq *q, struct err *e) MUST_CHECK;

#endif
