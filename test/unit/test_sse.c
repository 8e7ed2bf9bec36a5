/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/sse.h"

struct log {
    struct buf raw, read; /* every byte; "name|data;" of every event that says something */
    int events;
};

static void on_event(void *ctx, const struct sse_event *ev)
{
    struct log *log = ctx;

    buf_span(&log->raw, ev->raw);
    log->events++;
    if (!ev->name.n && !ev->data.n)
        return;
    buf_span(&log->read, ev->name);
    buf_char(&log->read, '|');
    buf_span(&log->read, ev->data);
    buf_char(&log->read, ';');
}

static void run(struct span stream, size_t piece, size_t bound, struct log *log)
{
    struct sse s;

    *log = (struct log){0};
    sse_init(&s);
    s.bound = bound;
    for (size_t at = 0; at < stream.n; at += piece) {
        struct span rest = span_skip(stream, at);

        sse_feed(&s, (struct span){rest.p, rest.n < piece ? rest.n : piece}, on_event, log);
    }
    sse_end(&s, on_event, log);
    sse_finish(&s);
    buf_char(&log->read, '.');
}

static void finish(struct log *log)
{
    buf_finish(&log->raw);
    buf_finish(&log->read);
}

/* Reads the stream whole and in pieces of every size, and compares. */
static void expect(struct span stream, size_t bound, const char *read)
{
    for (size_t piece = 1; piece <= stream.n; piece++) {
        struct log log;

        run(stream, piece, bound, &log);
        assert_true(span_eq(buf_all(&log.raw), stream));
        assert_string_equal(log.read.p, read);
        finish(&log);
    }
}

static void test_line_ends(void **state)
{
    (void)state;
    expect(SPAN("data: a\n\ndata: b\n\n"), 100, "|a;|b;.");
    expect(SPAN("data: a\r\n\r\ndata: b\r\n\r\n"), 100, "|a;|b;.");
    expect(SPAN("data: a\r\rdata: b\r\r"), 100, "|a;|b;.");
    expect(SPAN("data: a\r\n\ndata: b\n\r\n\r\ndata: c\r\n\r"), 100, "|a;|b;|c;.");
    expect(SPAN("data: a\n\n\n\n\r\n\rdata: b\n\n"), 100, "|a;|b;.");
}

static void test_fields(void **state)
{
    (void)state;
    expect(SPAN("event: message_stop\ndata: {\"x\":1}\n\n"), 100, "message_stop|{\"x\":1};.");
    expect(SPAN("data:no space\ndata:  two\n\n"), 100, "|no space\n two;.");
    expect(SPAN("data: 1\ndata\ndata: 3\n\n"), 100, "|1\n\n3;.");
    expect(SPAN(": comment: with data: x\n\n:\n\n"), 100, ".");
    expect(SPAN(": one\r\n: two\n:three\rdata: x\n: four\ndata: y\n\n"), 100, "|x\ny;.");
    expect(SPAN("id: 7\nretry: 3\nDATA: no\n data: no\ndata : no\n\n"), 100, ".");
    expect(SPAN("event: a\nevent: b\ndata: x\n: c\n\n"), 100, "b|x;.");
    expect(SPAN("\xef\xbb\xbf"
                "data: x\n\n\xef\xbb\xbf"
                "data: y\n\n"),
           100, "|x;.");
    expect(SPAN("data: cut off"), 100, "|cut off;.");
    expect(SPAN("data: a\n\ndata: no blank line\n"), 100, "|a;|no blank line;.");
}

/* Lines that are longer than what is searched at a time, and end in each way just there. */
static void test_long_lines(void **state)
{
    static const char *const ends[] = {"\n\n", "\r\r", "\r\n\r\n"};

    (void)state;
    for (size_t pad = 1010; pad < 1030; pad++) {
        for (size_t i = 0; i < 3; i++) {
            struct buf in = {0}, want = {0};
            struct log log;

            buf_printf(&in, "data: %*s%sdata: b%s", (int)pad, "a", ends[i], ends[i]);
            buf_printf(&want, "|%*s;|b;.", (int)pad, "a");
            run(buf_all(&in), in.n, 10000, &log);
            assert_string_equal(log.read.p, want.p);
            finish(&log);
            run(buf_all(&in), 7, 10000, &log);
            assert_string_equal(log.read.p, want.p);
            finish(&log);
            buf_finish(&in);
            buf_finish(&want);
        }
    }
}

static void test_bound(void **state)
{
    (void)state;
    expect(SPAN("data: 345678\n\n"), 14, "|345678;.");
    expect(SPAN("data: 345678\n\ndata: b\n\n"), 13, "|b;.");
    expect(SPAN("data: 345678\r\n\r\ndata: b\r\n\r\n"), 15, "|345678;|b;.");
    expect(SPAN("data: 345678\r\n\r\ndata: b\r\n\r\n"), 14, "|b;.");
    expect(SPAN(": a comment beyond it\ndata: b\n\n"), 12, "|b;.");
    expect(SPAN("data: a\n\ndata: this one is never read, and has no end"), 12, "|a;.");
}

/* Each whole event is handed over with its last byte, not later; so is a comment before one. */
static void test_at_once(void **state)
{
    static const char stream[] = "data: a\n\ndata: b\r\n\rdata: c\r\r: d\n:\rdata: e\n: f\n\n";
    static const size_t ends[] = {9, 19, 28, 32, 34, 47};
    struct log log = {0};
    struct sse s;
    int seen = 0;

    (void)state;
    sse_init(&s);
    for (size_t i = 0; i < sizeof(stream) - 1; i++) {
        sse_feed(&s, (struct span){stream + i, 1}, on_event, &log);
        if (seen < 6 && i + 1 == ends[seen])
            seen++;
        assert_int_equal(log.events, seen);
    }
    assert_int_equal(seen, 6);
    assert_int_equal(sse_rest(&s).n, 0);
    sse_finish(&s);
    finish(&log);
}

static void test_random_cuts(void **state)
{
    static const char *const words[] = {"data: x", "data:", "event: e", ": c",  "\n",
                                        "\r",      "\r\n",  "data: yy", "\n\n", "\r\r",
                                        "z",       "id:",   "\r\n\r\n"};
    unsigned seed = 7;

    (void)state;
    for (int round = 0; round < 300; round++) {
        struct buf stream = {0};
        struct log whole, cut;

        for (int i = 0; i < 40; i++)
            buf_str(&stream, words[rand_r(&seed) % (sizeof(words) / sizeof(words[0]))]);
        run(buf_all(&stream), stream.n, 20, &whole);
        run(buf_all(&stream), 1 + (size_t)rand_r(&seed) % 9, 20, &cut);
        assert_true(span_eq(buf_all(&cut.raw), buf_all(&stream)));
        assert_string_equal(whole.read.p, cut.read.p);
        finish(&whole);
        finish(&cut);
        buf_finish(&stream);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_ends),   cmocka_unit_test(test_fields),
        cmocka_unit_test(test_bound),       cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_random_cuts), cmocka_unit_test(test_long_lines),
    };

    return cmocka_run_group_tests_name("sse", tests, NULL, NULL);
}
