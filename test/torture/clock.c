/* SPDX-License-Identifier: MIT */

/*
 * A daemon whose wall clock the tests move: CLOCK_FILE names a file of one 64-bit number, the milliseconds
 * by which it is ahead of the real one. Linked with --wrap.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/clock.h"

extern typeof(clock_wall_ms) __wrap_clock_wall_ms, __real_clock_wall_ms;

static _Atomic int64_t none;
static _Atomic int64_t *ahead = &none;

__attribute__((constructor)) static void open_clock(void)
{
    const char *path = getenv("CLOCK_FILE");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = fd >= 0 ? mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

    if (map != MAP_FAILED)
        ahead = map;
}

int64_t __wrap_clock_wall_ms(void)
{
    return __real_clock_wall_ms() + atomic_load(ahead);
}
