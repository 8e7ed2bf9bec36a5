/* SPDX-License-Identifier: MIT */
#ifndef METER_CALIBRATE_H
#define METER_CALIBRATE_H

#include "meter/count.h"

/*
 * What settled requests say about our counts: the provider's figure ÷ ours, kept for each model, endpoint
 * and set of features (tools, images, a schema). Counts that are `approximate` are corrected by it; an
 * `exact` class whose counts stop being equal has drifted, because its provider has changed something.
 * Constant time, bounded memory, pure; not thread-safe: its owner has a lock round every call.
 */

#define CALIBRATE_SAMPLES 20 /* before a class says anything */

struct calibrator;

struct calibrator *calibrator_create(void); /* NULL: no memory */
void calibrator_destroy(struct calibrator *c);

/* The class of a request. */
#define CALIBRATE_KEY_LEN 16

struct calibrate_key {
    unsigned char bytes[CALIBRATE_KEY_LEN];
};

struct calibrate_key calibrate_key(const struct prompt *p, struct span model);

/* Corrects an approximate count; n->raw keeps what was counted. */
void calibrator_correct(const struct calibrator *c, const struct calibrate_key *k, struct count *n);

/* What the provider reported for a request counted as n. True when its class, of exact counts, drifted
 * with this one: told once, until it has recovered. */
bool calibrator_add(struct calibrator *c, const struct calibrate_key *k, const struct count *n,
                    int64_t reported);

int64_t calibrator_drifted(const struct calibrator *c); /* exact classes that are off now */

/* ---- across restarts ---- */

#define CALIBRATE_DATA_LEN 20

void calibrator_save(struct calibrator *c,
                     void (*f)(void *ctx, const struct calibrate_key *k,
                               const unsigned char data[CALIBRATE_DATA_LEN]),
                     void *ctx);
bool calibrator_restore(struct calibrator *c, const struct calibrate_key *k, struct span data);

#endif
