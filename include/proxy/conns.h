/* SPDX-License-Identifier: MIT */
#ifndef PROXY_CONNS_H
#define PROXY_CONNS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The client connections and the reaper that cuts those past their deadline: the HTTP library's own
 * timeout starts anew with every byte, so a byte a second would live for ever. It also hears of
 * clients that hang up while nobody reads from them. Any thread.
 */

struct conns;

struct conn {
    struct conns *all;
    struct conn *prev, *next; /* guarded by conns.lock */
    int fd;
    _Atomic int64_t deadline_ns; /* monotonic; 0: none */
    int64_t phase_end_ns;        /* no deadline of this phase goes beyond it; its own thread's */
    void (*hung_up)(void *ctx);  /* guarded by conns.lock, as ctx; NULL: it is not watched */
    void *ctx;
};

struct conns {
    pthread_mutex_t lock; /* guards the lists, stopping and, against closing, every fd */
    struct conn *first;
    struct conn *removed; /* the reaper frees them: it may have heard of one just now */
    bool stopping;
    int poller; /* epoll: what is watched, and the bell */
    int bell;   /* eventfd: wakes the reaper */
    pthread_t reaper;
};

int conns_start(struct conns *t, struct err *e) MUST_CHECK;
void conns_stop(struct conns *t);

struct conn *conns_add(struct conns *t, int fd);    /* NULL: no memory */
void conns_remove(struct conns *t, struct conn *c); /* before its fd is closed; ends it */

/* From now at most ms milliseconds for this phase. */
void conn_phase(struct conn *c, int64_t ms);
/* At most ms from now, and never beyond the phase. */
void conn_within(struct conn *c, int64_t ms);
void conn_no_deadline(struct conn *c);

/* From now on f is called, once and on the reaper's thread, when the client hangs up; it must not
 * block. False: it cannot be watched. */
bool conn_watch(struct conn *c, void (*f)(void *ctx), void *ctx) MUST_CHECK;
void conn_unwatch(struct conn *c); /* f does not run any more */

#endif
