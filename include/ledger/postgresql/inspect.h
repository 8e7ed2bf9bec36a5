/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_POSTGRESQL_INSPECT_H
#define LEDGER_POSTGRESQL_INSPECT_H

#include "ledger/postgresql/pq.h"

/* Is what the address leads to a ledger of ours, and may we use it? One sentence says what is
 * wrong. ERR_INVALID: it is not for us; ERR_CORRUPT: it was; ERR_BUSY: the server did not say. */

/* New enough a server? */
int inspect_server(struct pq *q, struct err *e) MUST_CHECK;

/* The schema's version, up to `known`; 0 when there is none yet, < 0 while a copy into it is not
 * complete. */
int inspect_version(struct pq *q, int known, int *version, struct err *e) MUST_CHECK;

/* Everything that a daemon needs is there, with the right to do it. */
int inspect_rights(struct pq *q, struct err *e) MUST_CHECK;

#endif
