/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_SQLITE_SETTLE_H
#define LEDGER_SQLITE_SETTLE_H

#include "ledger/ending.h"
#include "ledger/sqlite/inner.h"

/* Ends an open hold: its row out, a usage (or voided) row in. By who writes; a failure is
 * remembered in the connection. */
int settle_hold(struct book *b, struct hold *h, const struct ending *end) MUST_CHECK;

/* A settlement's note(): see writer.h. */
void settle_note(struct ledger *base, struct op *op);

#endif
