/* SPDX-License-Identifier: MIT */
#ifndef PROXY_SERVER_H
#define PROXY_SERVER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "base/queue.h"
#include "ledger/ledger.h"
#include "meter/price.h"
#include "proxy/config.h"
#include "proxy/feed.h"
#include "proxy/lessons.h"
#include "proxy/metrics.h"
#include "proxy/ratelimit.h"
#include "proxy/session.h"
#include "proxy/tokcache.h"

/*
 * What all exchanges share. Made by the main program before any thread starts, destroyed after the last
 * has ended.
 */

/* What a reload replaces, as one: an exchange keeps the settings it began with. */
struct settings {
    struct config config;
    struct price_table *prices;
    int users; /* guarded by server.settings_lock */
};

struct server {
    struct ledger *ledger;
    char *ledger_password; /* NULL: none was given */
    struct vocabs *vocabs;
    struct tokcache *tokens;
    struct lessons lessons;
    struct ratelimit *rates;
    struct queue queue; /* of struct exchange */
    struct metrics metrics;
    struct feed feed;         /* the newest requests, for live viewers */
    struct sessions sessions; /* browsers that showed the admin token */
    char instance[28];    /* "tokencap-" and 16 random digits: our name in Via */
    int64_t started_ms;
    _Atomic int64_t memory; /* bytes of requests and answers in flight */
    _Atomic int exchanges;  /* of clients, or of workers that still read the rest for one that has left */
    sem_t big_parses;       /* as many large bodies are parsed at once as there are cores */
    _Atomic bool draining; /* new work is answered 503 */

    pthread_mutex_t settings_lock;
    struct settings *settings; /* the newest; guarded by settings_lock */
};

/* Takes over an initialised config; loads the price tables. */
int settings_create(struct config *c, struct settings **out, struct err *e) MUST_CHECK;

/* The newest settings, to be given back. */
struct settings *settings_acquire(struct server *s);
void settings_release(struct server *s, struct settings *set);

/* Puts newer settings in place of the current ones. Takes them over. */
void settings_replace(struct server *s, struct settings *set);

/* Opens everything but the ledger and the listener. Takes over c, also on failure. */
int server_open(struct server *s, struct config *c, struct err *e) MUST_CHECK;

/* What recovery found goes to *found. on_reload: another daemon calls for it; any thread. */
int server_open_ledger(struct server *s, void (*on_reload)(void), struct ledger_recovery *found,
                       struct err *e) MUST_CHECK;
void server_close(struct server *s);

/* SIGHUP: reads configuration and prices again. The caller puts them in force (settings_replace) or lets
 * go of them (settings_release). */
int server_read_settings(struct server *s, struct settings **fresh, struct err *e) MUST_CHECK;

#endif
