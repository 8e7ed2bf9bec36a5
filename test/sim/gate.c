/* SPDX-License-Identifier: MIT */
#include "gate.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"

struct waiter {
    int event; /* an eventfd, written when the waiter may go on */
    bool passed;
    struct waiter *next;
};

struct gate {
    char *name;
    bool open;
    int passes;  /* handed out, not yet used */
    int arrived; /* of a barrier */
    int waiting;
    int watched; /* by gate_await(), which keeps it from being forgotten */
    struct waiter *first;
    struct gate *next;
};

/* Everything here is guarded by lock; `changed` tells of a change in some gate's `waiting`. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct gate *first;
    bool stopped;
} gates = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct gate *find(const char *name)
{
    struct gate *g;

    for (g = gates.first; g; g = g->next) {
        if (strcmp(g->name, name) == 0)
            return g;
    }
    g = sim_alloc(sizeof(*g));
    g->name = sim_strdup(name);
    g->next = gates.first;
    gates.first = g;
    return g;
}

static void wake(struct waiter *w, bool passed)
{
    uint64_t one = 1;

    w->passed = passed;
    while (write(w->event, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

/* Lets go whoever may; first come, first served. */
static void release(struct gate *g)
{
    while (g->first && (g->open || g->passes > 0 || gates.stopped)) {
        struct waiter *w = g->first;

        if (!g->open && !gates.stopped)
            g->passes--;
        g->first = w->next;
        wake(w, !gates.stopped);
    }
}

static void enlist(struct gate *g, struct waiter *w)
{
    struct waiter **last = &g->first;
    int barrier = atoi(g->name);

    while (*last)
        last = &(*last)->next;
    *last = w;
    g->waiting++;
    if (barrier > 0 && ++g->arrived >= barrier)
        g->open = true;
    release(g);
    pthread_cond_broadcast(&gates.changed);
}

static void withdraw(struct gate *g, struct waiter *w)
{
    for (struct waiter **at = &g->first; *at; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            break;
        }
    }
    g->waiting--;
    pthread_cond_broadcast(&gates.changed);
}

int gate_pass(const char *name, int fd)
{
    struct waiter w = {.event = eventfd(0, EFD_CLOEXEC)};
    struct pollfd poll_for[2] = {{.fd = w.event, .events = POLLIN},
                                 {.fd = fd, .events = POLLRDHUP}};
    struct gate *g;

    if (w.event < 0)
        return -1;
    pthread_mutex_lock(&gates.lock);
    g = find(name);
    enlist(g, &w);
    pthread_mutex_unlock(&gates.lock);
    while (poll(poll_for, 2, -1) < 0 && errno == EINTR)
        ;
    pthread_mutex_lock(&gates.lock);
    withdraw(g, &w);
    pthread_mutex_unlock(&gates.lock);
    close(w.event);
    return w.passed ? 0 : -1;
}

void gate_open(const char *name, int passes)
{
    struct gate *g;

    pthread_mutex_lock(&gates.lock);
    g = find(name);
    if (passes > 0)
        g->passes += passes;
    else
        g->open = true;
    release(g);
    pthread_mutex_unlock(&gates.lock);
}

bool gate_await(const char *name, int count, int timeout_ms)
{
    struct timespec until = sim_deadline(timeout_ms);
    struct gate *g;
    bool there;
    int error = 0;

    pthread_mutex_lock(&gates.lock);
    g = find(name);
    g->watched++;
    while (g->waiting < count && !gates.stopped && error == 0)
        error = pthread_cond_timedwait(&gates.changed, &gates.lock, &until);
    g->watched--;
    there = g->waiting >= count;
    pthread_mutex_unlock(&gates.lock);
    return there;
}

void gate_clear(void)
{
    pthread_mutex_lock(&gates.lock);
    for (struct gate **at = &gates.first; *at;) {
        struct gate *g = *at;

        if (g->waiting || g->watched) {
            at = &g->next;
            continue;
        }
        *at = g->next;
        free(g->name);
        free(g);
    }
    pthread_mutex_unlock(&gates.lock);
}

void gate_stop(void)
{
    pthread_mutex_lock(&gates.lock);
    gates.stopped = true;
    for (struct gate *g = gates.first; g; g = g->next)
        release(g);
    pthread_cond_broadcast(&gates.changed);
    pthread_mutex_unlock(&gates.lock);
}
