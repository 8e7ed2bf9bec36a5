/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_POSTGRESQL_READER_H
#define LEDGER_POSTGRESQL_READER_H

#include <pthread.h>

#include "ledger/postgresql/pq.h"

/* A few connections, lent for the length of one short read, which sees one state of the database
 * from its first statement to its last. More readers than connections wait. */

#define READERS_MAX 4

struct pg_ledger;

struct readers {
    pthread_mutex_t lock;
    pthread_cond_t back;
    struct reader_slot {
        struct pq q; /* a lent one's is its borrower's */
        bool lent;
    } slots[READERS_MAX]; /* under lock */
};

void pg_readers_init(struct pg_ledger *l);
void pg_readers_finish(struct pg_ledger *l);

/* Waits for the writes queued so far, lends a connection, begins the read. NULL on failure. */
struct pq *pg_reader_begin(struct pg_ledger *l, struct err *e);
/* Ends it and gives the connection back; e gets the failure, if any, that q remembers: 0 or -1. */
int pg_reader_end(struct pg_ledger *l, struct pq *q, struct err *e) MUST_CHECK;

#endif
