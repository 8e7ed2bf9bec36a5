/* SPDX-License-Identifier: MIT */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/queue.h"
#include "base/ring.h"

/* ---- the ring: every byte, in order, through a ring far smaller than the stream ---- */

#define STREAM (1 << 20)

static unsigned char nth(uint32_t i)
{
    return (unsigned char)(i * 2654435761u >> 24);
}

static void *write_stream(void *ctx)
{
    struct ring *r = ctx;
    char piece[97];

    for (uint32_t at = 0; at < STREAM;) {
        uint32_t n = 1 + at % sizeof piece;
        if (n > STREAM - at)
            n = STREAM - at;
        for (uint32_t i = 0; i < n; i++)
            piece[i] = (char)nth(at + i);
        if (!ring_write(r, (struct span){piece, n}, 60000))
            return "abandoned";
        at += n;
    }
    ring_close(r, RING_WHOLE);
    return NULL;
}

static void test_ring_carries_everything(void **state)
{
    struct ring r;
    struct err e;
    pthread_t t;
    uint32_t at = 0;
    void *failed;

    (void)state;
    assert_int_equal(ring_init(&r, 32, 256, &e), 0);
    pthread_create(&t, NULL, write_stream, &r);
    while (ring_ended(&r) == RING_OPEN) {
        char out[61];
        size_t n = ring_read(&r, out, sizeof out, 60000);
        for (size_t i = 0; i < n; i++)
            assert_int_equal((unsigned char)out[i], nth(at++));
    }
    pthread_join(t, &failed);
    assert_null(failed);
    assert_int_equal(at, STREAM);
    assert_int_equal(ring_ended(&r), RING_WHOLE);
    ring_finish(&r);
}

/* From anywhere in its small beginning, and no further than it may. */
static void test_ring_grows_with_a_slow_reader(void **state)
{
    struct ring r;
    struct err e;
    char out[64];

    (void)state;
    for (uint32_t start = 0; start < 8; start++) {
        assert_int_equal(ring_init(&r, 8, 32, &e), 0);
        assert_true(ring_write(&r, (struct span){"-------", start}, 1));
        assert_int_equal(ring_read(&r, out, sizeof out, 0), start);
        assert_true(ring_write(&r, SPAN("012345"), 1));
        assert_int_equal(r.size, 8);
        assert_true(ring_write(&r, SPAN("6789abcdef"), 1));
        assert_int_equal(r.size, 16);
        assert_true(ring_write(&r, SPAN("ghijklmnopqrstuv"), 1));
        assert_false(ring_write(&r, SPAN("w"), 1));
        assert_int_equal(r.size, 32);
        assert_int_equal(ring_read(&r, out, sizeof out, 0), 32);
        assert_memory_equal(out, "0123456789abcdefghijklmnopqrstuv", 32);
        ring_finish(&r);
    }
}

static void *write_until_refused(void *ctx)
{
    while (ring_write(ctx, SPAN("more"), 60000))
        ;
    return NULL;
}

static void test_ring_lets_a_blocked_writer_go(void **state)
{
    struct ring r;
    struct err e;
    pthread_t t;
    char out[64];

    (void)state;
    assert_int_equal(ring_init(&r, 16, 16, &e), 0);
    pthread_create(&t, NULL, write_until_refused, &r);
    assert_true(ring_read(&r, out, sizeof out, 60000) > 0);
    ring_abandon(&r);
    pthread_join(t, NULL);
    ring_finish(&r);
}

static void test_ring_stall_abandons(void **state)
{
    struct ring r;
    struct err e;

    (void)state;
    assert_int_equal(ring_init(&r, 16, 16, &e), 0);
    assert_true(ring_write(&r, SPAN("0123456789abcdef"), 1));
    assert_false(ring_write(&r, SPAN("g"), 1));
    assert_true(ring_abandoned(&r));
    ring_finish(&r);
}

/* ---- the queue: every item once, none beyond the bound, the warmest worker first ---- */

#define ITEMS   20000
#define WORKERS 8

struct pool {
    struct queue q;
    _Atomic int seen[ITEMS];
};

static void *work(void *ctx)
{
    struct pool *p = ctx;
    struct queue_seat seat = {.item = NULL};
    _Atomic int *item;

    while ((item = queue_pop(&p->q, &seat)))
        atomic_fetch_add(item, 1);
    return NULL;
}

static void test_queue_hands_out_each_item_once(void **state)
{
    struct pool *p = calloc(1, sizeof *p);
    pthread_t t[WORKERS];
    struct err e;

    (void)state;
    assert_int_equal(queue_init(&p->q, 64, &e), 0);
    for (int i = 0; i < WORKERS; i++)
        pthread_create(&t[i], NULL, work, p);
    for (int i = 0; i < ITEMS; i++)
        while (!queue_push(&p->q, (void *)&p->seen[i]))
            sched_yield();
    queue_close(&p->q);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(t[i], NULL);
    for (int i = 0; i < ITEMS; i++)
        assert_int_equal(p->seen[i], 1);
    assert_false(queue_push(&p->q, p));
    queue_finish(&p->q);
    free(p);
}

static void test_queue_is_bounded(void **state)
{
    struct queue_seat seat = {.item = NULL};
    struct queue q;
    struct err e;
    int a, b, c;

    (void)state;
    assert_int_equal(queue_init(&q, 2, &e), 0);
    assert_true(queue_push(&q, &a));
    assert_true(queue_push(&q, &b));
    assert_false(queue_push(&q, &c));
    assert_int_equal(queue_length(&q), 2);
    assert_ptr_equal(queue_pop(&q, &seat), &a);
    assert_ptr_equal(queue_pop(&q, &seat), &b);
    queue_close(&q);
    assert_null(queue_pop(&q, &seat));
    queue_finish(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring_carries_everything),
        cmocka_unit_test(test_ring_grows_with_a_slow_reader),
        cmocka_unit_test(test_ring_lets_a_blocked_writer_go),
        cmocka_unit_test(test_ring_stall_abandons),
        cmocka_unit_test(test_queue_hands_out_each_item_once),
        cmocka_unit_test(test_queue_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
