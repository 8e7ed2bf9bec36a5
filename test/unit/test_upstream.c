/* SPDX-License-Identifier: MIT */

/*
 * Each allocation of a call fails, and all from there on: the call ends at once, whatever libcurl does
 * then, and the handle that is ready afterwards serves the next one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/upstream.h"

/* ---- allocations that fail: this thread's, in whatever library ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FAILING false /* a sanitizer has them itself */
static long left;
static bool every, failed;
#else
#define FAILING true
static _Thread_local long left;           /* the one that fails, counted from now; 0: none */
static _Thread_local bool every, failed; /* and all that come after it; it came to that */

extern typeof(malloc) __libc_malloc;
extern typeof(calloc) __libc_calloc;
extern typeof(realloc) __libc_realloc;

static bool fails(void)
{
    if (!left || (left > 1 && left--))
        return false;
    left = every;
    failed = true;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t n)
{
    return fails() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return fails() ? NULL : __libc_realloc(p, n);
}
#endif

/* ---- an upstream ---- */

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";

/* One connection at a time is enough: whoever comes has left the one before. */
static void *serve(void *ctx)
{
    int listener = *(int *)ctx, fd;
    char got[4096];

    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        while (recv(fd, got, sizeof got, 0) > 0) /* a request is one segment */
            if (send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0)
                break;
        close(fd);
    }
    return NULL;
}

struct fixture {
    int listener;
    pthread_t server;
    char url[64];
    struct upstream *u;
    struct arena arena;
};

static int set_up(void **state)
{
    static struct fixture f;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;

    upstream_library_init();
    f.listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(f.listener, (struct sockaddr *)&a, sizeof a) || listen(f.listener, 8) ||
        getsockname(f.listener, (struct sockaddr *)&a, &n) ||
        pthread_create(&f.server, NULL, serve, &f.listener))
        return -1;
    snprintf(f.url, sizeof f.url, "http://127.0.0.1:%d/v1/chat/completions", ntohs(a.sin_port));
    arena_init(&f.arena, 1 << 16);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    upstream_destroy(f->u);
    shutdown(f->listener, SHUT_RDWR);
    pthread_join(f->server, NULL);
    close(f->listener);
    arena_finish(&f->arena);
    upstream_library_finish();
    return 0;
}

static bool on_head(void *ctx, int status, const struct headers *h)
{
    (void)ctx, (void)h;
    return status == 200;
}

static bool on_data(void *ctx, struct span bytes)
{
    (void)ctx, (void)bytes;
    return true;
}

static bool on_stop(void *ctx)
{
    (void)ctx;
    return false;
}

/* One in which the nth allocation fails; 0: none. */
static void call(struct fixture *f, long n, struct upstream_result *out)
{
    struct headers h = {.n = 0};
    struct upstream_request q = {
        .url = f->url, .post = true, .headers = &h, .body = SPAN("{\"model\":\"gpt-4o\"}"),
        .limits = {60000, 60000, 60000, 60000, 1 << 20, ""}, .arena = &f->arena,
        .head = on_head, .data = on_data, .stop = on_stop,
    };

    arena_reset(&f->arena);
    assert_true(headers_add(&h, &f->arena, SPAN("Authorization"), SPAN("Bearer sk-mine")));
    left = n;
    failed = false;
    upstream_call(f->u, &q, out);
    left = 0;
}

static void assert_serves(struct fixture *f)
{
    struct upstream_result r;

    f->u = upstream_ready(f->u);
    assert_non_null(f->u);
    call(f, 0, &r);
    if (r.end != UPSTREAM_WHOLE)
        fail_msg("the next call ended with %d: %s", r.end, r.why);
}

/* warm: a connection is there already. */
static void fail_each(struct fixture *f, bool warm)
{
    struct upstream_result r;
    bool came;
    long n = 0;

    if (!FAILING)
        skip();
    do {
        if (!warm) {
            upstream_destroy(f->u);
            f->u = NULL;
        }
        f->u = upstream_ready(f->u);
        if (warm)
            assert_serves(f);
        call(f, ++n, &r);
        came = failed;
        if (r.end == UPSTREAM_SILENT || r.end == UPSTREAM_STALLED || r.end == UPSTREAM_SLOW_CONNECT)
            fail_msg("allocation %ld: libcurl waited for ever", n);
        assert_serves(f);
    } while (came);
    assert_true(n > 10);
}

static void one_of_a_first_call(void **state)
{
    every = false;
    fail_each(*state, false);
}

static void one_of_a_later_call(void **state)
{
    every = false;
    fail_each(*state, true);
}

static void all_of_a_first_call(void **state)
{
    every = true;
    fail_each(*state, false);
}

static void all_of_a_later_call(void **state)
{
    every = true;
    fail_each(*state, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_a_first_call),
        cmocka_unit_test(one_of_a_later_call),
        cmocka_unit_test(all_of_a_first_call),
        cmocka_unit_test(all_of_a_later_call),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
