/* SPDX-License-Identifier: MIT */
#ifndef BASE_FUTEX_H
#define BASE_FUTEX_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Sleeping on a word, inside this process. See futex(2). */

/* Sleeps while *word is `seen`, at most timeout_ms (< 0: for ever). May wake for no reason. */
static inline void futex_wait(_Atomic uint32_t *word, uint32_t seen, int64_t timeout_ms)
{
    struct timespec t = {timeout_ms / 1000, timeout_ms % 1000 * 1000000};

    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, timeout_ms < 0 ? NULL : &t, NULL, 0);
}

static inline void futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

/* Something that happens once and stays: one side sets it, the other waits for it. */
struct once {
    _Atomic uint32_t done;
};

static inline void once_set(struct once *o)
{
    atomic_store(&o->done, 1);
    futex_wake(&o->done);
}

static inline int once_is_set(struct once *o)
{
    return atomic_load(&o->done) != 0;
}

/* Whether it has happened; waits for it at most timeout_ms. */
static inline int once_wait(struct once *o, int64_t timeout_ms)
{
    if (!once_is_set(o))
        futex_wait(&o->done, 0, timeout_ms);
    return once_is_set(o);
}

#endif
