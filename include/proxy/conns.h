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
 * timeout starts anew with every byte, so a byte a second would live for ever. Any thread.
 */

struct conn {
    struct conn *prev, *next; /* guarded by conns.lock */
    int fd;
    _Atomic int64_t deadline_ns; /* monotonic; 0: none */
    int64_t phase_end_ns;        /* no deadline of this phase goes beyond it; its own thread's */
};

struct conns {
    pthread_mutex_t lock; /* guards first, stopping and, against closing, every fd */
    pthread_cond_t wake;
    struct conn *first;
    bool stopping;
    pthread_t reaper;
};

int conns_start(struct conns *t, struct err *e) MUST_CHECK;
void conns_stop(struct conns *t);

struct conn *conns_add(struct conns *t, int fd); /* NULL: no memory */
void conns_remove(struct conns *t, struct conn *c); /* before its fd is closed; frees it */

/* From now at most ms milliseconds for this phase. */
void conn_phase(struct conn *c, int64_t ms);
/* At most ms from now, and never beyond the phase. */
void conn_within(struct conn *c, int64_t ms);
void conn_no_deadline(struct conn *c);

#endif
