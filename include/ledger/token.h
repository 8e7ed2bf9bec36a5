/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_TOKEN_H
#define LEDGER_TOKEN_H

#include <pthread.h>

#include "ledger/ledger.h"
#include "ledger/map.h"

/* The project tokens that are not revoked, by digest, in memory: a request's check never waits for
 * the database, and a revocation holds from the moment it is durable. Any thread. */

#define TOKEN_DIGEST 32 /* bytes: SHA-256 */

struct tokens {
    pthread_mutex_t change; /* held by who writes to the database and then here, or reads it anew */
    pthread_rwlock_t lock;
    struct map by_digest; /* under lock */
};

int tokens_init(struct tokens *t, struct err *e) MUST_CHECK;
void tokens_finish(struct tokens *t); /* also after a failed tokens_init() */

int tokens_learn(struct tokens *t, const struct token *token,
                 const unsigned char digest[TOKEN_DIGEST], struct err *e) MUST_CHECK;
void tokens_forget(struct tokens *t, int64_t id);
/* The contents of the two change places. */
void tokens_replace(struct tokens *t, struct tokens *fresh);

#endif
