/* SPDX-License-Identifier: MIT */
#ifndef PROXY_LESSONS_H
#define PROXY_LESSONS_H

#include <pthread.h>

#include "ledger/ledger.h"
#include "meter/learn.h"

/*
 * The learner that all exchanges share, and its place in the ledger: see docs/prediction.md. Any thread.
 * What was learned since the last save is lost in a crash, and no more than that.
 */

struct lessons {
    pthread_mutex_t lock; /* guards learner; held for a microsecond */
    struct learner *learner;
};

int lessons_init(struct lessons *s, struct err *e) MUST_CHECK;
void lessons_finish(struct lessons *s);

/* Takes back what was saved. */
int lessons_load(struct lessons *s, struct ledger *l, struct err *e) MUST_CHECK;
/* Queues what has changed since the last call. */
void lessons_save(struct lessons *s, struct ledger *l);

bool lessons_predict(struct lessons *s, const struct learn_key *k, struct learned *out);
void lessons_add(struct lessons *s, const struct learn_key *k, int64_t output_tokens);

#endif
