/* SPDX-License-Identifier: MIT */
/* Every shape in which a provider tells what was used: bodies first, then streams cut at every
 * byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/answer.h"
#include "wire/request.h"

static const char *const kinds[TOK_KINDS] = {"in",   "read", "w5m", "w30m", "w1h",
                                             "w12h", "ain",  "out", "aout"};
static const char *const tiers[TIERS] = {"standard", "batch", "flex", "priority", "fast"};

/* All that was learnt, in one line: what is zero or false is left out. */
static void tell(const struct answer *a, struct buf *out)
{
    const struct usage *u = &a->usage;

    buf_str(out, u->seen ? "seen" : a->input_seen ? "input" : "unseen");
    buf_str(out, u->suspicious ? " suspicious" : "");
    for (int i = 0; i < u->nparts; i++) {
        buf_str(out, i ? " +" : "");
        for (int k = 0; k < TOK_KINDS; k++)
            if (u->parts[i].tokens[k])
                buf_printf(out, " %s=%lld", kinds[k], (long long)u->parts[i].tokens[k]);
        if (u->parts[i].model[0])
            buf_printf(out, " of=%s", u->parts[i].model);
    }
    if (u->reasoning)
        buf_printf(out, " reasoning=%lld", (long long)u->reasoning);
    if (u->rejected)
        buf_printf(out, " rejected=%lld", (long long)u->rejected);
    if (u->web_searches)
        buf_printf(out, " searches=%lld", (long long)u->web_searches);
    if (u->tier)
        buf_printf(out, " tier=%s", tiers[u->tier]);
    buf_str(out, u->us_only ? " us" : "");
    if (u->has_reported_cost)
        buf_printf(out, " cost=%lld", (long long)u->reported_cost);
    if (u->model[0])
        buf_printf(out, " model=%s", u->model);
    buf_str(out, a->complete ? " complete" : "");
    buf_str(out, a->failed ? " failed" : "");
    if (a->text.n)
        buf_printf(out, " text=%.*s", SPAN_FMT(buf_all(&a->text)));
}

static void body(enum api api, const char *json, const char *want)
{
    struct buf got = {0};
    struct answer a;

    answer_init(&a, api, false);
    answer_body(&a, span_of(json));
    tell(&a, &got);
    assert_string_equal(got.p, want);
    buf_finish(&got);
    answer_finish(&a);
}

static void run(enum api api, bool hide, struct span in, size_t piece, struct buf *out,
                struct buf *told)
{
    struct answer a;

    answer_init(&a, api, hide);
    for (size_t at = 0; at < in.n; at += piece) {
        struct span rest = span_skip(in, at);

        answer_feed(&a, (struct span){rest.p, rest.n < piece ? rest.n : piece}, out);
    }
    answer_end(&a, out);
    tell(&a, told);
    answer_finish(&a);
}

/* Feeds the stream whole and in pieces of every size. shown: what the client gets of it when usage
 * is hidden; when it is not, it gets everything. */
static void stream(enum api api, const char *in, const char *shown, const char *want)
{
    struct span text = span_of(in);

    for (size_t piece = 1; piece <= text.n; piece++) {
        for (int hide = 0; hide <= (shown ? 1 : 0); hide++) {
            struct buf out = {0}, told = {0};

            run(api, hide, text, piece, &out, &told);
            assert_string_equal(out.p, hide ? shown : in);
            assert_string_equal(told.p, want);
            buf_finish(&out);
            buf_finish(&told);
        }
    }
}

#define CHAT(usage)                                                                                \
    "{\"id\":\"c1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":"                        \
    "{\"role\":\"assistant\",\"content\":\"Hi\"},\"finish_reason\":\"stop\"}],"                    \
    "\"usage\":" usage "}"
#define REST " model=m complete text=Hi"

static void chat(const char *json, const char *want)
{
    body(API_CHAT, json, want);
}

static void test_openai_chat(void **state)
{
    (void)state;
    chat(CHAT("{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15}"),
         "seen in=10 out=5" REST);
    chat(CHAT("{\"prompt_tokens\":4020,\"completion_tokens\":50,\"total_tokens\":4070,"
              "\"prompt_tokens_details\":{\"cached_tokens\":4,\"cache_write_tokens\":4012,"
              "\"audio_tokens\":0,\"image_tokens\":0,\"text_tokens\":4020},"
              "\"completion_tokens_details\":{\"reasoning_tokens\":20,\"audio_tokens\":0,"
              "\"accepted_prediction_tokens\":3,\"rejected_prediction_tokens\":7}}"),
         "seen in=4 read=4 w30m=4012 out=50 reasoning=20 rejected=7" REST);
    chat(CHAT("{\"prompt_tokens\":100,\"completion_tokens\":60,\"total_tokens\":160,"
              "\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":80},"
              "\"completion_tokens_details\":{\"audio_tokens\":40}}"),
         "seen in=20 ain=80 out=20 aout=40" REST);
    chat("{\"model\":\"gpt-5.6\",\"service_tier\":\"priority\",\"choices\":[{\"message\":{"
         "\"content\":"
         "null,\"tool_calls\":[{\"id\":\"t\",\"type\":\"function\",\"function\":{\"name\":\"f\","
         "\"arguments\":\"{\\\"a\\\":1}\"}}]}}],\"usage\":{\"prompt_tokens\":1,\"completion_"
         "tokens\":2}}",
         "seen in=1 out=2 tier=priority model=gpt-5.6 complete text=f{\"a\":1}");
}

/* What the request asked for, and which lifetime its writes are billed at. */
static void test_expected_by_the_request(void **state)
{
    static const struct {
        const char *ask, *want;
        bool asks_usage;
    } rows[] = {
        {"", " w30m=8", false},
        {",\"prompt_cache_options\":{\"ttl\":\"12h\"}", " w12h=8", false},
        {",\"prompt_cache_options\":{\"ttl\":\"30m\"}", " w30m=8", false},
        {",\"prompt_cache_retention\":\"24h\"", " w30m=8", false},
        {",\"prompt_cache_retention\":\"12h\"", " w12h=8", false},
        {",\"stream\":true,\"stream_options\":{\"include_usage\":true}", " w30m=8", true},
    };
    const struct json_limits limits = {16, 1000};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf ask = {0}, got = {0};
        struct request q;
        struct refusal r;
        struct arena arena;
        struct answer a;

        buf_printf(&ask, "{\"model\":\"m\",\"messages\":[]%s}", rows[i].ask);
        arena_init(&arena, 1 << 20);
        assert_int_equal(request_parse(API_CHAT, buf_all(&ask), &limits, &arena, &q, &r), 0);
        answer_init(&a, API_CHAT, false);
        answer_expect(&a, &q);
        assert_int_equal(a.asks_usage, rows[i].asks_usage);
        answer_body(&a, SPAN(CHAT("{\"prompt_tokens\":9,\"completion_tokens\":1,"
                                  "\"prompt_tokens_details\":{\"cache_write_tokens\":8}}")));
        tell(&a, &got);
        assert_non_null(strstr(got.p, rows[i].want));
        answer_finish(&a);
        request_forget(&q);
        arena_finish(&arena);
        buf_finish(&ask);
        buf_finish(&got);
    }
}

static void test_other_hosts(void **state)
{
    (void)state;
    /* Mistral, both ways */
    chat(CHAT("{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15,"
              "\"num_cached_tokens\":8,\"prompt_audio_seconds\":null}"),
         "seen in=2 read=8 out=5" REST);
    chat(CHAT("{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15,"
              "\"prompt_audio_seconds\":{},\"prompt_tokens_details\":{\"cached_tokens\":8}}"),
         "seen in=2 read=8 out=5" REST);
    /* Together */
    chat(CHAT("{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15,"
              "\"cached_tokens\":6}"),
         "seen in=4 read=6 out=5" REST);
    /* DeepSeek */
    chat(CHAT("{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15,"
              "\"prompt_tokens_details\":{\"cached_tokens\":7},\"prompt_cache_hit_tokens\":7,"
              "\"prompt_cache_miss_tokens\":3}"),
         "seen in=3 read=7 out=5" REST);
    /* Groq */
    chat(CHAT("{\"queue_time\":0.26,\"prompt_tokens\":41,\"prompt_time\":0.01,"
              "\"completion_tokens\":27,\"completion_time\":0.055,\"total_tokens\":68,"
              "\"total_time\":0.067}"),
         "seen in=41 out=27" REST);
    /* Gemini's OpenAI dialect leaves the thoughts out of completion_tokens */
    chat(CHAT("{\"prompt_tokens\":35,\"completion_tokens\":12,\"total_tokens\":109}"),
         "seen in=35 out=74" REST);
    /* xAI: so does this one, and says how many */
    chat(CHAT("{\"prompt_tokens\":35,\"completion_tokens\":12,\"total_tokens\":147,"
              "\"completion_tokens_details\":{\"reasoning_tokens\":100}}"),
         "seen in=35 out=112 reasoning=100" REST);
    chat("{\"choices\":[{\"message\":{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":"
         "\"text\",\"text\":\"hm \"}]},{\"type\":\"text\",\"text\":\"ok\"}]}}]}",
         "unseen complete text=hm ok");
    chat("{\"choices\":[{\"message\":{\"reasoning_content\":\"hm \",\"reasoning\":\"hm \","
         "\"reasoning_details\":[{\"text\":\"hm \"}],\"content\":\"ok\"}}]}",
         "unseen complete text=hm ok");
}

static void test_openrouter_cost(void **state)
{
    static const struct {
        const char *usage, *want;
    } rows[] = {
        {"\"cost\":0.00014175", " cost=141750"},
        {"\"cost\":1.4175e-4", " cost=141750"},
        {"\"cost\":0.0000000001", " cost=1"},
        {"\"cost\":0.1234567891", " cost=123456790"},
        {"\"cost\":12", " cost=12000000000"},
        {"\"cost\":12E+1", " cost=120000000000"},
        {"\"cost\":0.10000000000000000000000000001", " cost=100000001"},
        {"\"cost\":0", " cost=0"},
        {"\"cost\":0e99999", " cost=0"},
        {"\"cost\":1e-99999", " cost=1"},
        {"\"cost\":null", ""},
        {"\"cost\":{\"total_cost\":1}", ""},
        {"\"cost\":0.5,\"is_byok\":true,\"cost_details\":{\"upstream_inference_cost\":0.25}",
         " cost=750000000"},
        {"\"cost\":0.5,\"is_byok\":false,\"cost_details\":{\"upstream_inference_cost\":0.25,"
         "\"upstream_inference_prompt_cost\":0.1}",
         " cost=500000000"},
    };
    static const char *const lies[] = {"-0.5", "1e300", "99999999999", "\"0.5\"", "true", "[]"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf json = {0}, want = {0};

        buf_printf(&json,
                   "{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,%s}}",
                   rows[i].usage);
        buf_printf(&want, "seen in=3 out=2%s complete", rows[i].want);
        chat(json.p, want.p);
        buf_finish(&json);
        buf_finish(&want);
    }
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct buf json = {0};

        buf_printf(&json, "{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"cost\":%s}}",
                   lies[i]);
        chat(json.p, "unseen suspicious complete");
        buf_finish(&json);
    }
    chat(CHAT("{\"prompt_tokens\":3,\"completion_tokens\":2,\"prompt_tokens_details\":"
              "{\"cache_write_tokens\":1},\"server_tool_use\":{\"web_search_requests\":4}}"),
         "seen in=2 w30m=1 out=2 searches=4" REST);
}

static void test_lies(void **state)
{
    static const char *const lies[] = {
        "{\"prompt_tokens\":-1,\"completion_tokens\":5}",
        "{\"prompt_tokens\":10,\"completion_tokens\":-5}",
        "{\"prompt_tokens\":10.5,\"completion_tokens\":5}",
        "{\"prompt_tokens\":1e3,\"completion_tokens\":5}",
        "{\"prompt_tokens\":\"10\",\"completion_tokens\":5}",
        "{\"prompt_tokens\":true,\"completion_tokens\":5}",
        "{\"prompt_tokens\":[10],\"completion_tokens\":5}",
        "{\"prompt_tokens\":3000000000,\"completion_tokens\":5}",
        "{\"prompt_tokens\":9223372036854775808,\"completion_tokens\":5}",
        "{\"prompt_tokens\":99999999999999999999999999,\"completion_tokens\":5}",
        "{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":14}",
        "{\"prompt_tokens\":0,\"completion_tokens\":5}",
        "{\"completion_tokens\":5}",
        "{\"completion_tokens\":5,\"total_tokens\":15}",
        "{\"total_tokens\":15}",
        "{\"prompt_tokens\":10,\"completion_tokens\":0}",
        "{\"prompt_tokens\":10}",
        "{\"prompt_tokens\":10,\"completion_tokens\":5,\"cached_tokens\":11}",
        "{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_tokens_details\":"
        "{\"cached_tokens\":6,\"cache_write_tokens\":6}}",
        "{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_tokens_details\":"
        "{\"audio_tokens\":11}}",
        "{\"prompt_tokens\":10,\"completion_tokens\":5,\"completion_tokens_details\":"
        "{\"reasoning_tokens\":6}}",
        "{\"prompt_tokens\":10,\"completion_tokens\":5,\"completion_tokens_details\":"
        "{\"rejected_prediction_tokens\":6}}",
        "{\"prompt_tokens\":10,\"completion_tokens\":5,\"completion_tokens_details\":"
        "{\"audio_tokens\":6}}",
        "{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_tokens_details\":"
        "{\"cached_tokens\":-6}}",
    };
    static const char *const nothing[] = {"null",
                                          "{}",
                                          "[]",
                                          "7",
                                          "\"x\"",
                                          "{\"prompt_tokens\":0,\"completion_tokens\":0,"
                                          "\"total_tokens\":0}",
                                          "{\"prompt_tokens\":null,\"completion_tokens\":null}"};

    (void)state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct buf json = {0};

        buf_printf(&json, "{\"choices\":[{\"message\":{\"content\":\"Hi\"}}],\"usage\":%s}",
                   lies[i]);
        chat(json.p, "unseen suspicious complete text=Hi");
        buf_finish(&json);
    }
    for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
        struct buf json = {0};

        buf_printf(&json, "{\"choices\":[{\"message\":{\"content\":\"Hi\"}}],\"usage\":%s}",
                   nothing[i]);
        chat(json.p, "unseen complete text=Hi");
        buf_finish(&json);
    }
}

static void test_garbage(void **state)
{
    static const char *const garbage[] = {
        "",
        "<html>busy</html>",
        "{",
        "[]",
        "null",
        "{\"usage\":{\"prompt_tokens\":1,"
        "\"completion_tokens\":1}",
        "{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}x",
        "{\"a\":01,\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}"};

    (void)state;
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++)
        for (int api = 0; api < APIS; api++)
            body((enum api)api, garbage[i], "unseen");
    chat("{\"error\":{\"message\":\"sorry\"}}", "unseen complete failed");
    chat("{\"model\":\"a\\u0000b\"}", "unseen complete");
    chat("{\"model\":\"openai\\/gpt-4o\"}", "unseen model=openai/gpt-4o complete");
}

static void test_embeddings_and_completions(void **state)
{
    (void)state;
    body(API_EMBEDDINGS,
         "{\"object\":\"list\",\"data\":[{\"embedding\":[0.1,-2e-3],\"index\":0}],\"model\":\"e\","
         "\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}",
         "seen in=8 model=e complete");
    body(API_COMPLETIONS,
         "{\"model\":\"d\",\"choices\":[{\"text\":\"a\\u00e9\",\"index\":0}],"
         "\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":2,\"total_tokens\":10}}",
         "seen in=8 out=2 model=d complete text=a\xc3\xa9");
}

#define C1                                                                                         \
    "data: "                                                                                       \
    "{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"H\"}}]"
#define C2                                                                                         \
    "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"i\"}," \
    "\"finish_reason\":\"stop\"}]"
#define NUL  ",\"usage\":null"
#define USED "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15}"
#define ONLY                                                                                       \
    "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[]," USED ",\"obfuscation\":\"x\"}\n\n"
#define DONE "data: [DONE]\n\n"

static void test_chat_stream(void **state)
{
    (void)state;
    stream(API_CHAT, C1 NUL "}\n\n" C2 NUL "}\n\n" ONLY DONE, C1 "}\n\n" C2 "}\n\n" DONE,
           "seen in=10 out=5" REST);
    /* the member in other places, with white space; CRLF; a comment stays */
    stream(API_CHAT,
           ": hello\r\n\r\ndata: {\"usage\" : null, \"choices\":[]}\r\n\r\n"
           "data: {\"usage\":null}\r\n\r\n"
           "data:{ \"choices\":[] , \"usage\": null , \"x\":1}\r\n\r\n"
           "data: {\"choices\":[]," USED "}\r\n\r\n" DONE,
           ": hello\r\n\r\ndata: {\"choices\":[]}\r\n\r\ndata: {}\r\n\r\n"
           "data:{ \"choices\":[] , \"x\":1}\r\n\r\n" DONE,
           "seen in=10 out=5 complete");
    /* CR ends the lines, and the chunk that is dropped */
    stream(API_CHAT, C1 "}\r\rdata: {\"choices\":[]," USED "}\r\rdata: [DONE]\r\r",
           C1 "}\r\rdata: [DONE]\r\r", "seen in=10 out=5 model=m complete text=H");
    /* data on two lines: read, but not edited */
    stream(API_CHAT, "data: {\"choices\":[],\ndata: \"usage\":null}\n\n" DONE,
           "data: {\"choices\":[],\ndata: \"usage\":null}\n\n" DONE, "unseen complete");
    /* a usage inside is not ours; nor is one in a string */
    stream(API_CHAT, "data: {\"a\":{\"usage\":null},\"b\":\",\\\"usage\\\":null\"}\n\n",
           "data: {\"a\":{\"usage\":null},\"b\":\",\\\"usage\\\":null\"}\n\n", "unseen");
    /* the stream ends without its last blank line */
    stream(API_CHAT, C1 "}\n\n" ONLY "data: [DONE]", C1 "}\n\ndata: [DONE]",
           "seen in=10 out=5 model=m complete text=H");
    stream(API_CHAT, C1 "}\n\ndata: {\"choices\":[]," USED "}\n", C1 "}\n\n",
           "seen in=10 out=5 model=m text=H");
}

static void test_chat_stream_shapes(void **state)
{
    static const char azure[] = "data: {\"choices\":[],\"model\":\"\",\"prompt_filter_results\":"
                                "[{\"prompt_index\":0}]}\n\n" C1 "}\n\n";

    (void)state;
    /* Azure's first chunk has no choices and no usage: it stays */
    stream(API_CHAT, azure, azure, "unseen model=m text=H");
    stream(API_CHAT,
           "data: {\"choices\":[],\"prompt_filter_results\":[{}],\"usage\":null}\n\n" C1 NUL
           "}\n\n" ONLY DONE,
           "data: {\"choices\":[],\"prompt_filter_results\":[{}]}\n\n" C1 "}\n\n" DONE,
           "seen in=10 out=5 model=m complete text=H");
    /* Mistral, Together, DeepSeek, OpenRouter: on the last content chunk, which stays */
    stream(API_CHAT, C1 "}\n\n" C2 "," USED "}\n\n" DONE, C1 "}\n\n" C2 "," USED "}\n\n" DONE,
           "seen in=10 out=5" REST);
    /* Groq; Moonshot */
    stream(API_CHAT,
           C1 "}\n\n" C2
              ",\"x_groq\":{\"id\":\"r\",\"usage\":{\"queue_time\":0.1,\"prompt_tokens\":18,"
              "\"completion_tokens\":4,\"total_tokens\":22}}}\n\n" DONE,
           NULL, "seen in=18 out=4" REST);
    stream(API_CHAT,
           C1 "}\n\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\",\"usage\":"
              "{\"prompt_tokens\":18,\"completion_tokens\":4,\"total_tokens\":22}}]}\n\n" DONE,
           NULL, "seen in=18 out=4 model=m complete text=H");
    /* where both places speak, the first good one counts */
    stream(API_CHAT,
           C2 ",\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":4},\"x_groq\":{\"usage\":"
              "{\"prompt_tokens\":18,\"completion_tokens\":4}}}\n\n" DONE,
           NULL, "seen in=18 out=4 model=m complete text=i");
    /* Gemini: every chunk, cumulative, the last wins */
    stream(
        API_CHAT,
        C1
        ",\"usage\":{\"prompt_tokens\":35,\"completion_tokens\":1,\"total_tokens\":90}}\n\n" C2
        ",\"usage\":{\"prompt_tokens\":35,\"completion_tokens\":12,\"total_tokens\":109}}\n\n" DONE,
        NULL, "seen in=35 out=74" REST);
    /* a lie, then the truth; the truth, then a lie; the truth, then nothing */
    stream(API_CHAT, C1 ",\"usage\":{\"prompt_tokens\":-1}}\n\n" ONLY DONE, NULL,
           "seen in=10 out=5 model=m complete text=H");
    stream(API_CHAT, ONLY C1 ",\"usage\":{\"prompt_tokens\":-1}}\n\n" DONE, NULL,
           "unseen suspicious model=m complete text=H");
    stream(API_CHAT, ONLY C1 ",\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0}}\n\n" DONE,
           NULL, "seen in=10 out=5 model=m complete text=H");
}

static void test_chat_stream_text(void **state)
{
    (void)state;
    stream(
        API_CHAT,
        "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\",\"content\":null}}]}\n\n"
        "data: {\"choices\":[{\"delta\":{\"content\":\" a\\\"\\ud83d\\ude00\"}}]}\n\n"
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"function\":"
        "{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n"
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":"
        "\"{}\"}}]}},{\"index\":1,\"delta\":{\"refusal\":\"no\"}}]}\n\n"
        "data: {\"choices\":[{\"delta\":{\"audio\":{\"id\":\"x\",\"data\":\"AAAA\",\"transcript\":"
        "\"la\"}}}]}\n\n" DONE,
        NULL,
        "unseen complete text=hm a\"\xf0\x9f\x98\x80"
        "f{}nola");
    stream(API_COMPLETIONS,
           "data: {\"choices\":[{\"text\":\"a\",\"index\":0}]}\n\n"
           "data: {\"choices\":[{\"text\":\"b\",\"index\":0}],\"usage\":null}\n\n" ONLY DONE,
           "data: {\"choices\":[{\"text\":\"a\",\"index\":0}]}\n\n"
           "data: {\"choices\":[{\"text\":\"b\",\"index\":0}]}\n\n" DONE,
           "seen in=10 out=5 model=m complete text=ab");
}

static void test_chat_stream_faults(void **state)
{
    (void)state;
    stream(API_CHAT, C1 "}\n\ndata: {\"error\":{\"message\":\"overloaded\"}}\n\n", NULL,
           "unseen model=m failed text=H");
    stream(API_CHAT, C1 "}\n\nevent: error\ndata: {\"message\":\"overloaded\"}\n\n", NULL,
           "unseen model=m failed text=H");
    stream(API_CHAT, C1 ",\"error\":null}\n\n", NULL, "unseen model=m text=H");
    stream(API_CHAT, C1 "}\n\ndata: {\"id\":\"c\",\"choices\":[{\"delta\":{\"cont", NULL,
           "unseen model=m text=H");
    stream(API_CHAT, "data: not json\n\n: ping\n\nid: 3\n\ndata\n\n" C1 "}\n\n", NULL,
           "unseen model=m text=H");
    stream(API_CHAT, "<html>busy</html>\n\n", NULL, "unseen");
}

#define RESPONSE(status, more)                                                                     \
    "{\"id\":\"r\",\"object\":\"response\",\"status\":\"" status "\",\"model\":\"m\"" more "}"
#define R_USED                                                                                     \
    ",\"usage\":{\"input_tokens\":100,\"input_tokens_details\":{\"cached_tokens\":60,"             \
    "\"cache_write_tokens\":30},\"output_tokens\":50,\"output_tokens_details\":"                   \
    "{\"reasoning_tokens\":20},\"total_tokens\":150}"
#define R_OUT                                                                                      \
    ",\"output\":[{\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"hm "  \
    "\"}]},"                                                                                       \
    "{\"type\":\"web_search_call\",\"action\":{\"type\":\"search\",\"query\":\"q\"}},"             \
    "{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hi\","                \
    "\"annotations\":[]}]},{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"{}\"},"      \
    "{\"type\":\"image_generation_call\",\"result\":\"AAAA\"}]"

static void test_responses(void **state)
{
    (void)state;
    body(API_RESPONSES,
         RESPONSE("completed", ",\"error\":null,\"service_tier\":\"flex\"" R_OUT R_USED),
         "seen in=10 read=60 w30m=30 out=50 reasoning=20 searches=1 tier=flex model=m complete "
         "text=hm Hif{}");
    body(
        API_RESPONSES,
        RESPONSE("completed", ",\"prompt_cache_options\":{\"ttl\":\"12h\"},\"tool_usage\":"
                              "{\"web_search\":{\"num_requests\":3}}" R_OUT R_USED),
        "seen in=10 read=60 w12h=30 out=50 reasoning=20 searches=3 model=m complete text=hm Hif{}");
    body(API_RESPONSES, RESPONSE("incomplete", R_USED),
         "seen in=10 read=60 w30m=30 out=50 reasoning=20 model=m complete");
    body(API_RESPONSES, RESPONSE("failed", ",\"error\":{\"code\":\"server_error\"},\"usage\":null"),
         "unseen model=m complete failed");
    body(API_RESPONSES, RESPONSE("queued", ",\"usage\":null"), "unseen model=m");
    body(API_RESPONSES, RESPONSE("in_progress", ""), "unseen model=m");
}

#define R_START                                                                                    \
    "event: response.created\ndata: {\"type\":\"response.created\",\"response\":" RESPONSE(        \
        "in_progress", ",\"usage\":null") ",\"sequence_number\":0}\n\n"
#define R_DELTA(kind, text)                                                                        \
    "event: response." kind ".delta\ndata: {\"type\":\"response." kind                             \
    ".delta\",\"delta\":\"" text "\",\"sequence_number\":1}\n\n"
#define R_END(type, status, more)                                                                  \
    "event: response." type "\ndata: {\"type\":\"response." type                                   \
    "\",\"response\":" RESPONSE(status, more) "}\n\n"

static void test_responses_stream(void **state)
{
    (void)state;
    stream(
        API_RESPONSES,
        R_START
        "data: {\"type\":\"response.output_item.added\",\"item\":{\"type\":\"function_call\","
        "\"name\":\"f\",\"arguments\":\"\"}}\n\n" R_DELTA("function_call_arguments", "{}")
            R_DELTA("reasoning_summary_text", "hm ") R_DELTA("output_text", "Hi")
                R_DELTA("audio", "AAAA") R_END("completed", "completed", R_OUT R_USED),
        NULL,
        "seen in=10 read=60 w30m=30 out=50 reasoning=20 searches=1 model=m complete text=f{}hm Hi");
    stream(API_RESPONSES,
           R_START R_DELTA("output_text", "Hi") R_END("incomplete", "incomplete", R_USED), NULL,
           "seen in=10 read=60 w30m=30 out=50 reasoning=20 model=m complete text=Hi");
    stream(API_RESPONSES, R_START R_END("failed", "failed", R_USED), NULL,
           "seen in=10 read=60 w30m=30 out=50 reasoning=20 model=m complete failed");
    stream(API_RESPONSES, R_START R_DELTA("output_text", "Hi"), NULL, "unseen model=m text=Hi");
    stream(API_RESPONSES, R_START "event: error\ndata: {\"type\":\"error\",\"code\":\"x\"}\n\n",
           NULL, "unseen model=m failed");
    stream(API_RESPONSES, "event: response.failed\ndata: {}\n\n", NULL, "unseen complete failed");
    stream(API_RESPONSES, R_START "data: [DONE]\n\n", NULL, "unseen model=m");
}

#define MESSAGE(usage)                                                                             \
    "{\"id\":\"msg\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"c\","                 \
    "\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}],\"usage\":" usage "}"
#define A_REST " model=c complete text=Hi"

static void test_anthropic(void **state)
{
    (void)state;
    body(API_MESSAGES,
         MESSAGE("{\"input_tokens\":51,\"output_tokens\":162,\"service_tier\":\"standard\","
                 "\"inference_geo\":\"not_available\",\"output_tokens_details\":"
                 "{\"thinking_tokens\":112}}"),
         "seen in=51 out=162 reasoning=112" A_REST);
    body(API_MESSAGES,
         MESSAGE(
             "{\"input_tokens\":6,\"cache_creation_input_tokens\":574,\"cache_read_input_tokens\":"
             "20443,\"cache_creation\":{\"ephemeral_1h_input_tokens\":100,"
             "\"ephemeral_5m_input_tokens\":474},\"output_tokens\":489,\"server_tool_use\":"
             "{\"web_search_requests\":2,\"web_fetch_requests\":1},\"service_tier\":\"batch\","
             "\"inference_geo\":\"us\"}"),
         "seen in=6 read=20443 w5m=474 w1h=100 out=489 searches=2 tier=batch us" A_REST);
    body(API_MESSAGES,
         MESSAGE("{\"input_tokens\":6,\"output_tokens\":4,\"service_tier\":\"standard\","
                 "\"speed\":\"fast\"}"),
         "seen in=6 out=4 tier=fast" A_REST);
    /* writes of no told lifetime: five minutes, or an hour where an hour was in use */
    body(API_MESSAGES,
         MESSAGE("{\"input_tokens\":6,\"cache_creation_input_tokens\":9,"
                 "\"output_tokens\":4}"),
         "seen in=6 w5m=9 out=4" A_REST);
    body(API_MESSAGES,
         MESSAGE("{\"input_tokens\":6,\"cache_creation_input_tokens\":9,\"cache_creation\":"
                 "{\"ephemeral_1h_input_tokens\":5},\"output_tokens\":4}"),
         "seen in=6 w1h=9 out=4" A_REST);
    body(API_MESSAGES,
         "{\"type\":\"message\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm "
         "\",\"signature\":"
         "\"S\"},{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{\"a\":1}},{\"type\":"
         "\"web_search_tool_result\",\"content\":[{\"title\":\"long\"}]}]}",
         "unseen complete text=hm f{\"a\":1}");
    body(API_MESSAGES, "{\"type\":\"error\",\"error\":{\"type\":\"api_error\"}}",
         "unseen complete failed");
}

static void test_anthropic_lies(void **state)
{
    static const char *const lies[] = {
        "{\"input_tokens\":-6,\"output_tokens\":4}",
        "{\"input_tokens\":6,\"output_tokens\":4.5}",
        "{\"input_tokens\":6,\"output_tokens\":5000000000}",
        "{\"input_tokens\":6,\"output_tokens\":0}",
        "{\"input_tokens\":0,\"output_tokens\":4}",
        "{\"output_tokens\":4}",
        "{\"input_tokens\":6,\"cache_creation_input_tokens\":3,\"cache_creation\":"
        "{\"ephemeral_5m_input_tokens\":4},\"output_tokens\":4}",
        "{\"input_tokens\":6,\"output_tokens\":4,\"output_tokens_details\":{\"thinking_tokens\":5}"
        "}",
        "{\"input_tokens\":6,\"output_tokens\":4,\"iterations\":[{\"input_tokens\":-1}]}",
        "{\"input_tokens\":6,\"output_tokens\":4,\"iterations\":[7]}",
        "{\"input_tokens\":6,\"output_tokens\":4,\"iterations\":{}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct buf json = {0}, got = {0};
        struct answer a;

        buf_printf(&json, MESSAGE("%s"), lies[i]);
        answer_init(&a, API_MESSAGES, false);
        answer_body(&a, buf_all(&json));
        assert_false(a.usage.seen);
        assert_true(a.usage.suspicious);
        answer_finish(&a);
        buf_finish(&json);
        buf_finish(&got);
    }
    body(API_MESSAGES, MESSAGE("null"), "unseen" A_REST);
    body(API_MESSAGES, MESSAGE("{}"), "unseen" A_REST);
    body(API_MESSAGES, MESSAGE("{\"input_tokens\":0,\"output_tokens\":0}"), "unseen" A_REST);
}

#define ITERATION(type, in, read, out, model)                                                      \
    "{\"type\":\"" type "\",\"input_tokens\":" #in ",\"cache_read_input_tokens\":" #read           \
    ",\"cache_creation_input_tokens\":0,\"output_tokens\":" #out model "}"

static void test_anthropic_iterations(void **state)
{
    struct buf json = {0};

    (void)state;
    /* an advisor of another model, which the totals leave out */
    body(
        API_MESSAGES,
        MESSAGE("{\"input_tokens\":2390,\"output_tokens\":121,\"iterations\":[" ITERATION(
            "message", 1128, 0, 110,
            "") "," ITERATION("advisor_message", 2518, 0, 22,
                              ",\"model\":\"adv\"") "," ITERATION("message", 1262, 0, 11, "") "]}"),
        "seen in=1128 out=110 + in=2518 out=22 of=adv + in=1262 out=11" A_REST);
    /* a compaction */
    body(API_MESSAGES,
         MESSAGE("{\"input_tokens\":10,\"output_tokens\":5,\"iterations\":[" ITERATION(
             "compaction", 3, 55096, 900, "") "," ITERATION("message", 10, 0, 5, "") "]}"),
         "seen in=3 read=55096 out=900 + in=10 out=5" A_REST);
    body(API_MESSAGES, MESSAGE("{\"input_tokens\":10,\"output_tokens\":5,\"iterations\":[]}"),
         "seen in=10 out=5" A_REST);
    /* a list that says less than the totals: the totals */
    body(API_MESSAGES,
         MESSAGE("{\"input_tokens\":10,\"output_tokens\":5,\"iterations\":[" ITERATION(
             "message", 9, 0, 5, "") "]}"),
         "seen in=10 out=5" A_REST);
    /* more than there is room for: those of one model are joined */
    buf_str(&json, "{\"usage\":{\"input_tokens\":20,\"output_tokens\":20,\"iterations\":[");
    for (int i = 0; i < 20; i++)
        buf_str(&json,
                i ? "," ITERATION("message", 1, 0, 1, "") : ITERATION("message", 1, 0, 1, ""));
    buf_str(&json, "]}}");
    body(API_MESSAGES, json.p,
         "seen in=1 out=1 + in=1 out=1 + in=1 out=1 + in=1 out=1 + in=1 out=1 + in=1 out=1 + in=1 "
         "out=1"
         " + in=1 out=1 + in=1 out=1 + in=1 out=1 + in=1 out=1 + in=1 out=1 + in=1 out=1 + in=1 "
         "out=1"
         " + in=1 out=1 + in=5 out=5 complete");
    buf_finish(&json);
}

#define A_START(usage)                                                                             \
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":"                 \
    "\"msg\",\"model\":\"c\",\"content\":[],\"usage\":" usage "}}\n\n"
#define A_TEXT                                                                                     \
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"             \
    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: ping\ndata: {\"type\":"        \
    "\"ping\"}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\","            \
    "\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n"
#define A_DELTA(usage)                                                                             \
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":"                           \
    "{\"stop_reason\":\"end_turn\"},\"usage\":" usage "}\n\n"
#define A_STOP "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"

static void test_anthropic_stream(void **state)
{
    (void)state;
    stream(API_MESSAGES,
           A_START("{\"input_tokens\":702,\"cache_read_input_tokens\":3,\"output_tokens\":1}")
               A_TEXT A_DELTA("{\"output_tokens\":9}") A_STOP,
           NULL, "seen in=702 read=3 out=9" A_REST);
    /* cumulative: each figure named replaces the one before, null does not */
    stream(API_MESSAGES,
           A_START("{\"input_tokens\":702,\"cache_creation_input_tokens\":5,\"cache_creation\":"
                   "{\"ephemeral_1h_input_tokens\":5},\"output_tokens\":1}")
               A_TEXT A_DELTA(
                   "{\"input_tokens\":1591,\"cache_creation_input_tokens\":null,"
                   "\"output_tokens\":175,\"server_tool_use\":{\"web_search_requests\":1}}") A_STOP,
           NULL, "seen in=1591 w1h=5 out=175 searches=1" A_REST);
    /* hosts that fill message_delta with zeros, and hosts that have nothing at the start */
    stream(API_MESSAGES,
           A_START("{\"input_tokens\":7,\"output_tokens\":1}") A_TEXT A_DELTA(
               "{\"input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":9}") A_STOP,
           NULL, "seen in=7 out=9" A_REST);
    stream(API_MESSAGES,
           A_START("{\"input_tokens\":0,\"output_tokens\":0}") A_TEXT A_DELTA(
               "{\"input_tokens\":7,\"cache_read_input_tokens\":2,\"output_tokens\":9}") A_STOP,
           NULL, "seen in=7 read=2 out=9" A_REST);
    /* iterations at the end; and only at the start, where the end outgrows them */
    stream(API_MESSAGES,
           A_START("{\"input_tokens\":10,\"output_tokens\":1}")
               A_TEXT A_DELTA("{\"output_tokens\":5,\"iterations\":[" ITERATION(
                   "compaction", 3, 55096, 900, "") "," ITERATION("message", 10, 0, 5, "") "]}")
                   A_STOP,
           NULL, "seen in=3 read=55096 out=900 + in=10 out=5" A_REST);
    stream(API_MESSAGES,
           A_START("{\"input_tokens\":10,\"output_tokens\":1,\"iterations\":[" ITERATION(
               "message", 10, 0, 1, "") "]}") A_TEXT A_DELTA("{\"output_tokens\":5}") A_STOP,
           NULL, "seen in=10 out=5" A_REST);
    /* tools and thoughts */
    stream(
        API_MESSAGES,
        "data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"tool_use\",\"name\":"
        "\"f\",\"input\":{}}}\n\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":"
        "\"input_json_delta\",\"partial_json\":\"{\\\"a\\\"\"}}\n\ndata: {\"type\":"
        "\"content_block_delta\",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}}\n\n"
        "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"signature_delta\","
        "\"signature\":\"S\"}}\n\n",
        NULL, "unseen text=f{\"a\"hm");
}

static void test_anthropic_stream_cut(void **state)
{
    (void)state;
    /* the input is known, the output is not: for a local count */
    stream(API_MESSAGES, A_START("{\"input_tokens\":702,\"output_tokens\":1}") A_TEXT, NULL,
           "input in=702 out=1 model=c text=Hi");
    stream(API_MESSAGES,
           A_START("{\"input_tokens\":702,\"output_tokens\":1}") A_TEXT
           "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",
           NULL, "input in=702 out=1 model=c failed text=Hi");
    stream(API_MESSAGES,
           A_START("{\"input_tokens\":702,\"output_tokens\":1}")
               A_TEXT A_DELTA("{\"output_tokens\":9}"),
           NULL, "seen in=702 out=9 model=c text=Hi");
    stream(API_MESSAGES, A_START("{\"input_tokens\":-702,\"output_tokens\":1}") A_TEXT, NULL,
           "unseen suspicious model=c text=Hi");
}

/* An event too large to be read passes whole; what it carried is known to be missing. */
static void test_oversized(void **state)
{
    struct buf in = {0}, out = {0};
    struct answer a;

    (void)state;
    buf_str(&in, "data: {\"choices\":[{\"delta\":{\"content\":\"");
    for (size_t i = 0; i < SSE_EVENT_MAX; i += 16)
        buf_str(&in, "0123456789abcdef");
    buf_str(&in, "\"}}]," USED "}\n\n" ONLY DONE);
    answer_init(&a, API_CHAT, true);
    for (size_t at = 0; at < in.n; at += 16384) {
        struct span rest = span_skip(buf_all(&in), at);

        answer_feed(&a, (struct span){rest.p, rest.n < 16384 ? rest.n : 16384}, &out);
    }
    answer_end(&a, &out);
    assert_int_equal(out.n, in.n - strlen(ONLY));
    assert_memory_equal(out.p, in.p, out.n - strlen(DONE));
    assert_true(a.complete && a.usage.seen && a.text_partial);
    assert_int_equal(a.text.n, 0);
    answer_finish(&a);
    buf_finish(&in);
    buf_finish(&out);
}

static void test_text_is_bounded(void **state)
{
    struct buf event = {0}, out = {0};
    struct answer a;

    (void)state;
    buf_str(&event, "data: {\"choices\":[{\"delta\":{\"content\":\"");
    for (int i = 0; i < 6400; i++)
        buf_str(&event, "0123456789abcdef");
    buf_str(&event, "\"}}]}\n\n");
    answer_init(&a, API_CHAT, false);
    for (int i = 0; i < 50; i++) {
        buf_clear(&out);
        answer_feed(&a, buf_all(&event), &out);
        assert_true(span_eq(buf_all(&out), buf_all(&event)));
    }
    answer_end(&a, &out);
    assert_true(a.text_partial && a.text.n <= ANSWER_TEXT_MAX && a.text.n > ANSWER_TEXT_MAX / 2);
    answer_finish(&a);
    buf_finish(&event);
    buf_finish(&out);
}

#define CHOICE(i, finish) \
    "data: {\"choices\":[{\"index\":" #i ",\"delta\":{\"content\":\"x\"},\"finish_reason\":" finish "}]}\n\n"
#define DELTA(reason) \
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":" reason "}}\n\n"
#define START "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\n"

static const struct {
    enum api api;
    const char *in;
    bool ended;
} ends[] = {
    {API_CHAT, "", false},
    {API_CHAT, "data: {\"choices\":[]}\n\n", false},
    {API_CHAT, CHOICE(0, "null"), false},
    {API_CHAT, CHOICE(0, "null") CHOICE(0, "\"stop\""), true},
    {API_CHAT, CHOICE(0, "\"stop\"") CHOICE(1, "null"), false},
    {API_CHAT, CHOICE(0, "\"stop\"") CHOICE(1, "null") CHOICE(1, "\"length\""), true},
    {API_MESSAGES, START, false},
    {API_MESSAGES, START DELTA("null"), false},
    {API_MESSAGES, START DELTA("\"end_turn\""), true},
    {API_RESPONSES, "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}\n\n", false},
};

static void test_a_reason_for_the_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct buf out = {0};
        struct answer a;

        answer_init(&a, ends[i].api, false);
        answer_feed(&a, span_of(ends[i].in), &out);
        answer_end(&a, &out);
        assert_int_equal(answer_has_ended(&a), ends[i].ended);
        answer_finish(&a);
        buf_finish(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openai_chat),
        cmocka_unit_test(test_expected_by_the_request),
        cmocka_unit_test(test_other_hosts),
        cmocka_unit_test(test_openrouter_cost),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_embeddings_and_completions),
        cmocka_unit_test(test_chat_stream),
        cmocka_unit_test(test_chat_stream_shapes),
        cmocka_unit_test(test_chat_stream_text),
        cmocka_unit_test(test_chat_stream_faults),
        cmocka_unit_test(test_responses),
        cmocka_unit_test(test_responses_stream),
        cmocka_unit_test(test_anthropic),
        cmocka_unit_test(test_anthropic_lies),
        cmocka_unit_test(test_anthropic_iterations),
        cmocka_unit_test(test_anthropic_stream),
        cmocka_unit_test(test_anthropic_stream_cut),
        cmocka_unit_test(test_oversized),
        cmocka_unit_test(test_text_is_bounded),
        cmocka_unit_test(test_a_reason_for_the_end),
    };

    return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
