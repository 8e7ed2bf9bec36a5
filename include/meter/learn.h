/* SPDX-License-Identifier: MIT */
#ifndef METER_LEARN_H
#define METER_LEARN_H

#include "base/err.h"
#include "base/str.h"
#include "meter/prompt.h"

/*
 * Learns how long answers are from the answers that were settled, and predicts the median and the
 * 95th percentile of the next one: see docs/prediction.md. Constant time a request, bounded memory;
 * names are kept as hashes only. Pure, and not thread-safe: its owner has a lock round every call.
 */

struct learner;

/* max_sketches bounds the memory, 1.2 KiB each; the least recently used makes room. NULL: no
 * memory. */
struct learner *learner_create(size_t max_sketches);
void learner_destroy(struct learner *l);

/* What an answer's length is likely to depend on. */
struct learn_key {
    struct span project;
    struct span model; /* as priced: a model's aliases learn together */
    enum api api;
    int64_t input_tokens; /* as counted before the request */
    int64_t output_limit; /* what the client asked at most, of one answer; 0: none */
};

/* Whose answers a prediction comes from; the first with enough of them. */
enum learn_level {
    LEARN_PROJECT_CLASS, /* this project's, of this model, endpoint, input size and limit */
    LEARN_PROJECT,       /* this project's, of this model and endpoint */
    LEARN_MODEL_CLASS,   /* anybody's, of this model, endpoint, input size and limit */
    LEARN_MODEL,         /* anybody's, of this model and endpoint */
    LEARN_LEVELS
};

const char *learn_level_name(enum learn_level level); /* "project+class", "project", … */

struct learned {
    int64_t p50, p95; /* output tokens of one answer; p95 may be INT64_MAX: no bound known */
    int64_t samples;  /* answers that it was learned from, ever */
    enum learn_level level;
};

/* false when nobody has enough samples: predict by the rule. */
bool learner_predict(struct learner *l, const struct learn_key *k, struct learned *out);

/* An answer's output tokens, reasoning included, as the provider reported them; of n answers, the
 * n-th part. Answers that were cut off by anything but their limit teach nothing: leave them out.
 */
void learner_add(struct learner *l, const struct learn_key *k, int64_t output_tokens);

/* ---- across restarts: sketches as bytes ---- */

#define LEARN_KEY_LEN  16
#define LEARN_DATA_MAX 2048

/* Gives f each sketch that changed since the last call, and before that, with n 0, the keys of those
 * that made room for others. The bytes are valid during the call. */
void learner_save(struct learner *l,
                  void (*f)(void *ctx, const unsigned char key[LEARN_KEY_LEN],
                            const unsigned char *data, size_t n),
                  void *ctx);

/* Takes one back; false when the bytes are none of ours. Give the most recently saved last. */
bool learner_restore(struct learner *l, const unsigned char key[LEARN_KEY_LEN],
                     const unsigned char *data, size_t n);

size_t learner_count(const struct learner *l); /* sketches in memory */

#endif
