/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_PERIOD_H
#define LEDGER_PERIOD_H

#include "base/err.h"
#include "ledger/ledger.h"

/*
 * When budget periods start and end. Pure but for reading the tz database; any thread.
 * Milliseconds.
 *
 * A first period starts when its budget is made (or reset), a later one where the one before it
 * ended; rolling days keep that phase, calendar periods end at local midnights. A period never
 * starts before the end of the one before it, whatever the clock says.
 */

struct period_rule {
    enum period_kind kind;
    int days;         /* PERIOD_DAYS */
    const char *zone; /* calendar periods */
};

struct period_span {
    int64_t start, end; /* end exclusive; 0: none */
};

/* ERR_INVALID when the days are out of range or the zone is unknown. */
int period_check(const struct period_rule *r, struct err *e) MUST_CHECK;

/* The first period of a budget that is made, or reset, now. */
int period_first(const struct period_rule *r, int64_t now, struct period_span *out,
                 struct err *e) MUST_CHECK;

/* The end of a period that started at `start` and runs at `now`: the first boundary after now. */
int period_end(const struct period_rule *r, int64_t start, int64_t now, int64_t *out,
               struct err *e) MUST_CHECK;

/* Has p ended by now? */
bool period_over(struct period_span p, int64_t now);

/* The period that runs at `now` after p, which is over: whole periods without any request are
 * skipped. A zone that has gone from the tz database counts as UTC. */
struct period_span period_after(const struct period_rule *r, struct period_span p, int64_t now);

#endif
