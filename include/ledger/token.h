/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_TOKEN_H
#define LEDGER_TOKEN_H

#include <pthread.h>

#include "ledger/ledger.h"
#include "ledger/map.h"

/* The project tokens that are not revoked, by digest, in memory: a request's check never waits for
 * the database, and a revocation holds from the moment it is durable. */

struct db;

struct tokens {
    pthread_rwlock_t lock;
    struct map by_digest; /* under lock */
};

int tokens_init(struct tokens *t, struct db *db, struct err *e) MUST_CHECK;
void tokens_finish(struct tokens *t);

#endif
