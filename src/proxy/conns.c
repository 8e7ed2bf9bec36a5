/* SPDX-License-Identifier: MIT */
#include "proxy/conns.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"

#define TICK_NS  INT64_C(250000000)
#define NS_OF_MS INT64_C(1000000)

static void reap(struct conns *t)
{
    int64_t now = clock_mono_ns();

    for (struct conn *c = t->first; c; c = c->next) {
        int64_t deadline = atomic_load_explicit(&c->deadline_ns, memory_order_relaxed);
        if (deadline && deadline < now)
            shutdown(c->fd, SHUT_RDWR);
    }
}

static void *reaper(void *ctx)
{
    struct conns *t = ctx;
    struct timespec until;

    pthread_mutex_lock(&t->lock);
    while (!t->stopping) {
        int64_t wake_ns = clock_mono_ns() + TICK_NS;
        until = (struct timespec){wake_ns / 1000000000, wake_ns % 1000000000};
        pthread_cond_timedwait(&t->wake, &t->lock, &until);
        reap(t);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

int conns_start(struct conns *t, struct err *e)
{
    pthread_condattr_t attr;
    int r;

    *t = (struct conns){.first = NULL};
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&t->wake, &attr);
    pthread_condattr_destroy(&attr);
    r = pthread_create(&t->reaper, NULL, reaper, t);
    return r ? err_set(e, ERR_LIMIT, "no thread for the reaper: %s", strerror(r)) : 0;
}

void conns_stop(struct conns *t)
{
    pthread_mutex_lock(&t->lock);
    t->stopping = true;
    pthread_mutex_unlock(&t->lock);
    pthread_cond_signal(&t->wake);
    pthread_join(t->reaper, NULL);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
}

struct conn *conns_add(struct conns *t, int fd)
{
    struct conn *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->fd = fd;
    pthread_mutex_lock(&t->lock);
    c->next = t->first;
    if (t->first)
        t->first->prev = c;
    t->first = c;
    pthread_mutex_unlock(&t->lock);
    return c;
}

void conns_remove(struct conns *t, struct conn *c)
{
    pthread_mutex_lock(&t->lock);
    if (c->prev)
        c->prev->next = c->next;
    else
        t->first = c->next;
    if (c->next)
        c->next->prev = c->prev;
    pthread_mutex_unlock(&t->lock);
    free(c);
}

static void set_deadline(struct conn *c, int64_t ns)
{
    atomic_store_explicit(&c->deadline_ns, ns, memory_order_relaxed);
}

void conn_phase(struct conn *c, int64_t ms)
{
    c->phase_end_ns = clock_mono_ns() + ms * NS_OF_MS;
    set_deadline(c, c->phase_end_ns);
}

void conn_within(struct conn *c, int64_t ms)
{
    int64_t ns = clock_mono_ns() + ms * NS_OF_MS;

    set_deadline(c, ns < c->phase_end_ns ? ns : c->phase_end_ns);
}

void conn_no_deadline(struct conn *c)
{
    set_deadline(c, 0);
}
