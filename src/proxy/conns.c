/* SPDX-License-Identifier: MIT */
#include "proxy/conns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define TICK_MS  250
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

static void tell(const struct conn *c)
{
    if (c && c->hung_up) /* NULL: the bell */
        c->hung_up(c->ctx);
}

static void free_removed(struct conns *t)
{
    for (struct conn *c = t->removed, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    t->removed = NULL;
}

static void *reaper(void *ctx)
{
    struct conns *t = ctx;
    int64_t next_ns = 0;
    bool stopping = false;

    while (!stopping) {
        struct epoll_event heard[64];
        int n = epoll_wait(t->poller, heard, 64, TICK_MS);

        pthread_mutex_lock(&t->lock);
        for (int i = 0; i < n; i++)
            tell(heard[i].data.ptr);
        if (clock_mono_ns() >= next_ns) {
            reap(t);
            next_ns = clock_mono_ns() + TICK_MS * NS_OF_MS;
        }
        free_removed(t);
        stopping = t->stopping;
        pthread_mutex_unlock(&t->lock);
    }
    return NULL;
}

static bool listen_to(struct conns *t, int fd, uint32_t events, void *who)
{
    struct epoll_event e = {.events = events, .data.ptr = who};

    return epoll_ctl(t->poller, EPOLL_CTL_ADD, fd, &e) == 0;
}

static void finish(struct conns *t)
{
    if (t->poller >= 0)
        close(t->poller);
    if (t->bell >= 0)
        close(t->bell);
    pthread_mutex_destroy(&t->lock);
}

int conns_start(struct conns *t, struct err *e)
{
    int r = 0;

    *t = (struct conns){.poller = epoll_create1(EPOLL_CLOEXEC), .bell = eventfd(0, EFD_CLOEXEC)};
    pthread_mutex_init(&t->lock, NULL);
    if (t->poller < 0 || t->bell < 0 || !listen_to(t, t->bell, EPOLLIN, NULL))
        r = errno;
    else
        r = pthread_create(&t->reaper, NULL, reaper, t);
    if (!r)
        return 0;
    finish(t);
    return err_set(e, ERR_LIMIT, "no reaper of connections: %s", strerror(r));
}

void conns_stop(struct conns *t)
{
    pthread_mutex_lock(&t->lock);
    t->stopping = true;
    pthread_mutex_unlock(&t->lock);
    eventfd_write(t->bell, 1);
    pthread_join(t->reaper, NULL);
    finish(t);
}

struct conn *conns_add(struct conns *t, int fd)
{
    struct conn *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->all = t;
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
    c->next = t->removed;
    t->removed = c;
    pthread_mutex_unlock(&t->lock);
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

static void set_watch(struct conn *c, void (*f)(void *ctx), void *ctx)
{
    pthread_mutex_lock(&c->all->lock);
    c->hung_up = f;
    c->ctx = ctx;
    pthread_mutex_unlock(&c->all->lock);
}

bool conn_watch(struct conn *c, void (*f)(void *ctx), void *ctx)
{
    set_watch(c, f, ctx);
    if (listen_to(c->all, c->fd, EPOLLRDHUP | EPOLLONESHOT, c))
        return true;
    set_watch(c, NULL, NULL);
    return false;
}

void conn_unwatch(struct conn *c)
{
    epoll_ctl(c->all->poller, EPOLL_CTL_DEL, c->fd, NULL);
    set_watch(c, NULL, NULL);
}
