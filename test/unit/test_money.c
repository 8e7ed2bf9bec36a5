/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "meter/money.h"

static void parses_exactly(void **state)
{
    static const struct {
        const char *text;
        int scale;
        int64_t want;
    } cases[] = {
        {"0", 9, 0},
        {"0.000", 9, 0},
        {"0e400", 9, 0},
        {"1", 9, 1000000000},
        {"0.7", 9, 700000000},
        {"10.00", 9, 10000000000},
        {"12", 6, 12000000},
        {"1e-6", 9, 1000},
        {"1E+2", 0, 100},
        {"2.5e1", 0, 25},
        {"0.0000000010", 9, 1},
        {"0.10000000000000000000000000000000000000", 1, 1},
        {"0.00025", 6, 250},
        {"999999999.999999999", 9, INT64_C(999999999999999999)},
        {"1000000000", 9, NANO_MAX},
        {"100e-2", 0, 1},
        {"1000000000000000000000000e-24", 0, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t v = -7;
        struct err e;

        if (money_parse(span_of(cases[i].text), cases[i].scale, NANO_MAX, &v, &e))
            fail_msg("%s: %s", cases[i].text, e.msg);
        if (v != cases[i].want)
            fail_msg("%s: %lld", cases[i].text, (long long)v);
    }
}

static void refuses(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "not a decimal"},
        {"-1", "negative"},
        {"-0", "negative"},
        {"+1", "not a decimal"},
        {".5", "not a decimal"},
        {"5.", "not a decimal"},
        {"1.2.3", "not a decimal"},
        {"01", "not a decimal"},
        {"1e", "not a decimal"},
        {"1e+", "not a decimal"},
        {"0x10", "not a decimal"},
        {"1 ", "not a decimal"},
        {" 1", "not a decimal"},
        {"NaN", "not a decimal"},
        {"1,5", "not a decimal"},
        {"1e400", "too large"},
        {"1e99999999999", "too large"},
        {"1000000000.000000001", "too large"},
        {"99999999999999999999", "too large"},
        {"0.0000000001", "decimals"},
        {"1e-10", "decimals"},
        {"1e-99999999999", "decimals"},
        {"0.12345678901234567890", "decimals"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t v = -7;
        struct err e;

        if (money_parse(span_of(cases[i].text), 9, NANO_MAX, &v, &e) == 0)
            fail_msg("\"%s\" was taken as %lld", cases[i].text, (long long)v);
        if (!strstr(e.msg, cases[i].why))
            fail_msg("\"%s\": %s", cases[i].text, e.msg);
        assert_int_equal(v, -7);
    }
}

static void rounds_up_once(void **state)
{
    nano_t v = -7;

    (void)state;
    assert_true(money_round_up(0, &v) && v == 0);
    assert_true(money_round_up(1, &v) && v == 1);
    assert_true(money_round_up(999, &v) && v == 1);
    assert_true(money_round_up(1000, &v) && v == 1);
    assert_true(money_round_up(1001, &v) && v == 2);
    assert_true(money_round_up((__int128)NANO_MAX * 1000, &v) && v == NANO_MAX);
    v = -7;
    assert_false(money_round_up((__int128)NANO_MAX * 1000 + 1, &v));
    assert_false(money_round_up(-1, &v));
    assert_int_equal(v, -7);
}

static void adds(void **state)
{
    nano_t v = -7;

    (void)state;
    assert_true(money_add(2, 3, &v) && v == 5);
    assert_true(money_add(NANO_MAX, 0, &v) && v == NANO_MAX);
    v = -7;
    assert_false(money_add(NANO_MAX, 1, &v));
    assert_false(money_add(INT64_MAX, INT64_MAX, &v));
    assert_false(money_add(-2, 1, &v));
    assert_int_equal(v, -7);
}

static void prints(void **state)
{
    static const struct {
        nano_t v;
        const char *fixed, *json;
    } cases[] = {
        {0, "0.000000", "0"},
        {1, "0.000000001", "0.000000001"},
        {5000000, "0.005000", "0.005"},
        {1234567, "0.001234567", "0.001234567"},
        {1234560, "0.00123456", "0.00123456"},
        {10 * NANO_PER_USD, "10.000000", "10"},
        {INT64_C(9998000000), "9.998000", "9.998"},
        {NANO_MAX, "1000000000.000000", "1000000000"},
        {-5000000, "-0.005000", "-0.005"},
        {INT64_MAX, "9223372036.854775807", "9223372036.854775807"},
        {INT64_MIN, "-9223372036.854775808", "-9223372036.854775808"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[MONEY_LEN];

        assert_string_equal(money_fixed(cases[i].v, out), cases[i].fixed);
        assert_string_equal(money_json(cases[i].v, out), cases[i].json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_exactly), cmocka_unit_test(refuses),
        cmocka_unit_test(rounds_up_once), cmocka_unit_test(adds),
        cmocka_unit_test(prints),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
