/* SPDX-License-Identifier: MIT */
#include "proxy/worker.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "proxy/exchange.h"

#define STACK_SIZE (256 * 1024)

struct worker {
    struct server *server;
    struct queue_seat seat;
    pthread_t thread;
};

struct workers {
    int n, wanted;
    struct worker list[];
};

/* The upstream handle is made with the first exchange: of a large pool, few workers ever get one. */
static void *work(void *ctx)
{
    struct worker *w = ctx;
    struct upstream *u = NULL;
    struct exchange *x;

    while ((x = queue_pop(&w->server->queue, &w->seat))) {
        if (!(u = upstream_ready(u)))
            log_error("no memory for an upstream handle");
        exchange_run(x, u);
    }
    upstream_destroy(u);
    return NULL;
}

static int start(struct worker *w, void *(*run)(void *ctx), void *ctx)
{
    pthread_attr_t attr;
    int r;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    r = pthread_create(&w->thread, &attr, run, ctx);
    pthread_attr_destroy(&attr);
    return r;
}

/* The first worker's: starts the others, so that nobody waits until they are all there. */
static void *start_others(void *ctx)
{
    struct workers *w = ctx;
    int r = 0;

    while (w->n < w->wanted && (r = start(&w->list[w->n], work, &w->list[w->n])) == 0)
        w->n++;
    if (r)
        log_warn("only %d of %d workers could be started: %s", w->n, w->wanted, strerror(r));
    return work(&w->list[0]);
}

int workers_start(struct server *s, int n, struct workers **out, struct err *e)
{
    struct workers *w = calloc(1, sizeof *w + (size_t)n * sizeof *w->list);
    int r;

    if (!w)
        return err_set(e, ERR_MEMORY, "no memory for %d workers", n);
    w->n = 1;
    w->wanted = n;
    for (int i = 0; i < n; i++)
        w->list[i].server = s;
    r = start(&w->list[0], start_others, w);
    if (r) {
        free(w);
        return err_set(e, ERR_LIMIT, "no worker thread can be started: %s", strerror(r));
    }
    *out = w;
    return 0;
}

void workers_join(struct workers *w)
{
    pthread_join(w->list[0].thread, NULL); /* after it w->n is final */
    for (int i = 1; i < w->n; i++)
        pthread_join(w->list[i].thread, NULL);
    free(w);
}
