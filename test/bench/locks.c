/* SPDX-License-Identifier: MIT */

/*
 * How long each lock is held, and how often: preloaded into a program, it stands before the C
 * library's mutexes and, when the program ends, writes a line for each place that took one to the
 * file that LOCKS_OUT names: offset in the program, times, median, 99th percentile and worst
 * nanoseconds. What a wait on a condition lets go of does not count. A time includes one reading of
 * the clock. test/bench/locks.py makes a table of it.
 */

#include <dlfcn.h>
#include <inttypes.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PLACES  1024 /* a power of two */
#define BUCKETS 160  /* four an octave */
#define DEEP    8    /* locks of one thread at once */

static struct place {
    _Atomic uintptr_t address; /* where the lock was taken; 0: free */
    _Atomic uint64_t times, worst, buckets[BUCKETS];
} places[PLACES];

static _Thread_local struct held {
    pthread_mutex_t *lock;
    uintptr_t address;
    uint64_t since;
} held[DEEP];
static _Thread_local int depth;

static int (*real_lock)(pthread_mutex_t *);
static int (*real_unlock)(pthread_mutex_t *);
static int (*real_wait)(pthread_cond_t *, pthread_mutex_t *);
static int (*real_timedwait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);

static void find(void *into, const char *name)
{
    *(void **)into = dlsym(RTLD_NEXT, name);
    if (!*(void **)into)
        abort();
}

/* With the first lock: other libraries take theirs before any function here could run by itself.
 * There is one thread then. */
static void find_all(void)
{
    find(&real_unlock, "pthread_mutex_unlock");
    find(&real_wait, "pthread_cond_wait");
    find(&real_timedwait, "pthread_cond_timedwait");
    find(&real_lock, "pthread_mutex_lock");
}

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int bucket_of(uint64_t ns)
{
    int octave = ns < 4 ? 1 : 63 - __builtin_clzll(ns);

    return ns < 4 ? (int)ns : (octave - 1) * 4 + (int)(ns >> (octave - 2) & 3);
}

/* The largest time that is counted in it. */
static uint64_t most_in(int bucket)
{
    int octave = bucket / 4 + 1;

    return bucket < 4 ? (uint64_t)bucket
                      : ((uint64_t)(4 + bucket % 4 + 1) << (octave - 2)) - 1;
}

static struct place *place_of(uintptr_t address)
{
    for (size_t i = address * 0x9e3779b97f4a7c15 >> 32 & (PLACES - 1);; i = (i + 1) & (PLACES - 1)) {
        uintptr_t none = 0;

        if (atomic_load(&places[i].address) == address ||
            atomic_compare_exchange_strong(&places[i].address, &none, address) || none == address)
            return &places[i];
    }
}

static void begin(pthread_mutex_t *lock, uintptr_t address)
{
    if (depth < DEEP)
        held[depth++] = (struct held){lock, address, now()};
}

/* Its place, for who takes it again; 0: it is not one that was seen. */
static uintptr_t end(pthread_mutex_t *lock)
{
    uint64_t until = now(), ns, worst;
    struct place *p;
    int i = depth;
    uintptr_t address;

    while (i > 0 && held[i - 1].lock != lock)
        i--;
    if (i == 0)
        return 0;
    address = held[i - 1].address;
    ns = until - held[i - 1].since;
    held[i - 1] = held[--depth];
    p = place_of(address);
    atomic_fetch_add(&p->times, 1);
    atomic_fetch_add(&p->buckets[bucket_of(ns)], 1);
    worst = atomic_load(&p->worst);
    while (ns > worst && !atomic_compare_exchange_weak(&p->worst, &worst, ns))
        ;
    return address;
}

int pthread_mutex_lock(pthread_mutex_t *lock)
{
    int r;

    if (!real_lock)
        find_all();
    r = real_lock(lock);
    begin(lock, (uintptr_t)__builtin_return_address(0));
    return r;
}

int pthread_mutex_unlock(pthread_mutex_t *lock)
{
    end(lock);
    return real_unlock(lock);
}

int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *lock)
{
    uintptr_t address = end(lock);
    int r = real_wait(c, lock);

    if (address)
        begin(lock, address);
    return r;
}

int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *lock, const struct timespec *until)
{
    uintptr_t address = end(lock);
    int r = real_timedwait(c, lock, until);

    if (address)
        begin(lock, address);
    return r;
}

static uint64_t quantile(const struct place *p, uint64_t permille)
{
    uint64_t below = 0;

    for (int i = 0; i < BUCKETS; i++)
        if ((below += p->buckets[i]) * 1000 >= p->times * permille)
            return most_in(i);
    return p->worst;
}

/* Only of the program itself: its libraries' locks are theirs. */
static int write_places(struct dl_phdr_info *program, size_t size, void *out)
{
    uintptr_t base = program->dlpi_addr, last = base;

    (void)size;
    for (int i = 0; i < program->dlpi_phnum; i++)
        if (program->dlpi_phdr[i].p_type == PT_LOAD)
            last = base + program->dlpi_phdr[i].p_vaddr + program->dlpi_phdr[i].p_memsz;
    for (const struct place *p = places; p < places + PLACES; p++)
        if (p->address >= base && p->address < last)
            fprintf(out, "%#" PRIxPTR " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
                    p->address - base - 1, p->times, quantile(p, 500), quantile(p, 990), p->worst);
    return 1; /* the first object is the program */
}

__attribute__((destructor)) static void write_all(void)
{
    const char *name = getenv("LOCKS_OUT");
    FILE *out = name ? fopen(name, "w") : NULL;

    if (!out)
        return;
    dl_iterate_phdr(write_places, out);
    fclose(out);
}
