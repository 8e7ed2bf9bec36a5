/* SPDX-License-Identifier: MIT */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * A bounded queue in front of a fixed pool. Any thread pushes; each worker pops from its own seat. The
 * most recently idle worker is served first, so that a large pool under a small load stays as warm as a
 * small one. The queue borrows items and seats; it owns nothing but its slots.
 */

struct queue_seat {
    _Atomic uint32_t called; /* the futex word its worker sleeps on */
    void *item;              /* handed over directly; written before called is set */
    struct queue_seat *below; /* in the stack of idle seats; guarded by the queue's lock */
};

struct queue {
    pthread_mutex_t lock; /* guards all below */
    struct queue_seat *idle;
    void **slots;
    size_t depth, head, count;
    bool closed;
};

int queue_init(struct queue *q, size_t depth, struct err *e) MUST_CHECK;
void queue_finish(struct queue *q); /* after the last worker has left */

/* False, and nothing taken, when the queue is full or closed. Never blocks. */
bool queue_push(struct queue *q, void *item);

/* Blocks until there is an item; NULL once the queue is closed and empty. */
void *queue_pop(struct queue *q, struct queue_seat *seat);

void queue_close(struct queue *q);
size_t queue_length(struct queue *q); /* items waiting, none of them in a worker's hands */

#endif
