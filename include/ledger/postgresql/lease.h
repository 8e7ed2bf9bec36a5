/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_POSTGRESQL_LEASE_H
#define LEDGER_POSTGRESQL_LEASE_H

#include "ledger/postgresql/inner.h"

/* Leases, and what becomes of the holds of those that are over. keeper.h says how it works. */

#define BEATS 5 /* renewals in the time of a lease */

/* Takes or renews ours, through the writer. ERR_BUSY while the database cannot be reached. */
int lease_renew(struct pg_ledger *l, struct err *e) MUST_CHECK;
/* After the writer has ended: nobody need wait for it to run out. */
void lease_end(struct pg_ledger *l);

/* Marks the leases that are over, by the connection q, and ends a page of their holds, through the
 * writer, adding them to *found. *more: there is another page. */
int lease_reap(struct pg_ledger *l, struct pq *q, struct ledger_recovery *found, bool *more,
               struct err *e) MUST_CHECK;
/* Voids holds of ours that nobody was told of. */
int lease_sweep(struct pg_ledger *l, struct pq *q, struct err *e) MUST_CHECK;

#endif
