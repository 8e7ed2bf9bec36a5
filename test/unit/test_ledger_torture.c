/* SPDX-License-Identifier: MIT */
/* Memory fails at every allocation in turn, ours and SQLite's alike: the call says so or succeeds,
 * the next one works, and the money is right. */
#include "ledger_script.h"

#include <malloc.h>
#include <stdatomic.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CANNOT_REPLACE_MALLOC 1
#endif

static atomic_long countdown;    /* of allocations until the one that fails; < 0: none does */
static atomic_long failed, live; /* live: blocks not freed yet */

#ifndef CANNOT_REPLACE_MALLOC

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void __libc_free(void *p);

static bool due(void)
{
    if (atomic_load(&countdown) < 0 || atomic_fetch_sub(&countdown, 1) != 1)
        return false;
    atomic_fetch_add(&failed, 1);
    return true;
}

static void *counted(void *p)
{
    if (p)
        atomic_fetch_add(&live, 1);
    return p;
}

void *malloc(size_t n)
{
    return due() ? NULL : counted(__libc_malloc(n));
}

void *calloc(size_t n, size_t size)
{
    return due() ? NULL : counted(__libc_calloc(n, size));
}

void *realloc(void *p, size_t n)
{
    if (due())
        return NULL;
    return p ? __libc_realloc(p, n) : counted(__libc_realloc(p, n));
}

void free(void *p)
{
    if (p)
        atomic_fetch_sub(&live, 1);
    __libc_free(p);
}

#endif

/* Every how many allocations one fails: all of them in `make check-ledger`. */
static long stride(void)
{
    const char *s = getenv("STRIDE");

    return s ? atol(s) : 13;
}

/* What a round leaves behind, once the first ones have warmed everything up. */
static void no_leak(long round, long *before)
{
    long now = atomic_load(&live);

    if (round > 3 && now != *before)
        fail_msg("allocation %ld: %ld blocks leaked", round, now - *before);
    *before = now;
}

/* False when the script needed fewer than n allocations. */
static bool one_failure(struct fixture *f, long n)
{
    struct script s = {.f = f};
    char cmd[256];
    bool hit;

    snprintf(cmd, sizeof cmd, "rm -f '%s'*", f->path);
    assert_int_equal(system(cmd), 0);
    fix_open(f);
    atomic_store(&failed, 0);
    atomic_store(&countdown, n);
    script_run(&s);
    atomic_store(&countdown, -1);
    hit = atomic_load(&failed) > 0;
    assert_false(ledger_failed(f->l));
    for (int i = 0; i < s.failures && i < 64; i++)
        if (s.codes[i] != ERR_MEMORY && s.codes[i] != ERR_NOT_FOUND)
            fail_msg("allocation %ld: code %d", n, (int)s.codes[i]);
    prove(f);
    fix_reopen(f);
    script_check(&s, false);
    fix_close(f);
    prove(f);
    return hit;
}

static void every_allocation(void **state)
{
    struct fixture *f = *state;
    long n = 1, round = 0, before = 0;

#ifdef CANNOT_REPLACE_MALLOC
    print_message("SKIPPED: the sanitizer has its own malloc\n");
    skip();
#endif
    fix_close(f);
    for (; one_failure(f, n); n += stride())
        no_leak(++round, &before);
    print_message("           %ld allocations\n", n);
    assert_true(n > 100);
    fix_open(f);
}

static void opening(void **state)
{
    struct fixture *f = *state;
    struct ledger *l;
    bool hit = true;
    long n = 1, round = 0, before = 0;

#ifdef CANNOT_REPLACE_MALLOC
    print_message("SKIPPED: the sanitizer has its own malloc\n");
    skip();
#endif
    set_budget(f,
               &(struct budget){
                   .scope = SCOPE_PROJECT, .project = "p", .limit = CENTS(100), .per_request = -1},
               T0);
    reserve_amount(f, "p", CENTS(3), T0);
    fix_close(f);
    for (; hit; n += stride()) {
        l = NULL;
        atomic_store(&failed, 0);
        atomic_store(&countdown, n);
        if (ledger_open(&f->o, &f->found, &l, &f->e) != 0)
            assert_null(l);
        atomic_store(&countdown, -1);
        hit = atomic_load(&failed) > 0;
        ledger_close(l);
        if (hit) /* a whole start leaves more of the C library warm */
            no_leak(++round, &before);
    }
    print_message("           %ld allocations\n", n);
    fix_open(f);
    assert_int_equal(usage_of(f, "p").cost, CENTS(3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(every_allocation),
        LEDGER_TEST(opening),
    };

    atomic_store(&countdown, -1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
