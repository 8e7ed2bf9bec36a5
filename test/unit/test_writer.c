/* SPDX-License-Identifier: MIT */
/* The writer alone: whoever writes, thread or caller, writes alone. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "ledger/engine.h"

#define CALLERS 4
#define ROUNDS  500

static atomic_int inside, together, written;

static void group(struct ledger *l, struct op *ops)
{
    (void)l;
    if (atomic_fetch_add(&inside, 1))
        atomic_fetch_add(&together, 1);
    for (int64_t from = clock_mono_ns(); clock_mono_ns() - from < 50000;)
        sched_yield();
    for (struct op *op = ops; op; op = op->next)
        atomic_fetch_add(&written, 1);
    atomic_fetch_sub(&inside, 1);
    ops_finish(ops);
}

static void *write_two(void *l)
{
    struct op op = {0};
    struct err e;

    for (int i = 0; i < 2; i++)
        assert_int_equal(writer_do(l, &op, &e), 0);
    return NULL;
}

/* From the first moment on, when the thread may not have run yet. */
static void one_at_a_time(void **state)
{
    static const struct writer_work how = {.led = true, .group = group};

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct ledger l;
        pthread_t callers[CALLERS];
        struct err e;

        memset(&l, 0, sizeof l);
        assert_int_equal(writer_start(&l, &how, &e), 0);
        for (int i = 0; i < CALLERS; i++)
            assert_int_equal(pthread_create(&callers[i], NULL, write_two, &l), 0);
        for (int i = 0; i < CALLERS; i++)
            pthread_join(callers[i], NULL);
        writer_stop(&l);
    }
    assert_int_equal(atomic_load(&together), 0);
    assert_int_equal(atomic_load(&written), ROUNDS * CALLERS * 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_at_a_time)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
