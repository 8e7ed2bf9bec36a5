/* SPDX-License-Identifier: MIT */
#include "base/ring.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/futex.h"

int ring_init(struct ring *r, uint32_t size, uint32_t max_size, struct err *e)
{
    char *bytes = malloc(size);

    if (!bytes)
        return err_set(e, ERR_MEMORY, "no memory for a ring of %u bytes", size);
    *r = (struct ring){.bytes = bytes, .size = size, .max_size = max_size};
    pthread_mutex_init(&r->lock, NULL);
    return 0;
}

void ring_finish(struct ring *r)
{
    if (!r->bytes) /* it never was one */
        return;
    pthread_mutex_destroy(&r->lock);
    free(r->bytes);
    r->bytes = NULL;
}

/* The counters order everything: a side reads the other's event counter, then looks, then sleeps only
 * if the counter has not moved, so that no change between the look and the sleep is missed. Either the
 * announcer sees the sleeper, or the sleeper sees the new count: both are sequentially consistent. */
static void announce(struct ring_event *e)
{
    atomic_fetch_add(&e->count, 1);
    if (atomic_load(&e->asleep))
        futex_wake(&e->count);
}

static void sleep_on(struct ring_event *e, uint32_t seen, int64_t timeout_ms)
{
    atomic_store(&e->asleep, 1);
    futex_wait(&e->count, seen, timeout_ms);
    atomic_store(&e->asleep, 0);
}

/* ---- the bytes, by position; under the lock ---- */

static void copy_in(char *bytes, uint32_t size, uint32_t position, struct span s)
{
    uint32_t at = position & (size - 1);
    size_t first = s.n < size - at ? s.n : size - at;

    memcpy(bytes + at, s.p, first);
    memcpy(bytes, s.p + first, s.n - first);
}

static void copy_out(const struct ring *r, uint32_t position, char *out, uint32_t n)
{
    uint32_t at = position & (r->size - 1);
    uint32_t first = n < r->size - at ? n : r->size - at;

    memcpy(out, r->bytes + at, first);
    memcpy(out + first, r->bytes, n - first);
}

/* Makes room for n bytes behind `have` ones, as far as it may; without memory it stays as it is. */
static void grow(struct ring *r, uint32_t read, uint32_t have, size_t n)
{
    uint32_t size = r->size, at = read & (r->size - 1);
    uint32_t first = have < r->size - at ? have : r->size - at;
    char *bytes;

    while (size < r->max_size && size - have < n)
        size *= 2;
    if (size == r->size || !(bytes = malloc(size)))
        return;
    copy_in(bytes, size, read, (struct span){r->bytes + at, first});
    copy_in(bytes, size, read + first, (struct span){r->bytes, have - first});
    free(r->bytes);
    r->bytes = bytes;
    r->size = size;
}

static uint32_t put(struct ring *r, struct span s)
{
    uint32_t written, read, room, n;

    pthread_mutex_lock(&r->lock);
    written = atomic_load_explicit(&r->written, memory_order_relaxed);
    read = atomic_load_explicit(&r->read, memory_order_relaxed);
    grow(r, read, written - read, s.n);
    room = r->size - (written - read);
    n = s.n < room ? (uint32_t)s.n : room;
    copy_in(r->bytes, r->size, written, (struct span){s.p, n});
    atomic_store_explicit(&r->written, written + n, memory_order_release);
    pthread_mutex_unlock(&r->lock);
    if (n)
        announce(&r->news);
    return n;
}

bool ring_write(struct ring *r, struct span s, int64_t stall_ms)
{
    int64_t deadline = clock_mono_ns() + stall_ms * 1000000;

    while (s.n) {
        uint32_t seen = atomic_load(&r->room.count);
        uint32_t n = ring_abandoned(r) ? 0 : put(r, s);
        int64_t left = deadline - clock_mono_ns();

        s = span_skip(s, n);
        if (n) {
            deadline = clock_mono_ns() + stall_ms * 1000000;
        } else if (ring_abandoned(r) || left <= 0) {
            ring_abandon(r);
            return false;
        } else {
            sleep_on(&r->room, seen, left / 1000000 + 1);
        }
    }
    return true;
}

void ring_close(struct ring *r, enum ring_end how)
{
    atomic_store_explicit(&r->end, how, memory_order_release);
    announce(&r->news);
}

bool ring_is_empty(const struct ring *r)
{
    return atomic_load_explicit(&r->read, memory_order_acquire) ==
           atomic_load_explicit(&r->written, memory_order_relaxed);
}

static uint32_t look(struct ring *r, char *out, size_t max)
{
    uint32_t read, have, n;

    pthread_mutex_lock(&r->lock);
    read = atomic_load_explicit(&r->read, memory_order_relaxed);
    have = atomic_load_explicit(&r->written, memory_order_relaxed) - read;
    n = max < have ? (uint32_t)max : have;
    copy_out(r, read, out, n);
    pthread_mutex_unlock(&r->lock);
    return n;
}

size_t ring_peek(struct ring *r, char *out, size_t max, int64_t timeout_ms)
{
    uint32_t seen = atomic_load(&r->news.count);
    uint32_t n = look(r, out, max);

    if (n)
        return n;
    if (atomic_load_explicit(&r->end, memory_order_acquire) == RING_OPEN && !ring_abandoned(r))
        sleep_on(&r->news, seen, timeout_ms);
    return look(r, out, max);
}

void ring_skip(struct ring *r, size_t n)
{
    uint32_t read = atomic_load_explicit(&r->read, memory_order_relaxed);

    atomic_store_explicit(&r->read, read + (uint32_t)n, memory_order_release);
    announce(&r->room);
}

size_t ring_read(struct ring *r, char *out, size_t max, int64_t timeout_ms)
{
    size_t n = ring_peek(r, out, max, timeout_ms);

    if (n)
        ring_skip(r, n);
    return n;
}

enum ring_end ring_ended(struct ring *r)
{
    enum ring_end end = atomic_load_explicit(&r->end, memory_order_acquire);

    return atomic_load(&r->written) == atomic_load(&r->read) ? end : RING_OPEN;
}

void ring_abandon(struct ring *r)
{
    atomic_store(&r->abandoned, 1);
    announce(&r->room);
    announce(&r->news);
}

bool ring_abandoned(struct ring *r)
{
    return atomic_load(&r->abandoned) != 0;
}
