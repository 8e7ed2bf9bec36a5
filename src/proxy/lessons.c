/* SPDX-License-Identifier: MIT */
#include "proxy/lessons.h"

#include <stdio.h>
#include <string.h>

#define SKETCHES 4096

/* Two kinds of lessons, each under a prefix and a key of sixteen bytes. */
#define LEARN   "learn:"
#define COUNTS  "count:"
#define KEY_LEN 16
#define TEXT_LEN (6 + 2 * KEY_LEN)

int lessons_init(struct lessons *s, struct err *e)
{
    s->learner = learner_create(SKETCHES);
    s->calibrator = calibrator_create();
    if (!s->learner || !s->calibrator) {
        learner_destroy(s->learner);
        calibrator_destroy(s->calibrator);
        return err_set(e, ERR_MEMORY, "no memory for learned predictions");
    }
    pthread_mutex_init(&s->lock, NULL);
    return 0;
}

void lessons_finish(struct lessons *s)
{
    learner_destroy(s->learner);
    calibrator_destroy(s->calibrator);
    pthread_mutex_destroy(&s->lock);
}

/* ---- in the ledger ---- */

static bool read_key(const char *text, unsigned char key[KEY_LEN])
{
    if (strlen(text) != TEXT_LEN)
        return false;
    for (size_t i = 0; i < KEY_LEN; i++)
        if (sscanf(text + TEXT_LEN - 2 * KEY_LEN + 2 * i, "%2hhx", &key[i]) != 1)
            return false;
    return true;
}

static void write_key(const char *prefix, const unsigned char key[KEY_LEN], char text[TEXT_LEN + 1])
{
    str_copy(text, TEXT_LEN + 1, span_of(prefix));
    str_hex(text + strlen(prefix), key, KEY_LEN);
}

static void restore_sketch(void *ctx, const char *text, struct span value)
{
    struct lessons *s = ctx;
    unsigned char key[LEARN_KEY_LEN];

    if (read_key(text, key))
        learner_restore(s->learner, key, (const unsigned char *)value.p, value.n);
}

static void restore_class(void *ctx, const char *text, struct span value)
{
    struct lessons *s = ctx;
    struct calibrate_key key;

    if (read_key(text, key.bytes))
        calibrator_restore(s->calibrator, &key, value);
}

int lessons_load(struct lessons *s, struct ledger *l, struct err *e)
{
    return ledger_state_each(l, LEARN, restore_sketch, s, e) ||
                   ledger_state_each(l, COUNTS, restore_class, s, e)
               ? -1
               : 0;
}

static void save_sketch(void *ctx, const unsigned char key[LEARN_KEY_LEN], const unsigned char *data,
                        size_t n)
{
    char text[TEXT_LEN + 1];

    write_key(LEARN, key, text);
    ledger_state_put(ctx, text, (struct span){(const char *)data, n});
}

static void save_class(void *ctx, const struct calibrate_key *k,
                       const unsigned char data[CALIBRATE_DATA_LEN])
{
    char text[TEXT_LEN + 1];

    write_key(COUNTS, k->bytes, text);
    ledger_state_put(ctx, text, (struct span){(const char *)data, CALIBRATE_DATA_LEN});
}

void lessons_save(struct lessons *s, struct ledger *l)
{
    pthread_mutex_lock(&s->lock);
    learner_save(s->learner, save_sketch, l);
    calibrator_save(s->calibrator, save_class, l);
    pthread_mutex_unlock(&s->lock);
}

/* ---- asked and told ---- */

bool lessons_predict(struct lessons *s, const struct learn_key *k, struct learned *out)
{
    bool known;

    pthread_mutex_lock(&s->lock);
    known = learner_predict(s->learner, k, out);
    pthread_mutex_unlock(&s->lock);
    return known;
}

void lessons_add(struct lessons *s, const struct learn_key *k, int64_t output_tokens)
{
    pthread_mutex_lock(&s->lock);
    learner_add(s->learner, k, output_tokens);
    pthread_mutex_unlock(&s->lock);
}

void lessons_correct(struct lessons *s, const struct calibrate_key *k, struct count *n)
{
    pthread_mutex_lock(&s->lock);
    calibrator_correct(s->calibrator, k, n);
    pthread_mutex_unlock(&s->lock);
}

bool lessons_compare(struct lessons *s, const struct calibrate_key *k, const struct count *n,
                     int64_t reported)
{
    bool drifted;

    pthread_mutex_lock(&s->lock);
    drifted = calibrator_add(s->calibrator, k, n, reported);
    pthread_mutex_unlock(&s->lock);
    return drifted;
}

int64_t lessons_drifted(struct lessons *s)
{
    int64_t n;

    pthread_mutex_lock(&s->lock);
    n = calibrator_drifted(s->calibrator);
    pthread_mutex_unlock(&s->lock);
    return n;
}
