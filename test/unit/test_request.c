/* SPDX-License-Identifier: MIT */
#include "request_fixture.h"

static void test_bad_values(void **state)
{
    static const struct {
        enum api api;
        const char *body, *param;
    } rows[] = {
        {API_CHAT, "{\"messages\":[]}", "model"},
        {API_CHAT, "{\"model\":null,\"messages\":[]}", "model"},
        {API_CHAT, "{\"model\":7,\"messages\":[]}", "model"},
        {API_CHAT, "{\"model\":\"\",\"messages\":[]}", "model"},
        {API_CHAT, "{\"model\":\"a\\nb\",\"messages\":[]}", "model"},
        {API_CHAT, "{\"model\":\"a\\u0000b\",\"messages\":[]}", "model"},
        {API_CHAT, "{\"model\":\"a\\u0085b\",\"messages\":[]}", "model"},
        {API_CHAT, "{\"model\":\"a\\u2028b\",\"messages\":[]}", "model"},
        {API_CHAT, "{\"model\":\"m\"}", "messages"},
        {API_CHAT, "{\"model\":\"m\",\"messages\":null}", "messages"},
        {API_CHAT, "{\"model\":\"m\",\"messages\":{}}", "messages"},
        {API_CHAT, "{\"model\":\"m\",\"messages\":\"Hi\"}", "messages"},
        {API_CHAT, "{\"model\":\"m\",\"messages\":[7]}", "messages"},
        {API_CHAT, "{\"model\":\"m\",\"messages\":[{\"content\":\"Hi\"}]}", "messages"},
        {API_MESSAGES, "{\"model\":\"m\"}", "messages"},
        {API_MESSAGES, "{\"model\":\"m\",\"messages\":\"Hi\"}", "messages"},
        {API_MESSAGES, "{\"model\":\"m\",\"messages\":[[]]}", "messages"},
        {API_RESPONSES, "{\"model\":\"m\",\"input\":7}", "input"},
        {API_RESPONSES, "{\"model\":\"m\",\"input\":[\"Hi\"]}", "input"},
        {API_RESPONSES, "{\"model\":\"m\",\"input\":\"Hi\",\"instructions\":[]}", "instructions"},
        {API_RESPONSES, "{\"model\":\"m\",\"input\":\"Hi\",\"tools\":{}}", "tools"},
        {API_RESPONSES, "{\"model\":\"m\",\"input\":\"\",\"max_output_tokens\":\"5\"}",
         "max_output_tokens"},
        {API_EMBEDDINGS, "{\"model\":\"m\"}", "input"},
        {API_EMBEDDINGS, "{\"model\":\"m\",\"input\":{}}", "input"},
        {API_EMBEDDINGS, "{\"model\":\"m\",\"input\":[1,\"a\"]}", "input"},
        {API_COMPLETIONS, "{\"model\":\"m\",\"prompt\":7}", "prompt"},
        {API_COMPLETIONS, "{\"model\":\"m\",\"prompt\":\"a\",\"best_of\":1000}", "best_of"},
        {API_CHAT, "{" CHAT ",\"max_tokens\":9223372036854775808}", "max_tokens"},
        {API_CHAT, "{" CHAT ",\"max_tokens\":9223372036854775807}", "max_tokens"},
        {API_CHAT, "{" CHAT ",\"max_tokens\":1e400}", "max_tokens"},
        {API_CHAT, "{" CHAT ",\"max_tokens\":1.5}", "max_tokens"},
        {API_CHAT, "{" CHAT ",\"max_tokens\":-1}", "max_tokens"},
        {API_CHAT, "{" CHAT ",\"max_tokens\":-0.5}", "max_tokens"},
        {API_CHAT, "{" CHAT ",\"max_tokens\":\"5\"}", "max_tokens"},
        {API_CHAT, "{" CHAT ",\"max_tokens\":true}", "max_tokens"},
        {API_CHAT, "{" CHAT ",\"max_completion_tokens\":[]}", "max_completion_tokens"},
        {API_CHAT, "{" CHAT ",\"n\":1000000000}", "n"},
        {API_CHAT, "{" CHAT ",\"n\":0}", "n"},
        {API_CHAT, "{" CHAT ",\"n\":\"1\"}", "n"},
        {API_CHAT, "{" CHAT ",\"stream\":\"yes\"}", "stream"},
        {API_CHAT, "{" CHAT ",\"stream\":1}", "stream"},
        {API_CHAT, "{" CHAT ",\"stream_options\":[]}", "stream_options"},
        {API_CHAT, "{" CHAT ",\"stream_options\":{\"include_usage\":\"yes\"}}",
         "stream_options.include_usage"},
        {API_CHAT, "{" CHAT ",\"tools\":{}}", "tools"},
        {API_CHAT, "{" CHAT ",\"service_tier\":1}", "service_tier"},
        {API_MESSAGES, "{" CHAT ",\"speed\":1}", "speed"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture f;
        if (parse(&f, rows[i].api, rows[i].body) == 0)
            fail_msg("not refused: %s", rows[i].body);
        if (f.r.kind != REFUSE_BAD_VALUE || !f.r.param || strcmp(f.r.param, rows[i].param) != 0)
            fail_msg("%s: kind %d, param %s", rows[i].body, f.r.kind, f.r.param);
        arena_finish(&f.a);
    }
}

static void test_long_model(void **state)
{
    static const size_t lengths[] = {255, 256, 10000};
    struct buf b;

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct fixture f;
        buf_init(&b, 0);
        buf_printf(&b, "{\"model\":\"%0*d\",\"messages\":[]}", (int)lengths[i], 7);
        if (parse(&f, API_CHAT, b.p) == 0)
            request_forget(&f.q);
        else
            assert_string_equal(f.r.param, "model");
        assert_int_equal(f.q.model.n == lengths[i], lengths[i] < 256);
        arena_finish(&f.a);
        buf_finish(&b);
    }
}

static void test_json_faults(void **state)
{
    static const struct {
        const char *body;
        enum refusal_kind kind;
    } rows[] = {
        {"", REFUSE_INVALID_JSON},
        {"{", REFUSE_INVALID_JSON},
        {"{\"model\":\"a\",\"model\":\"b\"}", REFUSE_DUPLICATE_KEY},
    };
    struct json_limits shallow = {2, 10};
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(parse(&f, API_CHAT, rows[i].body), -1);
        assert_int_equal(f.r.kind, rows[i].kind);
        arena_finish(&f.a);
    }
    arena_init(&f.a, ARENA_CAP);
    assert_int_equal(request_parse(API_CHAT, SPAN("{\"a\":[[[]]]}"), &shallow, &f.a, &f.q, &f.r),
                     -1);
    assert_int_equal(f.r.kind, REFUSE_JSON_TOO_COMPLEX);
    arena_finish(&f.a);
}

static void test_small_arena(void **state)
{
    struct json_limits limits = JSON_LIMITS;
    struct fixture f;

    (void)state;
    arena_init(&f.a, 64);
    assert_int_equal(request_parse(API_CHAT, SPAN("{" CHAT "}"), &limits, &f.a, &f.q, &f.r), -1);
    assert_int_equal(f.r.kind, REFUSE_JSON_TOO_COMPLEX);
    arena_finish(&f.a);
}

static void test_facts(void **state)
{
    static const struct {
        enum api api;
        const char *body;
        int64_t limit, n;
        const char *limit_key;
        enum service_tier tier;
        bool stream, tools, unbounded, opaque;
    } rows[] = {
        {API_CHAT, "{" CHAT "}", 0, 1, "max_completion_tokens", 0, 0, 0, 0, 0},
        {API_CHAT, "{\"model\":\"mistral-large\",\"messages\":[]}", 0, 1, "max_tokens", 0, 0, 0, 0,
         0},
        {API_CHAT, "{" CHAT ",\"max_tokens\":5}", 5, 1, "max_tokens", 0, 0, 0, 0, 0},
        {API_CHAT, "{" CHAT ",\"max_tokens\":5.0}", 5, 1, "max_tokens", 0, 0, 0, 0, 0},
        {API_CHAT, "{" CHAT ",\"max_tokens\":0}", 1, 1, "max_tokens", 0, 0, 0, 0, 0},
        {API_CHAT, "{" CHAT ",\"max_tokens\":5,\"max_completion_tokens\":7}", 7, 1,
         "max_completion_tokens", 0, 0, 0, 0, 0},
        {API_CHAT, "{" CHAT ",\"max_tokens\":5,\"max_completion_tokens\":null}", 5, 1, "max_tokens",
         0, 0, 0, 0, 0},
        {API_CHAT, "{" CHAT ",\"n\":3,\"stream\":true,\"service_tier\":\"flex\"}", 0, 3,
         "max_completion_tokens", TIER_FLEX, 1, 0, 0, 0},
        {API_CHAT, "{" CHAT ",\"service_tier\":\"priority\",\"stream\":null}", 0, 1,
         "max_completion_tokens", TIER_PRIORITY, 0, 0, 0, 0},
        {API_CHAT, "{" CHAT ",\"service_tier\":\"warp\"}", 0, 1, "max_completion_tokens",
         TIER_PRIORITY, 0, 0, 1, 1},
        {API_CHAT, "{" CHAT ",\"chat_template_kwargs\":{}}", 0, 1, "max_completion_tokens", 0, 0, 0,
         0, 1},
        {API_CHAT, "{" CHAT ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}",
         0, 1, "max_completion_tokens", 0, 0, 1, 0, 0},
        {API_CHAT, "{" CHAT ",\"tools\":[{\"type\":\"wormhole\"}]}", 0, 1, "max_completion_tokens",
         0, 0, 1, 1, 1},
        {API_CHAT, "{" CHAT ",\"tools\":[]}", 0, 1, "max_completion_tokens", 0, 0, 0, 0, 0},
        {API_CHAT, "{" CHAT ",\"audio\":{\"voice\":\"alloy\"}}", 0, 1, "max_completion_tokens", 0,
         0, 0, 1, 1},
        {API_CHAT, "{" CHAT ",\"web_search_options\":{}}", 0, 1, "max_completion_tokens", 0, 0, 0,
         1, 1},
        {API_RESPONSES, "{\"model\":\"gpt-5\",\"input\":\"Hi\",\"max_output_tokens\":99}", 99, 1,
         "max_output_tokens", 0, 0, 0, 0, 0},
        {API_RESPONSES,
         "{\"model\":\"gpt-5\",\"input\":[{\"type\":\"message\",\"role\":\"user\","
         "\"content\":[{\"type\":\"input_text\",\"text\":\"Hi\"}]}]}",
         0, 1, "max_output_tokens", 0, 0, 0, 0, 0},
        {API_RESPONSES, "{\"model\":\"gpt-5\",\"previous_response_id\":\"r\"}", 0, 1,
         "max_output_tokens", 0, 0, 0, 1, 1},
        {API_RESPONSES, "{\"model\":\"gpt-5\",\"input\":\"Hi\",\"previous_response_id\":null}", 0,
         1, "max_output_tokens", 0, 0, 0, 0, 0},
        {API_RESPONSES, "{\"model\":\"gpt-5\",\"input\":\"Hi\",\"reasoning\":{\"mode\":\"pro\"}}",
         0, 1, "max_output_tokens", 0, 0, 0, 1, 1},
        {API_RESPONSES,
         "{\"model\":\"gpt-5\",\"input\":\"Hi\",\"tools\":[{\"type\":\"web_search\"}]}", 0, 1,
         "max_output_tokens", 0, 0, 1, 1, 1},
        {API_RESPONSES,
         "{\"model\":\"gpt-5\",\"input\":\"Hi\",\"tools\":[{\"type\":\"local_shell\"}]}", 0, 1,
         "max_output_tokens", 0, 0, 1, 0, 1},
        {API_COMPLETIONS, "{\"model\":\"davinci-002\"}", 16, 1, "max_tokens", 0, 0, 0, 0, 0},
        {API_COMPLETIONS,
         "{\"model\":\"davinci-002\",\"prompt\":[\"a\",\"b\"],\"n\":2,"
         "\"best_of\":3,\"max_tokens\":4}",
         4, 6, "max_tokens", 0, 0, 0, 0, 0},
        {API_COMPLETIONS, "{\"model\":\"davinci-002\",\"prompt\":[[1,2],[3]],\"n\":2}", 16, 4,
         "max_tokens", 0, 0, 0, 0, 0},
        {API_COMPLETIONS, "{\"model\":\"davinci-002\",\"prompt\":[1,2,3]}", 16, 1, "max_tokens", 0,
         0, 0, 0, 0},
        {API_MESSAGES, "{" CHAT "}", 0, 1, "max_tokens", 0, 0, 0, 0, 0},
        {API_MESSAGES, "{" CHAT ",\"max_tokens\":64000,\"stream\":true,\"speed\":\"fast\"}", 64000,
         1, "max_tokens", TIER_FAST, 1, 0, 0, 0},
        {API_MESSAGES, "{" CHAT ",\"tools\":[{\"name\":\"f\",\"input_schema\":{}}]}", 0, 1,
         "max_tokens", 0, 0, 1, 0, 0},
        {API_MESSAGES, "{" CHAT ",\"tools\":[{\"type\":\"web_search_20250305\"}]}", 0, 1,
         "max_tokens", 0, 0, 1, 1, 1},
        {API_MESSAGES, "{" CHAT ",\"tools\":[{\"type\":\"bash_20250124\",\"name\":\"bash\"}]}", 0,
         1, "max_tokens", 0, 0, 1, 0, 1},
        {API_MESSAGES, "{" CHAT ",\"mcp_servers\":[{}]}", 0, 1, "max_tokens", 0, 0, 0, 1, 1},
        {API_MESSAGES, "{" CHAT ",\"mcp_servers\":[]}", 0, 1, "max_tokens", 0, 0, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture f;
        must_parse(&f, rows[i].api, rows[i].body);
        if (f.q.output_limit != rows[i].limit || f.q.n != rows[i].n ||
            strcmp(f.q.limit_key, rows[i].limit_key) != 0 || f.q.tier != rows[i].tier ||
            f.q.stream != rows[i].stream || f.q.tools != rows[i].tools ||
            f.q.unbounded != rows[i].unbounded || f.q.prompt.opaque != rows[i].opaque)
            fail_msg("%s: limit %lld, n %lld, key %s, tier %d, stream %d, tools %d, unbounded %d, "
                     "opaque %d",
                     rows[i].body, (long long)f.q.output_limit, (long long)f.q.n, f.q.limit_key,
                     f.q.tier, f.q.stream, f.q.tools, f.q.unbounded, f.q.prompt.opaque);
        finish(&f);
    }
}

/* What the input can be billed as bounds its price. */
static void test_kinds(void **state)
{
    enum {
        PLAIN = 1 << TOK_INPUT,
        READ = 1 << TOK_CACHE_READ,
        W5M = 1 << TOK_CACHE_WRITE_5M,
        W1H = 1 << TOK_CACHE_WRITE_1H,
        W30M = 1 << TOK_CACHE_WRITE_30M,
        W12H = 1 << TOK_CACHE_WRITE_12H,
    };
    static const struct {
        enum api api;
        const char *body;
        unsigned kinds;
    } rows[] = {
        {API_CHAT, "{" CHAT "}", PLAIN | READ | W30M},
        {API_CHAT, "{" CHAT ",\"prompt_cache_options\":{\"ttl\":\"12h\"}}",
         PLAIN | READ | W30M | W12H},
        {API_CHAT, "{" CHAT ",\"prompt_cache_retention\":\"24h\"}", PLAIN | READ | W30M},
        {API_RESPONSES, "{\"model\":\"m\",\"prompt_cache_retention\":\"12h\"}",
         PLAIN | READ | W30M | W12H},
        {API_RESPONSES, "{\"model\":\"m\",\"conversation\":\"c\"}", 0},
        {API_EMBEDDINGS, "{\"model\":\"m\",\"input\":\"\"}", PLAIN},
        {API_MESSAGES, "{" CHAT "}", PLAIN},
        {API_MESSAGES, "{" CHAT ",\"cache_control\":null}", PLAIN},
        {API_MESSAGES, "{" CHAT ",\"cache_control\":{\"type\":\"ephemeral\"}}", PLAIN | READ | W5M},
        {API_MESSAGES,
         "{" CHAT ",\"system\":[{\"type\":\"text\",\"text\":\"\",\"cache_control\":{\"ttl\":"
         "\"5m\"}}]}",
         PLAIN | READ | W5M},
        {API_MESSAGES, "{" CHAT ",\"tools\":[{\"name\":\"f\",\"cache_control\":{\"ttl\":\"1h\"}}]}",
         PLAIN | READ | W5M | W1H},
        {API_MESSAGES,
         "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
         "\"tool_result\",\"content\":[{\"type\":\"mcp_tool_use\",\"cache_control\":{\"ttl\":7}}]}]"
         "}]}",
         PLAIN | READ | W5M | W1H},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture f;
        must_parse(&f, rows[i].api, rows[i].body);
        if (f.q.kinds != rows[i].kinds)
            fail_msg("%s: %#x instead of %#x", rows[i].body, f.q.kinds, rows[i].kinds);
        finish(&f);
    }
}

static void check_part(const struct message *m, int i, enum part_kind kind, const char *text,
                       const char *name)
{
    assert_true(i < m->nparts);
    assert_int_equal(m->parts[i].kind, kind);
    assert_true(span_eq(m->parts[i].text, span_of(text)));
    assert_true(span_eq(m->parts[i].name, span_of(name)));
}

static void test_chat_history(void **state)
{
    struct fixture f;
    const struct message *m;

    (void)state;
    must_parse(
        &f, API_CHAT,
        "{\"model\":\"gpt-4o\",\"messages\":["
        "{\"role\":\"developer\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
        "{\"type\":\"text\",\"text\":\"b\"}],\"name\":\"bob\"},"
        "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":["
        "{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},"
        "{\"id\":\"c2\",\"type\":\"custom\",\"custom\":{\"name\":\"g\",\"input\":\"x\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":\"two\"},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"one\"},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c9\",\"content\":\"none\"}]}");
    m = f.q.prompt.messages;
    assert_int_equal(f.q.prompt.nmessages, 5);
    assert_true(span_eq(m[0].name, SPAN("bob")));
    check_part(&m[0], 0, PART_TEXT, "a", "");
    check_part(&m[0], 1, PART_TEXT, "b", "");
    check_part(&m[1], 0, PART_TOOL_CALL, "{}", "f");
    check_part(&m[1], 1, PART_TOOL_CALL, "x", "g");
    check_part(&m[2], 0, PART_TOOL_RESULT, "two", "g");
    check_part(&m[3], 0, PART_TOOL_RESULT, "one", "f");
    check_part(&m[4], 0, PART_TOOL_RESULT, "none", "");
    assert_false(f.q.prompt.opaque);
    finish(&f);
}

static void test_responses_history(void **state)
{
    struct fixture f;
    const struct message *m;

    (void)state;
    must_parse(&f, API_RESPONSES,
               "{\"model\":\"gpt-5\",\"instructions\":\"Be brief\",\"input\":["
               "{\"role\":\"user\",\"content\":\"Hi\"},"
               "{\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"hm\"}],"
               "\"encrypted_content\":\"0123456789abcdef\"},"
               "{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"},"
               "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"ok\"},"
               "{\"type\":\"teleport\",\"to\":7}]}");
    m = f.q.prompt.messages;
    assert_int_equal(f.q.prompt.nmessages, 6);
    assert_true(span_eq(m[0].role, SPAN("system")));
    check_part(&m[0], 0, PART_TEXT, "Be brief", "");
    check_part(&m[1], 0, PART_TEXT, "Hi", "");
    check_part(&m[2], 0, PART_THINKING, "hm", "");
    assert_int_equal(m[2].parts[1].ntokens, 3);
    check_part(&m[3], 0, PART_TOOL_CALL, "{}", "f");
    check_part(&m[4], 0, PART_TOOL_RESULT, "ok", "f");
    check_part(&m[5], 0, PART_UNKNOWN, "{\"type\":\"teleport\",\"to\":7}", "");
    assert_true(f.q.prompt.opaque);
    assert_true(f.q.unbounded);
    finish(&f);
}

static void test_messages_blocks(void **state)
{
    struct fixture f;
    const struct message *m;

    (void)state;
    must_parse(
        &f, API_MESSAGES,
        "{\"model\":\"claude-sonnet-4-5\",\"system\":[{\"type\":\"text\",\"text\":\"S\"}],"
        "\"tool_choice\":{\"type\":\"any\"},\"messages\":["
        "{\"role\":\"user\",\"content\":\"Hi\"},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\"},"
        "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{\"a\": 1}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t\","
        "\"content\":[{\"type\":\"text\",\"text\":\"ok\"}]},"
        "{\"type\":\"document\",\"source\":{\"type\":\"text\",\"data\":\"doc\"}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t\"}]}]}");
    m = f.q.prompt.messages;
    assert_int_equal(f.q.prompt.nmessages, 5);
    check_part(&m[0], 0, PART_TEXT, "S", "");
    check_part(&m[1], 0, PART_TEXT, "Hi", "");
    check_part(&m[2], 0, PART_THINKING, "hm", "");
    check_part(&m[2], 1, PART_TOOL_CALL, "{\"a\":1}", "f");
    check_part(&m[3], 0, PART_TOOL_RESULT, "ok", "");
    check_part(&m[3], 1, PART_TEXT, "doc", "");
    check_part(&m[4], 0, PART_TOOL_RESULT, "", "");
    assert_int_equal(f.q.prompt.tool_choice, CHOICE_ANY);
    assert_false(f.q.prompt.opaque);
    finish(&f);
}

/* What cannot be counted is passed, and said. */
static void test_media(void **state)
{
    static const struct {
        enum api api;
        const char *content;
        enum part_kind kind;
        bool opaque, unbounded, media;
    } rows[] = {
        {API_CHAT, "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://e.org/i\"}}",
         PART_IMAGE, 0, 0, 1},
        {API_CHAT, "{\"type\":\"input_audio\",\"input_audio\":{}}", PART_AUDIO, 1, 1, 1},
        {API_CHAT, "{\"type\":\"file\",\"file\":{}}", PART_FILE, 1, 1, 1},
        {API_CHAT, "{\"type\":\"hologram\"}", PART_UNKNOWN, 1, 1, 0},
        {API_CHAT, "{\"type\":\"text\",\"text\":7}", PART_UNKNOWN, 1, 1, 0},
        {API_CHAT, "7", PART_UNKNOWN, 1, 1, 0},
        {API_MESSAGES, "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"u\"}}",
         PART_IMAGE, 0, 0, 1},
        {API_MESSAGES, "{\"type\":\"document\",\"source\":{\"type\":\"base64\"}}", PART_FILE, 1, 1,
         1},
        {API_MESSAGES, "{\"type\":\"mcp_tool_use\"}", PART_UNKNOWN, 1, 0, 0},
        {API_MESSAGES, "{\"type\":\"hologram\"}", PART_UNKNOWN, 1, 1, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture f;
        struct buf b;
        buf_init(&b, 0);
        buf_printf(&b, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[%s]}]}",
                   rows[i].content);
        must_parse(&f, rows[i].api, b.p);
        assert_int_equal(f.q.prompt.messages[0].parts[0].kind, rows[i].kind);
        assert_int_equal(f.q.prompt.opaque, rows[i].opaque);
        assert_int_equal(f.q.unbounded, rows[i].unbounded);
        assert_int_equal(f.q.prompt.media, rows[i].media);
        finish(&f);
        buf_finish(&b);
    }
}

/* What is kept as JSON says what the client's JSON said. */
static void test_json_kept(void **state)
{
    const char *input =
        "{\"s\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u0000é😀 and more than eight\",\"i\":-5,"
        "\"r\":0.7,\"k\\n\":[true,false,null,{},[]]}";
    struct fixture f;
    struct buf b;

    (void)state;
    buf_init(&b, 0);
    buf_printf(&b,
               "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":"
               "\"tool_use\",\"name\":\"f\",\"input\":%s}]}]}",
               input);
    must_parse(&f, API_MESSAGES, b.p);
    check_part(&f.q.prompt.messages[0], 0, PART_TOOL_CALL, input, "f");
    finish(&f);
    buf_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_values),      cmocka_unit_test(test_long_model),
        cmocka_unit_test(test_json_faults),     cmocka_unit_test(test_small_arena),
        cmocka_unit_test(test_facts),           cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_chat_history),    cmocka_unit_test(test_responses_history),
        cmocka_unit_test(test_messages_blocks), cmocka_unit_test(test_media),
        cmocka_unit_test(test_json_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
