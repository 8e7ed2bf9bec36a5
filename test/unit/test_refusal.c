/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four that it needs */
#include <cmocka.h>

#include "wire/refusal.h"

static void check_body(const struct refusal *r, enum dialect d, const char *id, const char *body)
{
    struct buf out;

    buf_init(&out, 0);
    refusal_body(r, d, id, &out);
    assert_string_equal(out.p, body);
    buf_finish(&out);
}

static void test_bodies(void **state)
{
    struct refusal r;

    (void)state;
    assert_int_equal(refuse(&r, REFUSE_UNKNOWN_URL, NULL, "No such %s", "\"path\""), -1);
    check_body(
        &r, DIALECT_OPENAI, "req_1",
        "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"No such "
        "\\\"path\\\"\",\"param\":null,\"code\":\"unknown_url\"},\"request_id\":\"req_1\"}");
    check_body(&r, DIALECT_ANTHROPIC, NULL,
               "{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\",\"message\":\"No such "
               "\\\"path\\\"\",\"param\":null,\"code\":\"unknown_url\"},\"request_id\":null}");
    check_body(
        &r, DIALECT_MANAGEMENT, "req_1",
        "{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"No such \\\"path\\\"\"}}");
}

static void test_details_and_param(void **state)
{
    struct refusal r;

    (void)state;
    assert_int_equal(refuse(&r, REFUSE_BUDGET_EXCEEDED, "n", "Over"), -1);
    r.details = "{\"limitUsd\":10}";
    check_body(&r, DIALECT_ANTHROPIC, "x",
               "{\"type\":\"error\",\"error\":{\"type\":\"budget_exceeded\",\"message\":\"Over\","
               "\"param\":\"n\",\"code\":\"budget_exceeded\",\"details\":{\"limitUsd\":10}},"
               "\"request_id\":\"x\"}");
    check_body(&r, DIALECT_MANAGEMENT, NULL,
               "{\"error\":{\"type\":\"budget_exceeded\",\"message\":\"Over\","
               "\"details\":{\"limitUsd\":10}}}");
    assert_int_equal(refusal_status(r.kind), 402);
    assert_string_equal(refusal_code(r.kind), "budget_exceeded");
}

static void test_long_message_is_cut(void **state)
{
    char word[2000];
    struct refusal r;

    (void)state;
    memset(word, 'w', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    assert_int_equal(refuse(&r, REFUSE_BAD_VALUE, NULL, "%s", word), -1);
    assert_int_equal(strlen(r.message), sizeof r.message - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_details_and_param),
        cmocka_unit_test(test_long_message_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
