/* SPDX-License-Identifier: MIT */
/* The writer alone: whoever writes, thread or caller, writes alone; who waits for room gets it. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

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

/* ---- a full queue ---- */

#define DEADLINE_S 60

struct loose {
    struct op op;
    struct err own;
};

static struct {
    atomic_int tid; /* the thread's that waits for room */
    pthread_t thread;
    bool filled;
} late;

static void drop(struct op *op)
{
    free(op);
}

static void queue_one(struct ledger *l, bool behind)
{
    struct loose *o = calloc(1, sizeof *o);

    assert_non_null(o);
    o->op.release = drop;
    o->op.own = &o->own;
    o->op.behind = behind;
    writer_queue(l, &o->op);
}

static void *queue_late(void *l)
{
    atomic_store(&late.tid, (int)syscall(SYS_gettid));
    queue_one(l, false);
    return NULL;
}

static bool is_asleep(int tid)
{
    char path[64], state = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%*d %*s %c", &state), 1);
    fclose(f);
    return state == 'S';
}

/* While a group is written that leaves something behind, the queue fills up, and one more waits. */
static void fill_up(struct ledger *l)
{
    while (writer_queued(l) < QUEUE_MAX)
        queue_one(l, false);
    assert_int_equal(pthread_create(&late.thread, NULL, queue_late, l), 0);
    while (!atomic_load(&late.tid) || !is_asleep(atomic_load(&late.tid)))
        sched_yield();
    late.filled = true;
}

static void group_that_needs_all(struct ledger *l, struct op *ops)
{
    if (l->writer.left && !late.filled) {
        fill_up(l);
        ops = writer_with_behind(l, ops);
    }
    for (struct op *op = ops; op; op = op->next)
        op->rc = 0;
    ops_finish(ops);
}

static void no_note(struct ledger *l, struct op *op)
{
    (void)l;
    (void)op;
}

static void room_behind_a_group(void **state)
{
    static const struct writer_work how = {.led = true, .group = group_that_needs_all, .note = no_note};
    struct timespec until;
    struct ledger l;
    struct err e;

    (void)state;
    memset(&l, 0, sizeof l);
    assert_int_equal(writer_start(&l, &how, &e), 0);
    while (!late.filled) { /* the thread may have written what should have stayed behind */
        struct op ahead = {.ahead = true};

        queue_one(&l, true);
        assert_int_equal(writer_do(&l, &ahead, &e), 0);
    }
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DEADLINE_S;
    assert_int_equal(pthread_timedjoin_np(late.thread, NULL, &until), 0);
    writer_stop(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_at_a_time), cmocka_unit_test(room_behind_a_group)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
