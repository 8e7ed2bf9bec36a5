/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_POSTGRESQL_SETTLE_H
#define LEDGER_POSTGRESQL_SETTLE_H

#include "ledger/ending.h"
#include "ledger/postgresql/inner.h"

/* How a hold that is not among this daemon's ends. */
struct other_end {
    struct hold hold;
    struct ending end;
    bool done; /* it ended here; false is no failure: somebody else had ended it already */
};

/* Ends them together, in as few groups as the writer makes of them. `stray`: one that this daemon
 * does have stays. */
int pg_end_others(struct ledger *l, struct other_end *others, int n, bool stray,
                  struct err *e) MUST_CHECK;

#endif
