/* SPDX-License-Identifier: MIT */
#ifndef BASE_RING_H
#define BASE_RING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/*
 * A bounded ring of bytes between one writer thread and one reader thread. It begins small, and grows
 * with a reader that lags behind. A full ring that may not grow blocks its writer: that is the
 * back-pressure from a slow client to the upstream. The caller owns the struct.
 *
 *     read ≤ written ≤ read + size     (positions only grow; they wrap as 32-bit numbers)
 */

struct ring {
    pthread_mutex_t lock; /* guards bytes and size */
    char *bytes;
    uint32_t size, max_size; /* powers of two */
    _Atomic uint32_t written, read;
    _Atomic uint32_t end;       /* enum ring_end, set by the writer */
    _Atomic uint32_t abandoned; /* set by the reader, or by the writer after a stall */
    struct ring_event {
        _Atomic uint32_t count;  /* bumped by the other side: the futex word that is slept on */
        _Atomic uint32_t asleep; /* whether anybody sleeps: waking nobody would cost a system call */
    } news, room; /* the writer tells the reader; the reader tells the writer */
};

enum ring_end { RING_OPEN, RING_WHOLE, RING_BROKEN };

/* Both are powers of two, max_size ≥ size. */
int ring_init(struct ring *r, uint32_t size, uint32_t max_size, struct err *e) MUST_CHECK;
void ring_finish(struct ring *r);

/* Writer: everything, blocking while there is no room. False when the reader has abandoned the ring,
 * or no byte was taken for stall_ms (the ring is abandoned then). */
bool ring_write(struct ring *r, struct span bytes, int64_t stall_ms);
void ring_close(struct ring *r, enum ring_end how);

bool ring_is_empty(const struct ring *r); /* it stays so until the writer itself writes */

/* Reader: up to max bytes; 0 when none came within timeout_ms (< 0: for ever), when the ring is abandoned,
 * or when it has ended and is empty: ask ring_ended() first. */
size_t ring_read(struct ring *r, char *out, size_t max, int64_t timeout_ms);
/* The same, but that they stay in it until ring_skip(). */
size_t ring_peek(struct ring *r, char *out, size_t max, int64_t timeout_ms);
void ring_skip(struct ring *r, size_t n);
enum ring_end ring_ended(struct ring *r); /* RING_OPEN while a byte is left to read */
void ring_abandon(struct ring *r);
bool ring_abandoned(struct ring *r);

#endif
