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
    int n;
    struct worker list[];
};

/* The upstream handle is made with the first exchange: of a large pool, few workers ever get one. */
static void *work(void *ctx)
{
    struct worker *w = ctx;
    struct upstream *u = NULL;
    struct exchange *x;

    while ((x = queue_pop(&w->server->queue, &w->seat))) {
        if (!u && !(u = upstream_create()))
            log_error("no memory for an upstream handle");
        exchange_run(x, u);
    }
    upstream_destroy(u);
    return NULL;
}

int workers_start(struct server *s, int n, struct workers **out, struct err *e)
{
    struct workers *w = calloc(1, sizeof *w + (size_t)n * sizeof *w->list);
    pthread_attr_t attr;
    int r = 0;

    if (!w)
        return err_set(e, ERR_MEMORY, "no memory for %d workers", n);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    while (w->n < n && r == 0) {
        w->list[w->n].server = s;
        r = pthread_create(&w->list[w->n].thread, &attr, work, &w->list[w->n]);
        w->n += r == 0;
    }
    pthread_attr_destroy(&attr);
    if (w->n < n)
        log_warn("only %d of %d workers could be started: %s", w->n, n, strerror(r));
    if (!w->n) {
        free(w);
        return err_set(e, ERR_LIMIT, "no worker thread can be started: %s", strerror(r));
    }
    *out = w;
    return 0;
}

void workers_join(struct workers *w)
{
    for (int i = 0; i < w->n; i++)
        pthread_join(w->list[i].thread, NULL);
    free(w);
}
