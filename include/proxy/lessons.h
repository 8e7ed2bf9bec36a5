/* SPDX-License-Identifier: MIT */
#ifndef PROXY_LESSONS_H
#define PROXY_LESSONS_H

#include <pthread.h>

#include "ledger/ledger.h"
#include "meter/calibrate.h"
#include "meter/learn.h"

/*
 * What all exchanges learn together, and its place in the ledger: how long answers are, and how far our
 * counts are off (docs/prediction.md). Any thread. What was learned since the last save is lost in a
 * crash, and no more than that.
 */

struct lessons {
    pthread_mutex_t lock; /* guards both; held for a microsecond */
    struct learner *learner;
    struct calibrator *calibrator;
};

int lessons_init(struct lessons *s, struct err *e) MUST_CHECK;
void lessons_finish(struct lessons *s);

/* Takes back what was saved. */
int lessons_load(struct lessons *s, struct ledger *l, struct err *e) MUST_CHECK;
/* Queues what has changed since the last call. */
void lessons_save(struct lessons *s, struct ledger *l);

bool lessons_predict(struct lessons *s, const struct learn_key *k, struct learned *out);
void lessons_add(struct lessons *s, const struct learn_key *k, int64_t output_tokens);

void lessons_correct(struct lessons *s, const struct calibrate_key *k, struct count *n);
/* True when a class of exact counts has drifted with this one. */
bool lessons_compare(struct lessons *s, const struct calibrate_key *k, const struct count *n,
                     int64_t reported);
int64_t lessons_drifted(struct lessons *s);

#endif
