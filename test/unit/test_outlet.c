/* SPDX-License-Identifier: MIT */
/* A stream's way to its client's socket: by the worker, by the connection's thread, from one to the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/conns.h"
#include "proxy/outlet.h"

/* An exchange whose head has been sent, its connection's thread in outlet_carry(), and its client. */
struct stream {
    struct exchange x;
    struct server server;
    struct settings settings;
    struct conns conns;
    pthread_t thread;
    enum ring_end end; /* what outlet_carry() has returned */
    int client;
};

static void *carry(void *ctx)
{
    struct stream *s = ctx;
    char block[512];

    s->end = outlet_carry(&s->x, block, sizeof block);
    return NULL;
}

static void begin(struct stream *s, bool chunks, int64_t stall_ms)
{
    int small = 4096, pair[2];
    struct err e;

    memset(s, 0, sizeof *s);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    s->client = pair[1];
    s->settings.config.write_stall_timeout = stall_ms;
    s->x.server = &s->server;
    s->x.settings = &s->settings;
    s->x.client_fd = pair[0];
    s->x.chunks = chunks;
    pthread_mutex_init(&s->x.fd_lock, NULL);
    assert_int_equal(conns_start(&s->conns, &e), 0);
    s->x.conn = conns_add(&s->conns, pair[0]);
    assert_int_equal(outlet_open(&s->x, &e), 0);
    assert_true(once_is_set(&s->x.answered));
}

static void begin_carrying(struct stream *s)
{
    assert_int_equal(pthread_create(&s->thread, NULL, carry, s), 0);
}

static void end(struct stream *s, enum ring_end expected)
{
    pthread_join(s->thread, NULL);
    assert_int_equal(s->end, expected);
}

static void finish(struct stream *s)
{
    conns_remove(&s->conns, s->x.conn);
    conns_stop(&s->conns);
    ring_finish(&s->x.reply.ring);
    pthread_mutex_destroy(&s->x.fd_lock);
    close(s->x.client_fd);
    close(s->client);
}

static void expect(struct stream *s, const char *bytes)
{
    char got[256];
    size_t n = strlen(bytes);

    assert_int_equal(recv(s->client, got, n, MSG_WAITALL), n);
    assert_memory_equal(got, bytes, n);
}

/* Until the worker may write by itself. */
static void await_turn(struct stream *s)
{
    while (!atomic_load(&s->x.reply.carried) || !ring_is_empty(&s->x.reply.ring))
        sched_yield();
}

static void test_what_came_before_the_thread(void **state)
{
    struct stream s;

    (void)state;
    begin(&s, true, 60000);
    outlet_write(&s.x, SPAN("first"));
    assert_false(ring_is_empty(&s.x.reply.ring)); /* the library may still be sending the head */
    outlet_write(&s.x, SPAN("and the second one"));
    begin_carrying(&s);
    expect(&s, "5\r\nfirst\r\n12\r\nand the second one\r\n");
    outlet_close(&s.x, RING_WHOLE);
    end(&s, RING_WHOLE);
    finish(&s);
}

static void test_the_worker_writes_by_itself(void **state)
{
    struct stream s;

    (void)state;
    begin(&s, true, 60000);
    begin_carrying(&s);
    await_turn(&s);
    for (int i = 0; i < 3; i++) {
        outlet_write(&s.x, SPAN("event"));
        assert_true(ring_is_empty(&s.x.reply.ring));
        expect(&s, "5\r\nevent\r\n");
    }
    outlet_write(&s.x, SPAN("")); /* an empty chunk would be the end */
    outlet_close(&s.x, RING_BROKEN);
    end(&s, RING_BROKEN);
    assert_false(exchange_client_is_gone(&s.x));
    finish(&s);
}

/* Chunks of many sizes, until one does not fit: it goes out in part, and the thread brings its rest. */
static size_t fill(struct stream *s, char *all)
{
    static char text[3000];
    size_t n = 0;

    memset(text, 'x', sizeof text);
    for (size_t size = 1; ring_is_empty(&s->x.reply.ring); size = size * 7 % 2999) {
        outlet_write(&s->x, (struct span){text, size});
        n += (size_t)sprintf(all + n, "%zx\r\n%.*s\r\n", size, (int)size, text);
    }
    return n;
}

static void test_a_full_socket_is_taken_over_and_given_back(void **state)
{
    static char sent[1 << 20], got[1 << 20];
    struct stream s;

    (void)state;
    begin(&s, true, 60000);
    begin_carrying(&s);
    await_turn(&s);
    for (int i = 0; i < 20; i++) {
        size_t n = fill(&s, sent);
        outlet_write(&s.x, SPAN("behind it"));
        n += (size_t)sprintf(sent + n, "9\r\nbehind it\r\n");
        assert_int_equal(recv(s.client, got, n, MSG_WAITALL), n);
        assert_memory_equal(got, sent, n);
        await_turn(&s);
        outlet_write(&s.x, SPAN("at once"));
        assert_true(ring_is_empty(&s.x.reply.ring));
        expect(&s, "7\r\nat once\r\n");
    }
    outlet_close(&s.x, RING_WHOLE);
    end(&s, RING_WHOLE);
    finish(&s);
}

static void test_who_does_not_read_is_cut(void **state)
{
    static char sent[1 << 20];
    struct stream s;
    static char text[REPLY_RING_MAX];

    (void)state;
    begin(&s, true, 20);
    begin_carrying(&s);
    await_turn(&s);
    fill(&s, sent);
    for (int i = 0; i < 3 && !exchange_client_is_gone(&s.x); i++)
        outlet_write(&s.x, (struct span){text, sizeof text});
    assert_true(exchange_client_is_gone(&s.x));
    end(&s, RING_BROKEN);
    finish(&s);
}

static void test_a_client_that_hangs_up_is_heard_of(void **state)
{
    struct stream s;

    (void)state;
    begin(&s, true, 60000);
    begin_carrying(&s);
    await_turn(&s);
    shutdown(s.client, SHUT_WR);
    end(&s, RING_BROKEN); /* though nobody has written */
    assert_true(exchange_client_is_gone(&s.x));
    outlet_write(&s.x, SPAN("to nobody"));
    assert_true(ring_is_empty(&s.x.reply.ring));
    finish(&s);
}

static void test_a_client_that_leaves_a_full_socket(void **state)
{
    static char sent[1 << 20];
    struct stream s;

    (void)state;
    begin(&s, true, 60000);
    begin_carrying(&s);
    await_turn(&s);
    fill(&s, sent);
    shutdown(s.client, SHUT_RDWR);
    end(&s, RING_BROKEN);
    assert_true(exchange_client_is_gone(&s.x));
    finish(&s);
}

static void test_the_library_frames_where_we_may_not(void **state)
{
    struct stream s;
    char out[64];

    (void)state;
    begin(&s, false, 60000);
    outlet_write(&s.x, SPAN("as it "));
    outlet_write(&s.x, SPAN("came"));
    assert_int_equal(ring_read(&s.x.reply.ring, out, sizeof out, 0), 10);
    assert_memory_equal(out, "as it came", 10);
    finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_came_before_the_thread),
        cmocka_unit_test(test_the_worker_writes_by_itself),
        cmocka_unit_test(test_a_full_socket_is_taken_over_and_given_back),
        cmocka_unit_test(test_who_does_not_read_is_cut),
        cmocka_unit_test(test_a_client_that_hangs_up_is_heard_of),
        cmocka_unit_test(test_a_client_that_leaves_a_full_socket),
        cmocka_unit_test(test_the_library_frames_where_we_may_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
