/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "proxy/ratelimit.h"

#define SECOND INT64_C(1000000000)
#define P      SPAN("p")

static struct ratelimit *r;

static int set_up(void **state)
{
    struct err e;

    (void)state;
    return ratelimit_create(&r, &e);
}

static int tear_down(void **state)
{
    (void)state;
    ratelimit_destroy(r);
    return 0;
}

static struct rate_state ask(struct span project, struct rate_limits l, int64_t tokens, int64_t now)
{
    struct rate_state s;

    ratelimit_take(r, project, &l, tokens, now, &s);
    return s;
}

static void end(struct span project, struct rate_limits l, int64_t taken, int64_t used, int64_t now)
{
    ratelimit_end(r, project, &l, taken, used, now);
}

static void test_in_flight(void **state)
{
    struct rate_limits l = {.in_flight = 2};

    (void)state;
    assert_int_equal(ask(P, l, 1, 1).verdict, RATE_TAKEN);
    assert_int_equal(ask(P, l, 1, 1).verdict, RATE_TAKEN);
    assert_int_equal(ask(P, l, 1, 1).verdict, RATE_IN_FLIGHT);
    assert_int_equal(ask(SPAN("q"), l, 1, 1).verdict, RATE_TAKEN);
    end(P, l, 1, 1, 2);
    assert_int_equal(ask(P, l, 1, 2).verdict, RATE_TAKEN);
    assert_int_equal(ask(P, l, 1, 2).verdict, RATE_IN_FLIGHT);
}

/* Exactly as many as the limit at once, then one each minute / limit. */
static void test_requests(void **state)
{
    static const int64_t limits[] = {1, 3, 7, 60, 997};

    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct rate_limits l = {.requests = limits[i]};
        int64_t now = 1000 * SECOND, each = 60 * SECOND / limits[i];
        struct rate_state s;
        char name[16];

        snprintf(name, sizeof name, "p%zu", i);
        for (int64_t k = 1; k <= limits[i]; k++) {
            s = ask(span_of(name), l, 5, now);
            assert_int_equal(s.verdict, RATE_TAKEN);
            assert_int_equal(s.requests_left, limits[i] - k);
        }
        s = ask(span_of(name), l, 5, now);
        assert_int_equal(s.verdict, RATE_REQUESTS);
        assert_in_range(s.retry_ms, each / 1000000, each / 1000000 + 1);
        assert_int_equal(ask(span_of(name), l, 5, now + s.retry_ms * 1000000).verdict, RATE_TAKEN);
        assert_int_equal(ask(span_of(name), l, 5, now + s.retry_ms * 1000000).verdict, RATE_REQUESTS);
        s = ask(span_of(name), l, 5, now + 200 * SECOND); /* long idle: full, and no fuller */
        assert_int_equal(s.requests_left, limits[i] - 1);
    }
}

static void test_tokens_are_corrected_by_usage(void **state)
{
    struct rate_limits l = {.tokens = 1000};
    int64_t now = SECOND;
    struct rate_state s;

    (void)state;
    assert_int_equal(ask(P, l, 900, now).tokens_left, 100);
    s = ask(P, l, 200, now);
    assert_int_equal(s.verdict, RATE_TOKENS);
    assert_int_equal(s.retry_ms, 6000);
    end(P, l, 900, 100, now); /* 800 too many */
    assert_int_equal(ask(P, l, 200, now).tokens_left, 700);
    end(P, l, 200, 1200, now); /* 1000 too few: a debt */
    s = ask(P, l, 10, now);
    assert_int_equal(s.verdict, RATE_TOKENS);
    assert_int_equal(s.tokens_left, 0);
    assert_int_equal(s.retry_ms, 18600); /* 300 of debt and 10 */
    assert_int_equal(ask(P, l, 10, now + s.retry_ms * 1000000).verdict, RATE_TAKEN);
}

static void test_what_never_fits(void **state)
{
    struct rate_limits l = {.tokens = 1000};
    struct rate_state s = ask(P, l, 1001, SECOND);

    (void)state;
    assert_int_equal(s.verdict, RATE_TOO_LARGE);
    assert_int_equal(s.retry_ms, 0);
    assert_int_equal(s.tokens_left, 1000);
}

/* A refusal takes nothing, of either bucket. */
static void test_refusals_are_free(void **state)
{
    struct rate_limits l = {.requests = 10, .tokens = 100};

    (void)state;
    assert_int_equal(ask(P, l, 100, SECOND).verdict, RATE_TAKEN);
    for (int i = 0; i < 50; i++)
        assert_int_equal(ask(P, l, 1, SECOND).verdict, RATE_TOKENS);
    assert_int_equal(ask(P, l, 0, SECOND).requests_left, 8);
}

static void test_a_limit_that_changes(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++)
        assert_int_equal(ask(P, (struct rate_limits){.requests = 60}, 1, SECOND).verdict, RATE_TAKEN);
    /* half was left, and half of the new limit is */
    assert_int_equal(ask(P, (struct rate_limits){.requests = 10}, 1, SECOND).requests_left, 4);
    assert_int_equal(ask(P, (struct rate_limits){0}, 1, SECOND).verdict, RATE_TAKEN);
}

/* However many names a caller invents: those that work are kept, the memory is bounded. */
static void test_many_projects(void **state)
{
    struct rate_limits l = {.in_flight = 1};
    char name[32];

    (void)state;
    assert_int_equal(ask(P, l, 1, 1).verdict, RATE_TAKEN);
    for (int i = 0; i < 3 * RATE_PROJECTS; i++) {
        struct span s = {name, (size_t)snprintf(name, sizeof name, "n%d", i)};

        assert_int_equal(ask(s, l, 1, 1).verdict, RATE_TAKEN);
        end(s, l, 1, 1, 1);
    }
    assert_int_equal(ask(P, l, 1, 1).verdict, RATE_IN_FLIGHT);
    for (int i = 0; i < RATE_PROJECTS - 1; i++) {
        struct span s = {name, (size_t)snprintf(name, sizeof name, "m%d", i)};

        assert_int_equal(ask(s, l, 1, 1).verdict, RATE_TAKEN);
    }
    assert_int_equal(ask(SPAN("one too many"), l, 1, 1).verdict, RATE_PROJECTS_FULL);
    end(P, l, 1, 1, 1);
    assert_int_equal(ask(SPAN("one too many"), l, 1, 1).verdict, RATE_TAKEN);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_in_flight),
        TEST(test_requests),
        TEST(test_tokens_are_corrected_by_usage),
        TEST(test_what_never_fits),
        TEST(test_refusals_are_free),
        TEST(test_a_limit_that_changes),
        TEST(test_many_projects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
