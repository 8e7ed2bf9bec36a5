/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_SQLITE_READER_H
#define LEDGER_SQLITE_READER_H

#include <pthread.h>

#include "ledger/sqlite/db.h"

/*
 * A few read-only connections, lent for the length of one short read. More readers than connections
 * wait. A read sees one state of the database from its first statement to its last.
 */

#define READERS_MAX 4

struct sqlite_ledger;

struct reader_slot {
    struct db db;
    bool open, lent;
};

struct readers {
    pthread_mutex_t lock;
    pthread_cond_t back;
    struct reader_slot slots[READERS_MAX]; /* under lock; a lent one's db is its borrower's */
};

void readers_init(struct readers *r);
void readers_finish(struct readers *r);

/* Waits for the writes queued so far, lends a connection, begins the read. NULL on failure. */
struct db *reader_begin(struct sqlite_ledger *l, struct err *e);
/* Ends it and gives the connection back; e gets the failure, if any, that db remembers: 0 or -1. */
int reader_end(struct sqlite_ledger *l, struct db *db, struct err *e) MUST_CHECK;

#endif
