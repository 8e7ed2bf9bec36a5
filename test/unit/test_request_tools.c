/* SPDX-License-Identifier: MIT */
#include "request_fixture.h"

static void check_tools(enum api api, const char *tools, const char *rendered, bool inexact)
{
    struct fixture f;
    struct buf b;

    buf_init(&b, 0);
    buf_printf(&b, "{" CHAT ",\"input\":\"\",\"tools\":%s}", tools);
    must_parse(&f, api, b.p);
    if (!span_eq(f.q.prompt.tools, span_of(rendered)))
        fail_msg("%s\nrenders as\n%.*s", tools, SPAN_FMT(f.q.prompt.tools));
    assert_int_equal(f.q.prompt.tools_inexact, inexact);
    finish(&f);
    buf_finish(&b);
}

static void test_tools_rendered(void **state)
{
    (void)state;
    check_tools(
        API_CHAT,
        "[{\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"description\":"
        "\"The weather. \",\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":{"
        "\"type\":\"string\",\"description\":\"Where\"},\"unit\":{\"type\":\"string\",\"enum\":"
        "[\"c\",\"f\"],\"default\":\"c\"},\"days\":{\"type\":\"array\",\"items\":{\"type\":"
        "\"integer\"}}},\"required\":[\"city\"]}}},"
        "{\"type\":\"function\",\"function\":{\"name\":\"now\",\"parameters\":{}}}]",
        "namespace functions {\n\n// The weather.\ntype get_weather = (_: {\n// Where\n"
        "city: string,\nunit?: \"c\" | \"f\", // default: \"c\"\ndays?: number[]}) => any;\n\n"
        "type now = () => any;\n\n} // namespace functions",
        false);
    check_tools(
        API_RESPONSES,
        "[{\"type\":\"function\",\"name\":\"f\",\"description\":null,\"parameters\":{\"type\":"
        "\"object\",\"properties\":{\"o\":{\"type\":\"object\",\"properties\":{\"a\":{\"anyOf\":"
        "[{\"type\":\"boolean\"},{\"type\":\"null\"}]},\"b\":{\"type\":\"number\"}},"
        "\"required\":[\"b\"]}}}}]",
        "namespace functions {\n\ntype f = (_: {\no?: {\na?: boolean | null,\nb: number}}) => "
        "any;\n\n} // namespace functions",
        false);
    check_tools(
        API_CHAT,
        "[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"properties\":{"
        "\"a\":{\"$ref\":\"#/$defs/A\"}},\"$defs\":{\"A\":{\"type\":\"string\"}}}}}]",
        "namespace functions {\n\ntype f = (_: {\na?: string}) => any;\n\n"
        "} // namespace functions",
        true);
}

/* A schema that refers to itself twice at every level. */
static void test_tools_bomb(void **state)
{
    struct fixture f;

    (void)state;
    must_parse(
        &f, API_CHAT,
        "{" CHAT ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":"
        "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"},\"b\":{\"$ref\":\"#\"}}}}}]}");
    assert_true(f.q.prompt.tools_inexact);
    assert_true(f.q.unbounded);
    assert_true(f.q.prompt.tools.n <= 4u << 20);
    finish(&f);
}

static void test_anthropic_tools_rendered(void **state)
{
    check_tools(API_MESSAGES,
                "[{\"name\":\"f\",\"description\":\"D\",\"input_schema\":{\"type\":\"object\"},"
                "\"cache_control\":{\"type\":\"ephemeral\"}},{\"name\":\"g\",\"input_schema\":{}}]",
                "{\"description\": \"D\", \"name\": \"f\", \"parameters\": {\"type\": \"object\"}}"
                "{\"description\": \"\", \"name\": \"g\", \"parameters\": {}}",
                false);
    (void)state;
}

/* A deferred tool is out of the model's sight until the conversation refers to it. */
static void test_deferred_tools(void **state)
{
    static const char tools[] =
        "\"tools\":[{\"name\":\"a\",\"input_schema\":{},\"defer_loading\":true},"
        "{\"name\":\"b\",\"input_schema\":{},\"defer_loading\":true}]";
    struct fixture f;
    struct buf b;

    (void)state;
    buf_init(&b, 0);
    buf_printf(&b, "{" CHAT ",%s}", tools);
    must_parse(&f, API_MESSAGES, b.p);
    assert_int_equal(f.q.prompt.ntools, 0);
    assert_true(f.q.tools);
    finish(&f);
    buf_clear(&b);
    buf_printf(&b,
               "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
               "\"tool_result\",\"content\":[{\"type\":\"tool_reference\",\"tool_name\":\"b\"}]}]}"
               "],%s}",
               tools);
    must_parse(&f, API_MESSAGES, b.p);
    assert_int_equal(f.q.prompt.ntools, 1);
    assert_true(span_eq(f.q.prompt.tools,
                        SPAN("{\"description\": \"\", \"name\": \"b\", \"parameters\": {}}")));
    finish(&f);
    buf_finish(&b);
}

static void test_schema(void **state)
{
    struct fixture f;

    (void)state;
    must_parse(&f, API_CHAT,
               "{" CHAT
               ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\","
               "\"schema\":{\"type\": \"object\"}}}}");
    assert_true(span_eq(f.q.prompt.schema, SPAN("{\"type\":\"object\"}")));
    assert_false(f.q.prompt.schema_nested);
    finish(&f);
    must_parse(&f, API_MESSAGES,
               "{" CHAT ",\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":"
               "{\"properties\":{\"a\":{\"items\":{}}}}}}}");
    assert_true(f.q.prompt.schema.n > 0);
    assert_true(f.q.prompt.schema_nested);
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tools_rendered),
        cmocka_unit_test(test_tools_bomb),
        cmocka_unit_test(test_anthropic_tools_rendered),
        cmocka_unit_test(test_deferred_tools),
        cmocka_unit_test(test_schema),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
