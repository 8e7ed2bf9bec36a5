/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "meter/calibrate.h"

static struct calibrate_key key_of(enum api api, const char *model, int ntools)
{
    struct prompt p = {.api = api, .ntools = ntools};

    return calibrate_key(&p, span_of(model));
}

static struct count approximate(int64_t tokens)
{
    return (struct count){.tokens = tokens, .raw = tokens, .bound = tokens * 3 / 2,
                          .method = COUNT_APPROXIMATE};
}

static void test_an_approximate_class_is_corrected_after_enough_samples(void **state)
{
    struct calibrator *c = calibrator_create();
    struct calibrate_key k = key_of(API_MESSAGES, "claude", 0), other = key_of(API_MESSAGES, "claude", 1);
    struct count n = approximate(1000);

    (void)state;
    for (int i = 0; i < CALIBRATE_SAMPLES - 1; i++)
        assert_false(calibrator_add(c, &k, &n, 1200));
    calibrator_correct(c, &k, &n);
    assert_int_equal(n.tokens, 1000); /* one too few */
    calibrator_add(c, &k, &n, 1200);
    calibrator_correct(c, &k, &n);
    assert_in_range(n.tokens, 1200, 1201);
    assert_int_equal(n.raw, 1000);
    assert_in_range(n.bound, 1800, 1801);
    n = approximate(1000);
    calibrator_correct(c, &other, &n); /* other features: another class */
    assert_int_equal(n.tokens, 1000);
    calibrator_destroy(c);
}

static void test_a_bound_is_never_lowered(void **state)
{
    struct calibrator *c = calibrator_create();
    struct calibrate_key k = key_of(API_MESSAGES, "claude", 0);
    struct count n = approximate(1000);

    (void)state;
    for (int i = 0; i < 100; i++)
        calibrator_add(c, &k, &n, 500);
    calibrator_correct(c, &k, &n);
    assert_in_range(n.tokens, 499, 501);
    assert_int_equal(n.bound, 1500);
    calibrator_destroy(c);
}

static void test_an_exact_class_drifts_once_and_recovers(void **state)
{
    struct calibrator *c = calibrator_create();
    struct calibrate_key k = key_of(API_CHAT, "gpt-4o", 0);
    struct count n = {.tokens = 50, .raw = 50, .bound = 50, .method = COUNT_EXACT};
    int told = 0;

    (void)state;
    for (int i = 0; i < 200; i++)
        assert_false(calibrator_add(c, &k, &n, 50));
    assert_int_equal(calibrator_drifted(c), 0);
    for (int i = 0; i < 50; i++)
        told += calibrator_add(c, &k, &n, 53);
    assert_int_equal(told, 1);
    assert_int_equal(calibrator_drifted(c), 1);
    calibrator_correct(c, &k, &n); /* exact counts are never corrected behind anybody's back */
    assert_int_equal(n.tokens, 50);
    for (int i = 0; i < 200; i++)
        calibrator_add(c, &k, &n, 50);
    assert_int_equal(calibrator_drifted(c), 0);
    calibrator_destroy(c);
}

struct copy {
    struct calibrator *to;
    int n;
};

static void give(void *ctx, const struct calibrate_key *k, const unsigned char data[CALIBRATE_DATA_LEN])
{
    struct copy *copy = ctx;

    assert_true(calibrator_restore(copy->to, k, (struct span){(const char *)data, CALIBRATE_DATA_LEN}));
    copy->n++;
}

static void test_what_was_learned_survives(void **state)
{
    struct calibrator *c = calibrator_create();
    struct copy copy = {calibrator_create(), 0};
    struct calibrate_key k = key_of(API_MESSAGES, "claude", 2);
    struct count n = approximate(1000);

    (void)state;
    for (int i = 0; i < 30; i++)
        calibrator_add(c, &k, &n, 1300);
    calibrator_save(c, give, &copy);
    assert_int_equal(copy.n, 1);
    calibrator_save(c, give, &copy);
    assert_int_equal(copy.n, 1); /* nothing has changed since */
    calibrator_correct(copy.to, &k, &n);
    assert_in_range(n.tokens, 1300, 1301);
    assert_false(calibrator_restore(copy.to, &k, SPAN("short")));
    calibrator_destroy(c);
    calibrator_destroy(copy.to);
}

static void test_memory_is_bounded(void **state)
{
    struct calibrator *c = calibrator_create();
    struct count n = approximate(10);
    char model[16];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        struct calibrate_key k;
        snprintf(model, sizeof model, "m%d", i);
        k = key_of(API_CHAT, model, 0);
        calibrator_add(c, &k, &n, 11);
    }
    calibrator_destroy(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_approximate_class_is_corrected_after_enough_samples),
        cmocka_unit_test(test_a_bound_is_never_lowered),
        cmocka_unit_test(test_an_exact_class_drifts_once_and_recovers),
        cmocka_unit_test(test_what_was_learned_survives),
        cmocka_unit_test(test_memory_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
