/* SPDX-License-Identifier: MIT */
#include "proxy/alert.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/futex.h"
#include "base/log.h"
#include "proxy/upstream_alert.h"

#define PACE_MS    1000  /* between two looks at the budgets */
#define QUIET_MS   30000 /* a look at least that often: periods start and hours pass by themselves */
#define SPIKES_MS  60000
#define STACK_SIZE (512 * 1024)

struct alerter {
    struct server *server;
    pthread_t thread;
    _Atomic bool stopping;
    struct once stop;
    struct alert_seen seen;
    /* The thread's: */
    int64_t looked_ms, spikes_ms; /* when it looked, and looked for spikes */
    uint32_t changes;             /* the feed's, then */
    bool any;                     /* some budget has alerts */
    bool failing;                 /* the ledger could not be read, which is in the log */
};

/* ---- sending ---- */

int64_t alert_retry_ms(int tries)
{
    static const int seconds[] = {1, 10, 60, 300, 900, 1800, 3600, 7200, 14400, 28800, 43200};

    return tries < (int)(sizeof seconds / sizeof *seconds) ? seconds[tries] * INT64_C(1000) : 0;
}

/* The scheme and host of a URL: its path may hold a secret. */
static struct span origin_of(const char *url)
{
    const char *host = strstr(url, "://");
    size_t n = host ? (size_t)(host - url) + 3 : 0;

    return (struct span){url, n + strcspn(url + n, "/?#")};
}

static int post(struct alerter *a, const struct config *c, const struct alert *alert, struct err *e)
{
    char signature[ALERT_SIGNATURE_MAX] = "";
    struct alert_post p = {
        .url = alert->url, .id = alert->id, .signature = signature, .body = alert->body,
        .ca_file = c->upstream_ca, .allow_private = c->alert_private, .stop = &a->stopping,
    };

    if (c->alert_secret && alert_sign(c->alert_secret, clock_wall_ms() / 1000, alert->body, signature, e))
        return -1;
    return upstream_post_alert(&p, e);
}

static void send_one(struct alerter *a, const struct config *c, const struct alert *alert)
{
    struct metrics *m = &a->server->metrics;
    int64_t wait = alert_retry_ms(alert->tries), next = wait ? clock_wall_ms() + wait : 0;
    struct span origin = origin_of(alert->url);
    struct err e;
    bool delivered = post(a, c, alert, &e) == 0;

    if (!delivered && atomic_load(&a->stopping))
        return; /* it waits */
    metric_add(delivered ? &m->alerts_sent : &m->alert_failures, 1);
    if (delivered)
        log_info("alert=%s sent to %.*s", alert->id, SPAN_FMT(origin));
    else
        log_warn("alert=%s not sent to %.*s: %s%s", alert->id, SPAN_FMT(origin), e.msg,
                 next ? "; it will be tried again" : "; given up");
    if (ledger_alert_tried(a->server->ledger, alert->id, delivered, next, &e))
        log_error("alert=%s: %s", alert->id, e.msg);
}

/* Sends what is due; how long until the next one is. */
static int64_t send_due(struct alerter *a, const struct config *c)
{
    struct alert alert;
    struct err e;

    while (!atomic_load(&a->stopping)) {
        int64_t wait;

        if (ledger_alert_next(a->server->ledger, &alert, &e))
            return QUIET_MS; /* none, or the ledger has said so elsewhere */
        wait = alert.next_ms - clock_wall_ms();
        if (wait > 0)
            return wait < QUIET_MS ? wait : QUIET_MS;
        send_one(a, c, &alert);
    }
    return 0;
}

/* ---- the thread ---- */

/* Where no budget has alerts, a request changes nothing: only a change of a budget, or time. */
static bool is_worth_a_look(const struct alerter *a, uint32_t changes, int64_t now_ms)
{
    return a->any || a->changes != changes || now_ms - a->looked_ms >= QUIET_MS || now_ms < a->looked_ms;
}

static void look(struct alerter *a, const struct config *c)
{
    struct alert_rules rules = {c->alert_format == ALERT_FORMAT_SLACK, (int)c->alert_spike};
    uint32_t changes = atomic_load(&a->server->feed.changes);
    int64_t now = clock_wall_ms();
    bool spikes = now - a->spikes_ms >= SPIKES_MS || now < a->spikes_ms;
    struct err e;

    if (!is_worth_a_look(a, changes, now))
        return;
    if (alert_scan(a->server->ledger, &rules, &a->seen, spikes, now, &a->any, &e)) {
        if (!a->failing)
            log_warn("looking for alerts: %s", e.msg);
        a->failing = true;
        return;
    }
    a->failing = false;
    a->changes = changes;
    a->looked_ms = now;
    if (spikes)
        a->spikes_ms = now;
}

static void *run(void *ctx)
{
    struct alerter *a = ctx;
    struct feed *feed = &a->server->feed;

    while (!atomic_load(&a->stopping)) {
        struct settings *set = settings_acquire(a->server);
        uint32_t news = atomic_load(&feed->news); /* before looking: nothing is missed */
        int64_t wait;

        look(a, &set->config);
        wait = send_due(a, &set->config);
        settings_release(a->server, set);
        if (!once_wait(&a->stop, PACE_MS) && wait > PACE_MS)
            feed_wait(feed, news, wait - PACE_MS);
    }
    return NULL;
}

int alerter_start(struct server *s, struct alerter **out, struct err *e)
{
    struct alerter *a = calloc(1, sizeof *a);
    pthread_attr_t attr;
    int r;

    if (!a)
        return err_set(e, ERR_MEMORY, "no memory for alerts");
    a->server = s;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    r = pthread_create(&a->thread, &attr, run, a);
    pthread_attr_destroy(&attr);
    if (r) {
        free(a);
        return err_set(e, ERR_LIMIT, "the thread for alerts cannot be started: %s", strerror(r));
    }
    *out = a;
    return 0;
}

void alerter_stop(struct alerter *a)
{
    atomic_store(&a->stopping, true);
    once_set(&a->stop);
    feed_poke(&a->server->feed);
    pthread_join(a->thread, NULL);
    free(a);
}
