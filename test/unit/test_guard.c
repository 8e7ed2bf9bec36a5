/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "proxy/guard.h"

/* A request's headers as "Name: value" lines; NULL ends them. */
static const struct {
    bool http11;
    int expected; /* -1: let through */
    const char *lines[4];
} rows[] = {
    {true, -1, {"Host: a", "Content-Length: 3", NULL}},
    {true, -1, {"Host: a", "Transfer-Encoding: chunked", NULL}},
    {true, -1, {"Host: a", "Transfer-Encoding: Chunked", NULL}},
    {true, REFUSE_BAD_FRAMING, {"Content-Length: 3", "Transfer-Encoding: chunked", NULL}},
    {true, REFUSE_BAD_FRAMING, {"Content-Length: 3", "Content-Length: 3", NULL}},
    {true, REFUSE_BAD_FRAMING, {"Content-Length: 3, 3", NULL}},
    {true, REFUSE_BAD_FRAMING, {"Content-Length: +3", NULL}},
    {true, REFUSE_BAD_FRAMING, {"Content-Length: ", NULL}},
    {true, REFUSE_BAD_FRAMING, {"Content-Length: 99999999999999999999", NULL}},
    {true, REFUSE_BAD_FRAMING, {"Transfer-Encoding: gzip, chunked", NULL}},
    {true, REFUSE_BAD_FRAMING, {"Transfer-Encoding: xchunked", NULL}},
    {true, REFUSE_BAD_FRAMING, {"Transfer-Encoding: chunked", "Transfer-Encoding: chunked", NULL}},
    {false, REFUSE_BAD_FRAMING, {"Transfer-Encoding: chunked", NULL}},
    {true, REFUSE_BAD_HEADER, {"Content-Length : 3", NULL}},
    {true, REFUSE_BAD_HEADER, {"Transfer-Encodingchunked: ", NULL}},
    {true, REFUSE_BAD_HEADER, {"X Y: 1", NULL}},
    {true, REFUSE_BAD_HEADER, {"X: a\rb", NULL}},
    {true, REFUSE_BAD_HEADER, {"X: a\x01", NULL}},
    {true, REFUSE_BAD_HEADER, {"Host: a", "Host: b", NULL}},
    {true, REFUSE_DUPLICATE_HEADER, {"Authorization: Bearer a", "authorization: Bearer b", NULL}},
    {true, REFUSE_UNSUPPORTED_ENCODING, {"Content-Encoding: gzip", NULL}},
    {true, -1, {"Content-Encoding: identity", "X-Unicode: caf\xc3\xa9", NULL}},
};

static void add_line(struct headers *h, struct arena *a, const char *line)
{
    const char *colon = strstr(line, ": ");

    assert_true(headers_add(h, a, (struct span){line, (size_t)(colon - line)}, span_of(colon + 2)));
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct headers h = {.n = 0};
        struct refusal r = {.kind = REFUSAL_KINDS};
        struct arena a;
        int got;

        arena_init(&a, 1 << 20);
        for (int l = 0; rows[i].lines[l]; l++)
            add_line(&h, &a, rows[i].lines[l]);
        got = guard_headers(&h, rows[i].http11, &r);
        if (got != (rows[i].expected < 0 ? 0 : -1) || (got && (int)r.kind != rows[i].expected))
            fail_msg("row %zu (%s): %d, %s", i, rows[i].lines[0], got, got ? r.message : "let through");
        arena_finish(&a);
    }
}

static void test_too_many(void **state)
{
    struct headers h = {.n = 0};
    struct refusal r;
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    for (int i = 0; i < GUARD_HEADERS_MAX; i++)
        headers_add(&h, &a, SPAN("x"), SPAN("1"));
    assert_int_equal(guard_headers(&h, true, &r), 0);
    headers_add(&h, &a, SPAN("x"), SPAN("1"));
    assert_int_equal(guard_headers(&h, true, &r), -1);
    assert_int_equal(r.kind, REFUSE_TOO_MANY_HEADERS);
    arena_finish(&a);
}

/* A little at a time, or at once. */
static void test_too_large(void **state)
{
    static char value[GUARD_BYTES_MAX];

    (void)state;
    memset(value, 'a', sizeof value);
    for (size_t n = 1; n <= 32; n *= 2) {
        struct span piece = {value, GUARD_BYTES_MAX / n - strlen("x: \r\n")};
        struct headers h = {.n = 0};
        struct refusal r;
        struct arena a;

        arena_init(&a, 1 << 20);
        for (size_t i = 0; i < n; i++)
            assert_true(headers_add(&h, &a, SPAN("x"), piece));
        assert_int_equal(guard_headers(&h, true, &r), 0);
        headers_add(&h, &a, SPAN("x"), SPAN(""));
        assert_int_equal(guard_headers(&h, true, &r), -1);
        assert_int_equal(r.kind, REFUSE_HEADERS_TOO_LARGE);
        arena_finish(&a);
    }
}

static void test_targets(void **state)
{
    static char longest[GUARD_BYTES_MAX + 1];
    struct refusal r;

    (void)state;
    memset(longest, '/', sizeof longest);
    assert_int_equal(guard_target((struct span){longest, GUARD_BYTES_MAX}, &r), 0);
    assert_int_equal(guard_target((struct span){longest, GUARD_BYTES_MAX + 1}, &r), -1);
    assert_int_equal(r.kind, REFUSE_URI_TOO_LONG);
    assert_int_equal(guard_target(SPAN("/v1/models?x=caf\xc3\xa9&y=%00"), &r), 0);
    for (int c = 0; c < 256; c++) {
        char target[] = {'/', '?', (char)c, 'x'};
        bool bad = c <= ' ' || c == '#' || c == 0x7f;

        assert_int_equal(guard_target((struct span){target, sizeof target}, &r), bad ? -1 : 0);
        if (bad)
            assert_int_equal(r.kind, REFUSE_BAD_HEADER);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_targets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
