/* SPDX-License-Identifier: MIT */
#include "proxy/lessons.h"

#include <stdio.h>
#include <string.h>

#define SKETCHES 4096
#define PREFIX   "learn:"
#define KEY_TEXT (sizeof PREFIX + 2 * LEARN_KEY_LEN)

int lessons_init(struct lessons *s, struct err *e)
{
    s->learner = learner_create(SKETCHES);
    if (!s->learner)
        return err_set(e, ERR_MEMORY, "no memory for learned predictions");
    pthread_mutex_init(&s->lock, NULL);
    return 0;
}

void lessons_finish(struct lessons *s)
{
    learner_destroy(s->learner);
    pthread_mutex_destroy(&s->lock);
}

static void restore_one(void *ctx, const char *text, struct span value)
{
    struct lessons *s = ctx;
    unsigned char key[LEARN_KEY_LEN];

    if (strlen(text) != KEY_TEXT - 1)
        return;
    text += strlen(PREFIX);
    for (size_t i = 0; i < LEARN_KEY_LEN; i++)
        if (sscanf(text + 2 * i, "%2hhx", &key[i]) != 1)
            return;
    learner_restore(s->learner, key, (const unsigned char *)value.p, value.n);
}

int lessons_load(struct lessons *s, struct ledger *l, struct err *e)
{
    return ledger_state_each(l, PREFIX, restore_one, s, e);
}

static void save_one(void *ctx, const unsigned char key[LEARN_KEY_LEN], const unsigned char *data, size_t n)
{
    char text[KEY_TEXT] = PREFIX;

    for (size_t i = 0; i < LEARN_KEY_LEN; i++)
        snprintf(text + strlen(PREFIX) + 2 * i, 3, "%02x", key[i]);
    ledger_state_put(ctx, text, (struct span){(const char *)data, n});
}

void lessons_save(struct lessons *s, struct ledger *l)
{
    pthread_mutex_lock(&s->lock);
    learner_save(s->learner, save_one, l);
    pthread_mutex_unlock(&s->lock);
}

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
