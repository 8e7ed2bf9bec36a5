/* SPDX-License-Identifier: MIT */
#include "proxy/server.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/datadir.h"
#include "base/log.h"
#include "proxy/secret.h"

int settings_create(struct config *c, struct settings **out, struct err *e)
{
    struct settings *set = calloc(1, sizeof *set);

    if (!set) {
        config_finish(c);
        return err_set(e, ERR_MEMORY, "no memory for the settings");
    }
    set->config = *c;
    set->users = 1;
    if (price_load((const char *const *)set->config.pricing_dirs, (size_t)set->config.npricing_dirs,
                   &set->prices, e)) {
        config_finish(&set->config);
        free(set);
        return -1;
    }
    provider_name_prices(&set->config.providers, set->prices);
    *out = set;
    return 0;
}

struct settings *settings_acquire(struct server *s)
{
    struct settings *set;

    pthread_mutex_lock(&s->settings_lock);
    set = s->settings;
    set->users++;
    pthread_mutex_unlock(&s->settings_lock);
    return set;
}

void settings_release(struct server *s, struct settings *set)
{
    bool last;

    pthread_mutex_lock(&s->settings_lock);
    last = --set->users == 0;
    pthread_mutex_unlock(&s->settings_lock);
    if (!last)
        return;
    price_free(set->prices);
    config_finish(&set->config);
    free(set);
}

void settings_replace(struct server *s, struct settings *set)
{
    struct settings *old;

    pthread_mutex_lock(&s->settings_lock);
    old = s->settings;
    s->settings = set;
    pthread_mutex_unlock(&s->settings_lock);
    settings_release(s, old);
}

int server_read_settings(struct server *s, struct settings **fresh, struct err *e)
{
    struct settings *running = settings_acquire(s);
    struct config c;
    int r = config_reload(&running->config, &c, e);

    settings_release(s, running);
    return r ? -1 : settings_create(&c, fresh, e);
}

int server_open_ledger(struct server *s, void (*on_reload)(void), struct ledger_recovery *found,
                       struct err *e)
{
    const struct config *c = &s->settings->config;
    struct ledger_options o = {
        .address = config_ledger(c),
        .lease_ms = (int)c->ledger_lease,
        .on_reload = on_reload,
        .durable = c->durability == DURABILITY_FULL,
        .busy_timeout_ms = (int)c->busy_timeout,
        .strict = c->enforce == ENFORCE_STRICTLY,
    };

    /* A copy: a reload frees the configuration. */
    if (c->ledger_password && !(s->ledger_password = secret_keep(c->ledger_password)))
        return err_set(e, ERR_MEMORY, "no memory for the ledger's password");
    o.password = s->ledger_password;
    if (ledger_open(&o, found, &s->ledger, e))
        return -1;
    return lessons_load(&s->lessons, s->ledger, e);
}

int server_open(struct server *s, struct config *c, struct err *e)
{
    uint64_t instance;

    memset(s, 0, sizeof *s);
    s->started_ms = clock_wall_ms();
    pthread_mutex_init(&s->settings_lock, NULL);
    metrics_init(&s->metrics);
    sessions_init(&s->sessions);
    sem_init(&s->big_parses, 0, (unsigned)sysconf(_SC_NPROCESSORS_ONLN));
    if (getrandom(&instance, sizeof instance, 0) != (ssize_t)sizeof instance) {
        config_finish(c);
        return err_set(e, ERR_IO, "getrandom failed");
    }
    snprintf(s->instance, sizeof s->instance, "tokencap-%016" PRIx64, instance);

    if (settings_create(c, &s->settings, e))
        return -1;
    c = &s->settings->config;
    if (vocabs_open(c->vocab_dir, &s->vocabs, e))
        goto release_settings;
    if (vocabs_add_folder(s->vocabs, *c->own_vocab_dir ? c->own_vocab_dir : OWN_VOCAB_DIR, e))
        goto close_vocabs;
    if (tokcache_create(s->vocabs, (size_t)c->token_cache_size, &s->tokens, e))
        goto close_vocabs;
    if (ratelimit_create(&s->rates, e))
        goto destroy_tokens;
    if (queue_init(&s->queue, (size_t)c->queue_depth, e))
        goto destroy_rates;
    if (feed_init(&s->feed, e))
        goto finish_queue;
    if (lessons_init(&s->lessons, e))
        goto finish_feed;
    return 0;

finish_feed:
    feed_finish(&s->feed);
finish_queue:
    queue_finish(&s->queue);
destroy_rates:
    ratelimit_destroy(s->rates);
destroy_tokens:
    tokcache_destroy(s->tokens);
close_vocabs:
    vocabs_close(s->vocabs);
release_settings:
    settings_release(s, s->settings);
    metrics_finish(&s->metrics);
    sessions_finish(&s->sessions);
    return -1;
}

void server_close(struct server *s)
{
    lessons_save(&s->lessons, s->ledger);
    ledger_close(s->ledger);
    secret_forget(s->ledger_password);
    lessons_finish(&s->lessons);
    feed_finish(&s->feed);
    queue_finish(&s->queue);
    ratelimit_destroy(s->rates);
    tokcache_destroy(s->tokens);
    vocabs_close(s->vocabs);
    settings_release(s, s->settings);
    metrics_finish(&s->metrics);
    sessions_finish(&s->sessions);
    sem_destroy(&s->big_parses);
    pthread_mutex_destroy(&s->settings_lock);
}
