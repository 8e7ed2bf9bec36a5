/* SPDX-License-Identifier: MIT */
#include "count_fixture.h"
#include "patience.h"

#include "base/clock.h"

#define JARGON                                                                                     \
    "{\"role\":\"system\",\"content\":\"You are a helpful, pattern-following assistant that "      \
    "translates corporate jargon into plain English.\"},"                                          \
    "{\"role\":\"system\",\"name\":\"example_user\",\"content\":\"New synergies will help drive "  \
    "top-line growth.\"},"                                                                         \
    "{\"role\":\"system\",\"name\":\"example_assistant\",\"content\":\"Things working well "       \
    "together will increase revenue.\"},"                                                          \
    "{\"role\":\"system\",\"name\":\"example_user\",\"content\":\"Let's circle back when we have " \
    "more bandwidth to touch base on opportunities for increased leverage.\"},"                    \
    "{\"role\":\"system\",\"name\":\"example_assistant\",\"content\":\"Let's talk later when "     \
    "we're less busy about how to do better.\"},"                                                  \
    "{\"role\":\"user\",\"content\":\"This late pivot means we don't have time to boil the ocean " \
    "for the client deliverable.\"}"

#define WEATHER                                                                                    \
    "\"messages\":[{\"role\":\"system\",\"content\":\"You are a helpful assistant that can "       \
    "answer to questions about the weather.\"},{\"role\":\"user\",\"content\":\"What's the "       \
    "weather like in San Francisco?\"}],\"tools\":[{\"type\":\"function\",\"function\":{"          \
    "\"name\":\"get_current_weather\",\"description\":\"Get the current weather in a given "       \
    "location\",\"parameters\":{\"type\":\"object\",\"properties\":{\"location\":{\"type\":"       \
    "\"string\",\"description\":\"The city and state, e.g. San Francisco, CA\"},\"unit\":{"        \
    "\"type\":\"string\",\"description\":\"The unit of temperature to return\",\"enum\":["         \
    "\"celsius\",\"fahrenheit\"]}},\"required\":[\"location\"]}}}]"

/*
 * Published counts: OpenAI's cookbook ("How to count tokens with tiktoken") and the tests of
 * hmarr/openai-chat-tokens (MIT), both taken from the API's own figures.
 */
static void published_counts(void **state)
{
    static const struct {
        const char *model, *rest;
        int64_t tokens;
    } rows[] = {
        {"gpt-3.5-turbo-0301", "\"messages\":[" JARGON "]", 127},
        {"gpt-3.5-turbo-0613", "\"messages\":[" JARGON "]", 129},
        {"gpt-4-0613", "\"messages\":[" JARGON "]", 129},
        {"gpt-4o", "\"messages\":[" JARGON "]", 124},
        {"gpt-4o-mini", "\"messages\":[" JARGON "]", 124},
        {"gpt-3.5-turbo", WEATHER, 105},
        {"gpt-4", WEATHER, 105},
        {"gpt-4o", WEATHER, 101},
        {"gpt-4o-mini", WEATHER, 101},
        {"gpt-3.5-turbo", HELLO, 8},
        {"gpt-3.5-turbo",
         HELLO ",\"functions\":[{\"name\":\"foo\",\"parameters\":{\"type\":"
               "\"object\",\"properties\":{}}}]",
         31},
        {"gpt-3.5-turbo",
         HELLO ",\"functions\":[{\"name\":\"foo\",\"parameters\":{\"type\":"
               "\"object\",\"properties\":{}}}],\"function_call\":\"none\"",
         32},
        {"gpt-3.5-turbo",
         HELLO ",\"functions\":[{\"name\":\"foo\",\"parameters\":{\"type\":"
               "\"object\",\"properties\":{}}}],\"function_call\":{\"name\":\"foo\"}",
         36},
        {"gpt-3.5-turbo",
         HELLO ",\"functions\":[{\"name\":\"bing_bong\",\"description\":\"Do a bing bong\","
               "\"parameters\":{\"type\":\"object\",\"properties\":{\"foo\":{\"type\":\"string\"},"
               "\"bar\":{\"type\":\"number\",\"description\":\"A number\"}}}}]",
         57},
        {"gpt-3.5-turbo",
         HELLO ",\"functions\":[{\"name\":\"bing_bong\",\"description\":\"Do a bing bong\","
               "\"parameters\":{\"type\":\"object\",\"properties\":{\"foo\":{\"type\":\"object\","
               "\"properties\":{\"bar\":{\"type\":\"string\",\"enum\":[\"a\",\"b\",\"c\"]},"
               "\"baz\":{\"type\":\"boolean\"}}}}}}]",
         68},
        {"gpt-3.5-turbo",
         "\"messages\":[{\"role\":\"user\",\"content\":\"hello world\"},{\"role\":\"function\","
         "\"name\":\"do_stuff\",\"content\":\"{}\"}]",
         15},
        {"gpt-3.5-turbo",
         "\"messages\":[{\"role\":\"assistant\",\"content\":\"\",\"function_call\":{\"name\":"
         "\"do_stuff\",\"arguments\":\"{\\\"foo\\\": \\\"bar\\\", \\\"baz\\\": 1.5}\"}}]",
         26},
        {"gpt-3.5-turbo",
         "\"messages\":[{\"role\":\"system\",\"content\":\"Hello:\"},{\"role\":\"user\","
         "\"content\":\"Hi there\"}],\"functions\":[{\"name\":\"do_stuff\",\"parameters\":"
         "{\"type\":\"object\",\"properties\":{}}}]",
         35},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf b;
        struct count c;

        buf_init(&b, 0);
        buf_printf(&b, "{\"model\":\"%s\",%s}", rows[i].model, rows[i].rest);
        c = count_body(API_CHAT, buf_all(&b));
        if (c.tokens != rows[i].tokens)
            fail_msg("row %zu, %s: %lld instead of %lld", i, rows[i].model, (long long)c.tokens,
                     (long long)rows[i].tokens);
        buf_finish(&b);
    }
}

#define TOOL_PARAMETERS                                                                            \
    "\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},"         \
    "\"required\":[\"city\"]}"
#define CHAT_TOOL                                                                                  \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"get_time\",\"description\":"       \
    "\"The time.\"," TOOL_PARAMETERS "}}]"
#define FLAT_TOOL                                                                                  \
    "\"tools\":[{\"type\":\"function\",\"name\":\"get_time\",\"description\":\"The "               \
    "time.\"," TOOL_PARAMETERS "}]"
#define TOOL_HEAD "namespace functions {\n\n"
#define TOOL_REST                                                                                  \
    "// The time.\ntype get_time = (_: {\ncity: string}) => any;\n\n} // namespace functions"

/* Every rule by itself: the texts of which the request consists, and the frame around them. */
static void rules(void **state)
{
    static const struct {
        enum api api;
        const char *body;
        const char *texts[8];
        int frame;
        enum count_method method;
    } rows[] = {
        {API_CHAT,
         "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"hello world\"}]}",
         {"user", "hello world"},
         3 + 3,
         COUNT_EXACT},
        {API_CHAT,
         "{\"model\":\"gpt-5\",\"messages\":[{\"role\":\"user\",\"content\":\"hello world\"}]}",
         {"user", "hello world"},
         3 + 2,
         COUNT_EXACT},
        {API_CHAT,
         "{\"model\":\"o3-mini\",\"messages\":[{\"role\":\"developer\",\"content\":\"hello\"},"
         "{\"role\":\"user\",\"name\":\"bob\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}]}",
         {"system", "hello", "user", "a", "bob"},
         3 + 3 + 1 + 2,
         COUNT_EXACT},
        {API_CHAT,
         "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":["
         "{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}]}",
         {"user", "a", "b"},
         3 + 3,
         COUNT_NEAR},
        {API_CHAT,
         "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"assistant\",\"content\":\"a\"},"
         "{\"role\":\"assistant\",\"content\":\"b\"}]}",
         {"assistant", "a", "assistant", "b"},
         3 + 3 + 3,
         COUNT_NEAR},
        {API_CHAT,
         "{\"model\":\"gpt-5\",\"messages\":[{\"role\":\"assistant\",\"content\":\"a\"},"
         "{\"role\":\"user\",\"content\":\"b\"}]}",
         {"assistant", "a", "user", "b"},
         3 + 2 + 3 + 2,
         COUNT_NEAR},
        {API_CHAT,
         "{\"model\":\"gpt-6\",\"messages\":[{\"role\":\"user\",\"content\":\"hello world\"}]}",
         {"user", "hello world"},
         3 + 2,
         COUNT_APPROXIMATE},
        {API_CHAT,
         "{\"model\":\"mistral-large\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}",
         {"user", "hello"},
         3 + 3,
         COUNT_APPROXIMATE},
        {API_RESPONSES,
         "{\"model\":\"gpt-4.1\",\"input\":\"hello\",\"instructions\":\"be brief\"}",
         {"system", "be brief", "user", "hello"},
         3 + 3 + 3,
         COUNT_EXACT},
        {API_RESPONSES,
         "{\"model\":\"gpt-5.2\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":"
         "\"input_text\",\"text\":\"hello\"}]}]}",
         {"user", "hello"},
         3 + 2,
         COUNT_EXACT},
        {API_CHAT,
         "{\"model\":\"gpt-5\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]," CHAT_TOOL
         "}",
         {"user", "hi", TOOL_HEAD, TOOL_REST},
         3 + 2 + 90,
         COUNT_EXACT},
        {API_RESPONSES,
         "{\"model\":\"gpt-5\",\"input\":\"hi\"," FLAT_TOOL "}",
         {"user", "hi", TOOL_HEAD, TOOL_REST},
         3 + 2 + 8,
         COUNT_EXACT},
        {API_CHAT,
         "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]," CHAT_TOOL
         "}",
         {"user", "hi", TOOL_HEAD TOOL_REST},
         3 + 3 + 9,
         COUNT_NEAR},
        {API_RESPONSES,
         "{\"model\":\"gpt-4o\",\"input\":\"hi\"," FLAT_TOOL "}",
         {"user", "hi", TOOL_HEAD TOOL_REST},
         3 + 3 + 3,
         COUNT_NEAR},
        {API_CHAT,
         "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"developer\",\"content\":\"brief\"},"
         "{\"role\":\"user\",\"content\":\"hi\"}]," CHAT_TOOL "}",
         {"system", "brief\n", "user", "hi", TOOL_HEAD TOOL_REST},
         3 + 3 + 3 + 9 - 4,
         COUNT_NEAR},
        {API_CHAT,
         "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
         "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"c\",\"type\":"
         "\"function\",\"function\":{\"name\":\"get_time\",\"arguments\":\"{}\"}}]},"
         "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"noon\"}]}",
         {"user", "hi", ".get_time", "{}", "get_time", "noon"},
         3 + 3 + 13,
         COUNT_EXACT},
        {API_CHAT,
         "{\"model\":\"gpt-5\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
         "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":"
         "\"function\",\"function\":{\"name\":\"get_time\",\"arguments\":\"{}\"}}]},"
         "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"noon\"}]}",
         {"user", "hi", ".get_time", "{}", "get_time", "noon"},
         3 + 2 + 19,
         COUNT_NEAR},
        {API_RESPONSES,
         "{\"model\":\"gpt-4o\",\"input\":[{\"role\":\"user\",\"content\":\"hi\"},"
         "{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"get_time\",\"arguments\":\"{}\"}"
         ","
         "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"noon\"}]}",
         {"user", "hi", ".get_time", "{}", "get_time", "noon"},
         3 + 3 + 11,
         COUNT_NEAR},
        {API_CHAT,
         "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
         "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":{\"type\": "
         "\"object\"}}}}",
         {"user", "hi", "{\"type\":\"object\"}"},
         3 + 3,
         COUNT_NEAR},
        {API_CHAT,
         "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
         "\"response_format\":{\"type\":\"json_object\"}}",
         {"user", "hi"},
         3 + 3,
         COUNT_EXACT},
        {API_CHAT,
         "{\"model\":\"o1-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
         {"user", "hi"},
         3 + 2 + 7,
         COUNT_NEAR},
        {API_CHAT,
         "{\"model\":\"gpt-5-chat-latest\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
         {"user", "hi"},
         3 + 2,
         COUNT_NEAR},
        {API_CHAT,
         "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"x\":1}",
         {"user", "hi"},
         3 + 3,
         COUNT_APPROXIMATE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct count c = count_body(rows[i].api, span_of(rows[i].body));
        int64_t want = rows[i].frame;

        for (const char *const *text = rows[i].texts; *text; text++)
            want += n(*text);
        if (c.tokens != want || c.method != rows[i].method)
            fail_msg("%s: %lld %s instead of %lld", rows[i].body, (long long)c.tokens,
                     count_method_name(c.method), (long long)want);
    }
}

static void plain_inputs(void **state)
{
    static const struct {
        enum api api;
        const char *body;
        int64_t tokens;
    } rows[] = {
        {API_EMBEDDINGS, "{\"model\":\"text-embedding-3-small\",\"input\":\"hello world\"}", 2},
        {API_EMBEDDINGS, "{\"model\":\"text-embedding-3-small\",\"input\":[\"hello world\",\"a\"]}",
         3},
        {API_EMBEDDINGS, "{\"model\":\"text-embedding-3-small\",\"input\":[[1,2,3],[4]]}", 4},
        {API_EMBEDDINGS, "{\"model\":\"text-embedding-ada-002\",\"input\":[1,2,3]}", 3},
        {API_COMPLETIONS, "{\"model\":\"davinci-002\",\"prompt\":\"hello world\"}", 2},
        {API_COMPLETIONS, "{\"model\":\"davinci-002\"}", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct count c = count_body(rows[i].api, span_of(rows[i].body));

        assert_int_equal(c.tokens, rows[i].tokens);
        assert_int_equal(c.method, COUNT_EXACT);
    }
}

static void png_url(struct buf *b, unsigned w, unsigned h)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char png[24] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

    for (unsigned i = 0; i < 4; i++) {
        png[16 + i] = (unsigned char)(w >> (24 - 8 * i));
        png[20 + i] = (unsigned char)(h >> (24 - 8 * i));
    }
    buf_str(b, "data:image/png;base64,");
    for (unsigned i = 0; i < sizeof png; i += 3) {
        unsigned v = (unsigned)png[i] << 16 | (unsigned)png[i + 1] << 8 | png[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            buf_char(b, digits[v >> shift & 63]);
    }
}

/* OpenAI's vision guide, and billed images: 3008 × 2000 on gpt-4o; 1024² and 4032 × 3024 on GPT-6.
 */
static void images(void **state)
{
    static const struct {
        const char *model, *detail;
        unsigned w, h;
        int64_t tokens, slack; /* slack: of an image whose size is not known */
    } rows[] = {
        {"gpt-4o", "high", 3008, 2000, 1105, 0},
        {"gpt-4o", "high", 1024, 1024, 765, 0},
        {"gpt-4o", "high", 2048, 4096, 1105, 0},
        {"gpt-4o", "low", 4096, 8192, 85, 0},
        {"gpt-4o", "auto", 1, 1, 255, 0},
        {"gpt-4o", "auto", 0, 0, 765, 680},
        {"gpt-4o-mini", "high", 1024, 1024, 2833 + 4 * 5667, 0},
        {"o1", "high", 1024, 1024, 75 + 4 * 150, 0},
        {"gpt-5", "high", 1024, 1024, 70 + 4 * 140, 0},
        {"gpt-4.1-mini", "auto", 1024, 1024, 1659, 0}, /* 1,024 patches × 1.62 */
        {"gpt-4.1-mini", "auto", 1800, 2400, 2353, 0}, /* 1,452 patches × 1.62 */
        {"gpt-4.1-nano", "auto", 540, 360, 502, 0},
        {"gpt-5.6", "auto", 1024, 1024, 1229, 0},
        {"gpt-6", "auto", 4032, 3024, 14364, 0},
        {"gpt-5.5", "auto", 4032, 3024, 11868, 0},
        {"gpt-5.5", "high", 4032, 3024, 2942, 0},
        {"gpt-5.6", "auto", 1000000, 1, 36000, 0},
        {"gpt-5.6", "auto", 0, 0, 1229, 36000 - 1229},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf b;
        struct count c;

        buf_init(&b, 0);
        buf_printf(&b,
                   "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
                   "\"image_url\",\"image_url\":{\"detail\":\"%s\",\"url\":\"",
                   rows[i].model, rows[i].detail);
        if (rows[i].w)
            png_url(&b, rows[i].w, rows[i].h);
        else
            buf_str(&b, "https://example.org/cat.png");
        buf_str(&b, "\"}}]}]}");
        c = count_body(API_CHAT, buf_all(&b));
        if (c.images != rows[i].tokens || c.bound < c.tokens + rows[i].slack)
            fail_msg("%s %u x %u: %lld, at most %lld", rows[i].model, rows[i].w, rows[i].h,
                     (long long)c.images, (long long)c.bound);
        assert_int_equal(c.method == COUNT_APPROXIMATE,
                         !rows[i].w || strncmp(rows[i].model, "gpt-6", 5) == 0);
        buf_finish(&b);
    }
}

static struct count count_many(enum api api, const char *head, const char *unit, size_t times,
                               const char *tail)
{
    struct buf b;
    struct count c;
    int64_t start;

    buf_init(&b, 0);
    buf_str(&b, head);
    for (size_t i = 0; i < times; i++)
        buf_str(&b, unit);
    buf_str(&b, tail);
    start = clock_mono_ns();
    c = count_body(api, buf_all(&b));
    if (clock_mono_ns() - start > PATIENCE(20))
        fail_msg("%s… took %lld ms", head, (long long)(clock_mono_ns() - start) / 1000000);
    buf_finish(&b);
    return c;
}

/* As many messages as the limit on values lets in, each with a call or a result to be matched. */
static void hostile_requests(void **state)
{
    struct count c;

    (void)state;
    c = count_many(API_CHAT, "{\"model\":\"gpt-4o\",\"messages\":[",
                   "{\"role\":\"tool\",\"tool_call_id\":\"x\",\"content\":\"a\"},", 90000,
                   "{\"role\":\"user\",\"content\":\"a\"}]}");
    assert_int_equal(c.tokens, 90000 * 5 + 5 + 3);
    c = count_many(API_RESPONSES, "{\"model\":\"gpt-5\",\"input\":[",
                   "{\"type\":\"function_call_output\",\"call_id\":\"x\",\"output\":\"a\"},", 90000,
                   "{\"role\":\"user\",\"content\":\"a\"}]}");
    assert_true(c.tokens > 90000);
    count_many(API_MESSAGES,
               "{\"model\":\"claude-opus-5\",\"messages\":[{\"role\":\"user\","
               "\"content\":\"",
               "und \xe4\xb8\xad 7 {} ", 1u << 20, "\"}]}");
    count_many(
        API_CHAT,
        "{\"model\":\"gpt-5\",\"messages\":[],\"tools\":[{\"type\":\"function\",\"function\":"
        "{\"name\":\"f\",\"parameters\":{\"properties\":{\"a\":{}},\"required\":[",
        "\"x\",", 300000, "\"a\"]}}}]}");
}

/* A million messages: refused by the usual limits, and bearable where those were raised. */
static void million_messages(void **state)
{
    struct json_limits limits[] = {JSON_LIMITS, {.depth = 128, .nodes = 10000000}};
    struct arena a;
    struct request q;
    struct refusal r;
    struct count c;
    struct buf b;
    int64_t start;

    (void)state;
    buf_init(&b, 0);
    buf_str(&b, "{\"model\":\"gpt-4o\",\"messages\":[");
    for (int i = 0; i < 1000000; i++)
        buf_str(&b, i ? ",{\"role\":\"user\",\"content\":\"a\"}"
                      : "{\"role\":\"user\",\"content\":\"a\"}");
    buf_str(&b, "]}");
    arena_init(&a, 256u << 20);
    start = clock_mono_ns();
    assert_int_equal(request_parse(API_CHAT, buf_all(&b), &limits[0], &a, &q, &r), -1);
    assert_int_equal(r.kind, REFUSE_JSON_TOO_COMPLEX);
    assert_int_equal(request_parse(API_CHAT, buf_all(&b), &limits[1], &a, &q, &r), 0);
    assert_int_equal(count_prompt(&q.prompt, tokenizer_counter(tokenizer), &c), 0);
    assert_int_equal(c.tokens, 5000003);
    if (clock_mono_ns() - start > PATIENCE(60))
        fail_msg("took %lld ms", (long long)(clock_mono_ns() - start) / 1000000);
    request_forget(&q);
    arena_finish(&a);
    buf_finish(&b);
}

static int64_t no_memory(void *ctx, enum encoding enc, struct span text)
{
    (void)ctx, (void)enc, (void)text;
    return -1;
}

static void counter_fails(void **state)
{
    static const enum api apis[] = {API_CHAT, API_MESSAGES, API_EMBEDDINGS};
    struct part part = {.kind = PART_TEXT, .text = SPAN("a")};
    struct message message = {.role = SPAN("user"), .parts = &part, .nparts = 1};
    struct count c = {.tokens = 77};

    (void)state;
    for (size_t i = 0; i < sizeof apis / sizeof *apis; i++) {
        struct prompt p = {
            .api = apis[i], .model = SPAN("gpt-4o"), .messages = &message, .nmessages = 1};

        assert_int_equal(count_prompt(&p, (struct text_counter){no_memory, NULL, NULL}, &c), -1);
        assert_int_equal(c.tokens, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_counts), cmocka_unit_test(rules),
        cmocka_unit_test(plain_inputs),     cmocka_unit_test(images),
        cmocka_unit_test(hostile_requests), cmocka_unit_test(million_messages),
        cmocka_unit_test(counter_fails),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
