/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/scan.h"

static bool whole(const char *text)
{
    struct buf copy = {0}; /* of exactly its length, so that a sanitizer sees a read behind it */
    struct scan s;
    bool ok;

    buf_str(&copy, text);
    char *exact = malloc(copy.n + 1);
    assert_non_null(exact);
    if (copy.n)
        memcpy(exact, copy.p, copy.n);
    scan_begin(&s, (struct span){exact, copy.n});
    scan_value(&s);
    ok = scan_end(&s);
    free(exact);
    buf_finish(&copy);
    return ok;
}

static void test_grammar(void **state)
{
    static const char *const right[] = {
        "0",
        "-0",
        "-1.5e+10",
        "12E3",
        "true",
        "false",
        "null",
        "\"\"",
        "{}",
        "[]",
        " [ ] ",
        "{\"a\":1}",
        "[1,2,[3,{}],\"x\"]",
        "{\"a\":{\"b\":[1,2]},\"c\":null}\n",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
        "\"long enough to be read by eights \\n and on\"",
        "\"\x7f\xff\"",
        "[[[[[[[[[[]]]]]]]]]]",
        "{\"a\":1,\"a\":2}",
    };
    static const char *const wrong[] = {
        "",
        " ",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "--1",
        "tru",
        "nul",
        "True",
        "NaN",
        "\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"a\nb\"",
        "\"12345678\tx\"",
        "{",
        "[",
        "}",
        "]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\":1]",
        "[1}",
        "1 2",
        "{}{}",
        "[]]",
        "{\"a\" 1}",
        "{,}",
        "\x01",
        "<html>",
        "'a'",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
        if (!whole(right[i]))
            fail_msg("refused: %s", right[i]);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (whole(wrong[i]))
            fail_msg("accepted: %s", wrong[i]);
}

static void test_depth(void **state)
{
    struct buf deep = {0};

    (void)state;
    for (int levels = SCAN_DEPTH; levels <= SCAN_DEPTH + 1; levels++) {
        buf_clear(&deep);
        for (int i = 0; i < levels; i++)
            buf_char(&deep, '[');
        for (int i = 0; i < levels; i++)
            buf_char(&deep, ']');
        assert_int_equal(whole(deep.p), levels <= SCAN_DEPTH);
    }
    buf_finish(&deep);
}

static void test_walk(void **state)
{
    struct span text = SPAN(" {\"a\" : [1, {\"b\":\"x\"} ] ,\"c\":{\"d\":-2.5},\"e\":null} ");
    struct span key, v;
    struct buf log = {0};
    struct scan s;

    (void)state;
    scan_begin(&s, text);
    assert_false(scan_open(&s, '['));
    for (bool in = scan_open(&s, '{'); in && scan_key(&s, &key);) {
        buf_span(&log, key);
        if (scan_open(&s, '[')) {
            while (scan_item(&s)) {
                v = scan_value(&s);
                buf_printf(&log, "<%.*s>", SPAN_FMT(v));
            }
        } else {
            v = scan_value(&s);
            buf_printf(&log, "=%.*s;", SPAN_FMT(v));
        }
    }
    assert_true(scan_end(&s));
    assert_string_equal(log.p, "a<1><{\"b\":\"x\"}>c={\"d\":-2.5};e=null;");
    buf_finish(&log);
}

/* After a fault nothing more is found, and the loops end. */
static void test_fault_is_sticky(void **state)
{
    struct span key;
    struct scan s;
    int keys = 0;

    (void)state;
    scan_begin(&s, SPAN("{\"a\":tru,\"b\":1}"));
    assert_true(scan_open(&s, '{'));
    while (scan_key(&s, &key)) {
        assert_int_equal(scan_value(&s).n, 0);
        keys++;
    }
    assert_int_equal(keys, 1);
    assert_false(scan_open(&s, '{'));
    assert_false(scan_item(&s));
    assert_false(scan_end(&s));
}

static void test_strings(void **state)
{
    static const struct {
        const char *inside, *text;
    } rows[] = {
        {"plain", "plain"},
        {"", ""},
        {"a\\n\\t\\\"\\\\\\/b", "a\n\t\"\\/b"},
        {"\\b\\f\\r", "\b\f\r"},
        {"\\u0041\\u00e9\\u20ac\\ud83d\\ude00", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\\ud83d!", "\xef\xbf\xbd!"},
        {"\\ude00\\ud83d", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\\ud83d\\u0041", "\xef\xbf\xbd"
                           "A"},
        {"\\ud83d\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
    };
    struct buf out = {0};
    struct span inside;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        buf_clear(&out);
        buf_add(&out, "", 0);
        scan_unescape(span_of(rows[i].inside), &out);
        assert_string_equal(out.p, rows[i].text);
    }
    buf_finish(&out);
    assert_true(scan_string(SPAN("\"x\\\"y\""), &inside));
    assert_true(span_eq(inside, SPAN("x\\\"y")));
    assert_false(scan_string(SPAN("12"), &inside));
    assert_true(scan_is(SPAN("\"flex\""), SPAN("flex")));
    assert_false(scan_is(SPAN("flex"), SPAN("flex")));
    assert_true(scan_is_null(SPAN("null")));
    assert_false(scan_is_null(SPAN("0")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar), cmocka_unit_test(test_depth),
        cmocka_unit_test(test_walk),    cmocka_unit_test(test_fault_is_sticky),
        cmocka_unit_test(test_strings),
    };

    return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
