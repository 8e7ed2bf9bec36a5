/* SPDX-License-Identifier: MIT */
#include "base/queue.h"

#include <stdlib.h>

#include "base/futex.h"

int queue_init(struct queue *q, size_t depth, struct err *e)
{
    void **slots = calloc(depth, sizeof *slots);

    if (!slots)
        return err_set(e, ERR_MEMORY, "no memory for a queue of %zu", depth);
    *q = (struct queue){.slots = slots, .depth = depth};
    pthread_mutex_init(&q->lock, NULL);
    return 0;
}

void queue_finish(struct queue *q)
{
    pthread_mutex_destroy(&q->lock);
    free(q->slots);
}

static void call(struct queue_seat *seat)
{
    atomic_store_explicit(&seat->called, 1, memory_order_release);
    futex_wake(&seat->called);
}

bool queue_push(struct queue *q, void *item)
{
    struct queue_seat *seat;
    bool taken = true;

    pthread_mutex_lock(&q->lock);
    seat = q->closed ? NULL : q->idle;
    if (seat) {
        q->idle = seat->below;
        seat->item = item;
    } else if (!q->closed && q->count < q->depth) {
        q->slots[(q->head + q->count++) % q->depth] = item;
    } else {
        taken = false;
    }
    pthread_mutex_unlock(&q->lock);
    if (seat)
        call(seat);
    return taken;
}

void *queue_pop(struct queue *q, struct queue_seat *seat)
{
    void *item = NULL;

    pthread_mutex_lock(&q->lock);
    if (q->count || q->closed) {
        if (q->count) {
            item = q->slots[q->head];
            q->head = (q->head + 1) % q->depth;
            q->count--;
        }
        pthread_mutex_unlock(&q->lock);
        return item;
    }
    atomic_store_explicit(&seat->called, 0, memory_order_relaxed);
    seat->item = NULL;
    seat->below = q->idle;
    q->idle = seat;
    pthread_mutex_unlock(&q->lock);

    while (!atomic_load_explicit(&seat->called, memory_order_acquire))
        futex_wait(&seat->called, 0, -1);
    return seat->item;
}

void queue_close(struct queue *q)
{
    struct queue_seat *seat;

    pthread_mutex_lock(&q->lock);
    q->closed = true;
    seat = q->idle;
    q->idle = NULL;
    pthread_mutex_unlock(&q->lock);
    while (seat) {
        struct queue_seat *below = seat->below; /* the seat may go once it is called */
        call(seat);
        seat = below;
    }
}

size_t queue_length(struct queue *q)
{
    size_t n;

    pthread_mutex_lock(&q->lock);
    n = q->count;
    pthread_mutex_unlock(&q->lock);
    return n;
}
