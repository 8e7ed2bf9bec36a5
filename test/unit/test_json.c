/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four that it needs */
#include <cmocka.h>

#include "base/clock.h"
#include "patience.h"
#include "wire/json.h"
#include "wire/scan.h"

static enum json_fault read_text(struct span text, struct json_limits limits, struct err *e)
{
    json_t *root = NULL;
    enum json_fault f = json_read(text, &limits, &root, e);

    assert_true((f == JSON_OK) == (root != NULL));
    json_decref(root);
    return f;
}

static void test_verdicts(void **state)
{
    static const struct {
        struct span text;
        enum json_fault fault;
        const char *message; /* a part of it */
    } rows[] = {
        {SPAN("{}"), JSON_OK, NULL},
        {SPAN(" \r\n\t{ \"a\" : [ 1 , -2.5e3 , true, null ] } \n"), JSON_OK, NULL},
        {SPAN("{\"a\":\"\\u0000\"}"), JSON_OK, NULL},
        {SPAN("{\"a\":\"\\ud83d\\ude00 \xf0\x9f\x98\x80 \x7f\"}"), JSON_OK, NULL},
        {SPAN("{\"a\":123456789012345678901234567890,\"b\":-1e999,\"c\":1e-999}"), JSON_OK, NULL},
        {SPAN(""), JSON_INVALID, "empty"},
        {SPAN("   "), JSON_INVALID, "line 1"},
        {SPAN("[]"), JSON_INVALID, "object"},
        {SPAN("7"), JSON_INVALID, "byte"},
        {SPAN("\"x\""), JSON_INVALID, "byte"},
        {SPAN("\xef\xbb\xbf{}"), JSON_INVALID, "byte order mark"},
        {SPAN("{\"a\":1"), JSON_INVALID, "byte"},
        {SPAN("{\"a\":1}x"), JSON_INVALID, "byte 7"},
        {SPAN("{\"a\":1}{}"), JSON_INVALID, "byte"},
        {SPAN("{\"a\":01}"), JSON_INVALID, "byte"},
        {SPAN("{\"a\":1,}"), JSON_INVALID, "byte"},
        {SPAN("{\"a\":NaN}"), JSON_INVALID, "byte"},
        {SPAN("{'a':1}"), JSON_INVALID, "byte"},
        {SPAN("{\"a\":\"x"), JSON_INVALID, "unterminated string"},
        {SPAN("{\"a\":\"x\\"), JSON_INVALID, "escape"},
        {SPAN("{\"a\":\"\\u12"), JSON_INVALID, "incomplete escape"},
        {SPAN("{\"a\":\"\\q\"}"), JSON_INVALID, "byte"},
        {SPAN("{\n\n \"a\":\"\xff\"}"), JSON_INVALID, "invalid UTF-8 at byte 9 (line 3, column 7)"},
        {SPAN("{\"a\":\"\xed\xa0\x80\"}"), JSON_INVALID, "invalid UTF-8"},
        {SPAN("{\"a\":\"\xc0\x80\"}"), JSON_INVALID, "invalid UTF-8"},
        {SPAN("{\"a\":\"\xf4\x90\x80\x80\"}"), JSON_INVALID, "invalid UTF-8"},
        {SPAN("{\xc3\xa4:1}"), JSON_INVALID, "unexpected character at byte 1"},
        {SPAN("{\"a\":\"\\ud83d\"}"), JSON_INVALID, "lone high surrogate"},
        {SPAN("{\"a\":\"\\ud83d\\n\"}"), JSON_INVALID, "lone high surrogate"},
        {SPAN("{\"a\":\"\\ude00\"}"), JSON_INVALID, "lone low surrogate"},
        {SPAN("{\"a\":\"\n\"}"), JSON_INVALID, "control character"},
        {SPAN("{\"a\":\"\0\"}"), JSON_INVALID, "control character"},
        {SPAN("{\"a\":1\0}"), JSON_INVALID, "byte"},
        {SPAN("{\"a\":1,\"a\":2}"), JSON_DUPLICATE_KEY, "byte"},
        {SPAN("{\"b\":[{\"a\":1,\"\\u0061\":2}]}"), JSON_DUPLICATE_KEY, "byte"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = {0};
        enum json_fault f = read_text(rows[i].text, JSON_LIMITS, &e);
        if (f != rows[i].fault || (rows[i].message && !strstr(e.msg, rows[i].message)))
            fail_msg("row %zu (%.*s): fault %d, \"%s\"", i, SPAN_FMT(rows[i].text), f, e.msg);
    }
}

/* Every byte at every place of a string that is read in blocks: the same as what is read byte by byte. */
static void test_every_byte_at_every_place(void **state)
{
    enum { LONG = 40, HEAD = sizeof "{\"a\":\"" - 1 };
    char text[HEAD + LONG + 2], plain[LONG];

    (void)state;
    memset(plain, 'x', sizeof plain);
    for (int at = 0; at < LONG; at++)
        for (int c = 0; c < 256; c++) {
            bool ends = c == '"', fits = c >= 0x20 && c != '\\' && !ends;
            struct span whole = {text, sizeof text};
            struct scan s;
            struct err e;

            memcpy(text, "{\"a\":\"", HEAD);
            memcpy(text + HEAD, plain, LONG);
            memcpy(text + HEAD + LONG, "\"}", 2);
            text[HEAD + at] = (char)c;
            assert_int_equal(read_text(whole, JSON_LIMITS, &e) == JSON_OK, fits && c < 0x80);
            scan_begin(&s, (struct span){text + HEAD - 1, LONG + 2});
            assert_int_equal(scan_value(&s).n, ends ? at + 2 : fits ? LONG + 2 : 0);
        }
}

static void test_message_quotes_nothing(void **state)
{
    struct err e;

    (void)state;
    assert_int_equal(read_text(SPAN("{\"a\": secret}"), JSON_LIMITS, &e), JSON_INVALID);
    assert_null(strstr(e.msg, "secret"));
}

static void test_numbers_no_type_holds(void **state)
{
    struct json_limits limits = JSON_LIMITS;
    struct span text = SPAN("{\"a\":9223372036854775807,\"b\":9223372036854775808,\"c\":-1e400,"
                            "\"d\":9007199254740993,\"e\":0.7,\"f\":1E+0310}");
    json_t *root;
    struct err e;

    (void)state;
    assert_int_equal(json_read(text, &limits, &root, &e), JSON_OK);
    assert_true(json_integer_value(json_object_get(root, "a")) == INT64_MAX);
    assert_true(json_real_value(json_object_get(root, "b")) == 1e300);
    assert_true(json_real_value(json_object_get(root, "c")) == -1e300);
    assert_true(json_integer_value(json_object_get(root, "d")) == 9007199254740993);
    assert_true(json_real_value(json_object_get(root, "e")) == 0.7);
    assert_true(json_real_value(json_object_get(root, "f")) == 1e300);
    json_decref(root);
}

static void fill(struct buf *b, const char *head, const char *unit, size_t n, const char *tail)
{
    buf_init(b, 0);
    buf_str(b, head);
    for (size_t i = 0; i < n; i++)
        buf_str(b, unit);
    buf_str(b, tail);
}

static void test_limits(void **state)
{
    struct buf b;
    struct err e;

    (void)state;
    fill(&b, "{\"a\":", "[", 127, "");
    for (int i = 0; i < 127; i++)
        buf_char(&b, ']');
    buf_char(&b, '}');
    assert_int_equal(read_text(buf_all(&b), JSON_LIMITS, &e), JSON_OK);
    assert_int_equal(read_text(buf_all(&b), (struct json_limits){127, 1000}, &e), JSON_TOO_COMPLEX);
    assert_non_null(strstr(e.msg, "deep"));
    buf_finish(&b);

    fill(&b, "{\"a\":[", "1,", 999, "1]}");
    assert_int_equal(read_text(buf_all(&b), (struct json_limits){128, 1002}, &e), JSON_OK);
    assert_int_equal(read_text(buf_all(&b), (struct json_limits){128, 1001}, &e), JSON_TOO_COMPLEX);
    assert_non_null(strstr(e.msg, "many"));
    buf_finish(&b);
}

/* Hostile bodies: whatever the verdict, it comes soon. */
static void test_hostile_bodies(void **state)
{
    static const struct {
        const char *head, *unit, *tail;
        size_t bytes;
        enum json_fault fault;
    } rows[] = {
        {"{\"a\":[", "{},", "{}]}", 8u << 20, JSON_TOO_COMPLEX},
        {"{\"a\":", "[", "", 8u << 20, JSON_TOO_COMPLEX},
        {"", "{\"a\":", "", 8u << 20, JSON_TOO_COMPLEX},
        {"{\"a\":[", "\"\",", "\"\"]}", 8u << 20, JSON_TOO_COMPLEX},
        {"{\"a\":\"", "0123456789abcdef", "\"}", 32u << 20, JSON_OK},
        {"{\"a\":\"", "\\u00e4", "\"}", 32u << 20, JSON_OK},
        {"{\"a\":\"", "\xe4\xb8\xad", "\"}", 32u << 20, JSON_OK},
        {"{\"a\":", "1", "}", 8u << 20, JSON_OK},
        {"{\"a\":", "        ", "1}", 32u << 20, JSON_OK},
        {"", "\n", "{}", 8u << 20, JSON_OK},
        {"", "\"", "", 8u << 20, JSON_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf b;
        struct err e = {0};
        int64_t start;
        enum json_fault f;
        fill(&b, rows[i].head, rows[i].unit, rows[i].bytes / strlen(rows[i].unit), rows[i].tail);
        start = clock_mono_ns();
        f = read_text(buf_all(&b), JSON_LIMITS, &e);
        if (f != rows[i].fault)
            fail_msg("row %zu: fault %d, \"%s\"", i, f, e.msg);
        if (clock_mono_ns() - start > PATIENCE(10))
            fail_msg("row %zu took %lld ms", i, (long long)(clock_mono_ns() - start) / 1000000);
        buf_finish(&b);
    }
}

static void check_place(struct span text, const char *key, const char *inner, const char *value)
{
    struct json_place place = json_find(text, key, inner);

    if (!value) {
        assert_int_equal(place.value.n, 0);
        return;
    }
    assert_int_equal(place.value.n, strlen(value));
    assert_memory_equal(place.value.p, value, strlen(value));
    assert_int_equal(text.p[place.key], '"');
    assert_true(text.p + place.key < place.value.p);
}

static void test_find(void **state)
{
    struct span text =
        SPAN(" { \"x\" : \"}\\\"{,\\\\\" ,\"o\":{\"in\": [ {\"a\":1}, \"]\" ],\"k\":-1.5e3 }"
             "\n, \"m\\u0061x\" : null,\"max_\":1,\"a\":{}  ,\"t\":true}  ");

    (void)state;
    check_place(text, "x", NULL, "\"}\\\"{,\\\\\"");
    check_place(text, "o", "in", "[ {\"a\":1}, \"]\" ]");
    check_place(text, "o", "k", "-1.5e3");
    check_place(text, "o", "a", NULL);
    check_place(text, "max", NULL, "null");
    check_place(text, "a", NULL, "{}");
    check_place(text, "a", "in", NULL);
    check_place(text, "t", NULL, "true");
    check_place(text, "t", "in", NULL);
    check_place(text, "k", NULL, NULL);
    check_place(text, "", NULL, NULL);
    check_place(SPAN("{}"), "k", NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_every_byte_at_every_place),
        cmocka_unit_test(test_message_quotes_nothing),
        cmocka_unit_test(test_numbers_no_type_holds),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_hostile_bodies),
        cmocka_unit_test(test_find),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
