/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_POSTGRESQL_SETTLE_H
#define LEDGER_POSTGRESQL_SETTLE_H

#include "ledger/ending.h"
#include "ledger/postgresql/inner.h"

/* Ends a hold that is not among this daemon's, unless somebody else has ended it already: that is
 * no failure, but *done is false. `stray`: nor is it one when this daemon does have it, which then
 * stays. */
int pg_end_other(struct ledger *l, struct pg_hold *h, const struct ending *end, bool stray,
                 bool *done, struct err *e) MUST_CHECK;

#endif
