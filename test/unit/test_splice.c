/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four that it needs */
#include <cmocka.h>

#include "wire/request.h"

#define M "\"model\":\"gpt-4o\",\"messages\":[]"

static void check(enum api api, const char *body, struct splice edits, const char *want)
{
    struct json_limits limits = JSON_LIMITS;
    struct arena a;
    struct request q;
    struct refusal r;
    struct buf out;
    struct span got;

    arena_init(&a, 1u << 20);
    buf_init(&out, 0);
    if (request_parse(api, span_of(body), &limits, &a, &q, &r))
        fail_msg("%s: %s", body, r.message);
    got = request_splice(&q, &edits, &out);
    if (!span_eq(got, span_of(want)))
        fail_msg("%s\nbecame %.*s\n   not %s", body, SPAN_FMT(got), want);
    if (strcmp(body, want) == 0)
        assert_ptr_equal(got.p, body);
    request_forget(&q);
    buf_finish(&out);
    arena_finish(&a);
}

static void test_usage(void **state)
{
    const struct splice usage = {.include_usage = true};

    (void)state;
    check(API_CHAT, "{" M "}", usage, "{" M "}");
    check(API_CHAT, "{" M ",\"stream\":false}", usage, "{" M ",\"stream\":false}");
    check(API_CHAT, "{ " M ",\"stream\":true}", usage,
          "{\"stream_options\":{\"include_usage\":true}, " M ",\"stream\":true}");
    check(API_CHAT, " {" M ",\"stream\":true,\"stream_options\":{}}", usage,
          " {" M ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
    check(API_CHAT, "{" M ",\"stream\":true,\"stream_options\": {\n}}", usage,
          "{" M ",\"stream\":true,\"stream_options\": {\"include_usage\":true\n}}");
    check(API_CHAT, "{" M ",\"stream\":true,\"stream_options\":null }", usage,
          "{" M ",\"stream\":true,\"stream_options\":{\"include_usage\":true} }");
    check(API_CHAT, "{" M ",\"stream\":true,\"stream_options\":{\"include_obfuscation\":false}}",
          usage,
          "{" M ",\"stream\":true,\"stream_options\":{\"include_usage\":true,"
          "\"include_obfuscation\":false}}");
    check(API_CHAT,
          "{" M ",\"stream\":true,\"stream_options\":{\"a\":1,\"include_usage\" : false }}", usage,
          "{" M ",\"stream\":true,\"stream_options\":{\"a\":1,\"include_usage\" : true }}");
    check(API_CHAT, "{" M ",\"stream\":true,\"stream_options\":{\"include_us\\u0061ge\":null}}",
          usage, "{" M ",\"stream\":true,\"stream_options\":{\"include_us\\u0061ge\":true}}");
    check(API_CHAT, "{" M ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}", usage,
          "{" M ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
    check(API_COMPLETIONS, "{\"model\":\"m\",\"stream\":true}", usage,
          "{\"stream_options\":{\"include_usage\":true},\"model\":\"m\",\"stream\":true}");
    check(API_RESPONSES, "{\"model\":\"m\",\"stream\":true}", usage,
          "{\"model\":\"m\",\"stream\":true}");
    check(API_MESSAGES, "{" M ",\"stream\":true}", usage, "{" M ",\"stream\":true}");
}

static void test_limit(void **state)
{
    const struct splice limit = {.max_tokens = 50};

    (void)state;
    check(API_CHAT, "{" M "}", limit, "{\"max_completion_tokens\":50," M "}");
    check(API_CHAT, "{\"model\":\"mistral\",\"messages\":[]}", limit,
          "{\"max_tokens\":50,\"model\":\"mistral\",\"messages\":[]}");
    check(API_CHAT, "{" M ",\"max_tokens\" : 99.0 }", limit, "{" M ",\"max_tokens\" : 50 }");
    check(API_CHAT, "{\"max_completion_tokens\":99," M "}", limit,
          "{\"max_completion_tokens\":50," M "}");
    check(API_CHAT, "{\"max_completion_tokens\":99," M ",\"max_tokens\":70}", limit,
          "{\"max_completion_tokens\":50," M ",\"max_tokens\":50}");
    check(API_CHAT, "{\"max_completion_tokens\":null," M ",\"max_tokens\":70}", limit,
          "{\"max_completion_tokens\":null," M ",\"max_tokens\":50}");
    check(API_CHAT, "{\"max_completion_tokens\":null," M ",\"max_tokens\":null}", limit,
          "{\"max_completion_tokens\":50," M ",\"max_tokens\":null}");
    check(API_RESPONSES, "{\"model\":\"m\"}", limit, "{\"max_output_tokens\":50,\"model\":\"m\"}");
    check(API_RESPONSES, "{\"model\":\"m\",\"max_output_tokens\":null}", limit,
          "{\"model\":\"m\",\"max_output_tokens\":50}");
    check(API_MESSAGES, "{" M ",\"max_tokens\":64000}", limit, "{" M ",\"max_tokens\":50}");
    check(API_COMPLETIONS, "{\"model\":\"m\"}", limit, "{\"max_tokens\":50,\"model\":\"m\"}");
    check(API_EMBEDDINGS, "{\"model\":\"m\",\"input\":\"\"}", limit,
          "{\"model\":\"m\",\"input\":\"\"}");
}

static void test_both(void **state)
{
    const struct splice both = {true, 50};

    (void)state;
    check(API_CHAT, "{\n" M ",\"stream\":true}", both,
          "{\"stream_options\":{\"include_usage\":true},\"max_completion_tokens\":50,\n" M
          ",\"stream\":true}");
    check(API_CHAT, "{\"max_tokens\":7,\"stream\":true,\"stream_options\":null," M "}", both,
          "{\"max_tokens\":50,\"stream\":true,\"stream_options\":{\"include_usage\":true}," M "}");
}

/* Random bodies. Each piece is written together with what the edit makes of it. */
static unsigned seed;

static unsigned pick(unsigned n)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 8) % n;
}

static const char *const spaces[] = {"", "", "", " ", "\n", "\t", "\r\n  ", "    "};

static void add_space(struct buf *b)
{
    buf_str(b, spaces[pick(sizeof spaces / sizeof *spaces)]);
}

static void add_value(struct buf *b, int depth)
{
    static const char *const scalars[] = {"null",
                                          "true",
                                          "0.7",
                                          "-0",
                                          "1E400",
                                          "123456789012345678901234567890",
                                          "\"\\\"}{][,:\\\\\"",
                                          "\"\\u0000\\ud83d\\ude00\"",
                                          "\"\xe4\xb8\xad\"",
                                          "\"stream_options\"",
                                          "\"\""};
    unsigned kind = pick(depth ? 4 : 2), n = pick(4);

    if (kind < 2) {
        buf_str(b, scalars[pick(sizeof scalars / sizeof *scalars)]);
        return;
    }
    buf_char(b, kind == 2 ? '[' : '{');
    for (unsigned i = 0; i < n; i++) {
        if (i)
            buf_char(b, ',');
        add_space(b);
        if (kind == 3)
            buf_printf(b, "\"%s%u\":", i ? "max_tokens" : "include_usage", i);
        add_value(b, depth - 1);
        add_space(b);
    }
    buf_char(b, kind == 2 ? ']' : '}');
}

struct pair {
    struct buf body, want;
};

static void add_both(struct pair *p, const char *body, const char *want)
{
    buf_str(&p->body, body);
    buf_str(&p->want, want);
}

static void add_filler(struct pair *p, unsigned i)
{
    struct buf b;

    buf_init(&b, 0);
    add_space(&b);
    buf_printf(&b, ",\"filler%u\"", i);
    add_space(&b);
    buf_char(&b, ':');
    add_space(&b);
    add_value(&b, 4);
    add_space(&b);
    add_both(p, b.p, b.p);
    buf_finish(&b);
}

static void test_random_bodies(void **state)
{
    static const char *const members[][2] = {
        {",\"stream_options\":{ }", ",\"stream_options\":{\"include_usage\":true }"},
        {",\"stream_options\" :null", ",\"stream_options\" :{\"include_usage\":true}"},
        {",\"stream_options\":{\"x\":[{}]}",
         ",\"stream_options\":{\"include_usage\":true,\"x\":[{}]}"},
        {",\"stream_options\":{\"x\":1, \"include_usage\": false}",
         ",\"stream_options\":{\"x\":1, \"include_usage\": true}"},
    };
    static const char *const limits[][2] = {
        {",\"max_tokens\": 7", ",\"max_tokens\": 50"},
        {",\"max_completion_tokens\":7e1 ", ",\"max_completion_tokens\":50 "},
    };
    const struct splice both = {true, 50};

    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        unsigned option = pick(5), limit = pick(3);
        struct pair p;
        seed = round;
        buf_init(&p.body, 0);
        buf_init(&p.want, 0);
        add_both(&p, "{", "{");
        if (option == 4)
            buf_str(&p.want, "\"stream_options\":{\"include_usage\":true},");
        if (limit == 2)
            buf_str(&p.want, "\"max_completion_tokens\":50,");
        add_both(&p, "\"model\":\"gpt-4o\"", "\"model\":\"gpt-4o\"");
        add_filler(&p, 0);
        if (option < 4)
            add_both(&p, members[option][0], members[option][1]);
        add_filler(&p, 1);
        if (limit < 2)
            add_both(&p, limits[limit][0], limits[limit][1]);
        add_filler(&p, 2);
        add_both(&p, ",\"messages\":[],\"stream\":true}", ",\"messages\":[],\"stream\":true}");
        check(API_CHAT, p.body.p, both, p.want.p);
        check(API_CHAT, p.body.p, (struct splice){false, 0}, p.body.p);
        buf_finish(&p.body);
        buf_finish(&p.want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_both),
        cmocka_unit_test(test_random_bodies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
