/* SPDX-License-Identifier: MIT */
/* Streams that the proxy ends in the upstream's place, cut at every byte: what the client has then
 * is a whole, valid stream of its dialect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/answer.h"
#include "wire/scan.h"

/* Feeds the stream and stops it; with figures as the caller counted them. */
static bool stop(enum api api, bool asks, struct span in, struct buf *out)
{
    struct answer a;
    bool ok;

    answer_init(&a, api, false);
    a.may_stop = true;
    a.asks_usage = asks;
    answer_feed(&a, in, out);
    a.usage.nparts = 1;
    a.usage.parts[0].tokens[TOK_INPUT] = 7;
    a.usage.parts[0].tokens[TOK_OUTPUT] = 3;
    ok = answer_stop(&a, out);
    answer_finish(&a);
    return ok;
}

static void stopped(enum api api, bool asks, const char *in, const char *end)
{
    struct buf out = {0};

    assert_true(stop(api, asks, span_of(in), &out));
    assert_true(span_starts(buf_all(&out), span_of(in)));
    assert_string_equal(out.p + strlen(in), end);
    buf_finish(&out);
}

#define CHUNK(choices)                                                                             \
    "data: {\"id\":\"c-\\u0031\",\"created\":17,\"model\":\"m\",\"choices\":[" choices "]}\n\n"
#define OPEN(i)   "{\"index\":" #i ",\"delta\":{\"content\":\"H\"},\"finish_reason\":null}"
#define CLOSED(i) "{\"index\":" #i ",\"delta\":{},\"finish_reason\":\"stop\"}"
#define LENGTH(i, nul)                                                                             \
    "data: {\"id\":\"c-\\u0031\",\"object\":\"chat.completion.chunk\",\"created\":17,"             \
    "\"model\":\"m\",\"choices\":[{\"index\":" #i ",\"delta\":{},\"logprobs\":null,"               \
    "\"finish_reason\":\"length\"}]" nul "}\n\n"

static void test_chat(void **state)
{
    (void)state;
    stopped(API_CHAT, false, CHUNK(OPEN(0)), LENGTH(0, "") "data: [DONE]\n\n");
    stopped(API_CHAT, false, CHUNK(OPEN(0) "," OPEN(1) "," OPEN(2)) CHUNK(CLOSED(1)),
            LENGTH(0, "") LENGTH(2, "") "data: [DONE]\n\n");
    stopped(API_CHAT, false, CHUNK(OPEN(0)) CHUNK(CLOSED(0)), "data: [DONE]\n\n");
    stopped(API_CHAT, true, CHUNK(OPEN(0)),
            LENGTH(0, ",\"usage\":null") "data: "
                                         "{\"id\":\"c-\\u0031\",\"object\":\"chat.completion."
                                         "chunk\",\"created\":17,\"model\":\"m\","
                                         "\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"prompt_"
                                         "tokens_details\":{\"cached_tokens\":0},"
                                         "\"completion_tokens\":3,\"completion_tokens_details\":{"
                                         "\"reasoning_tokens\":0},"
                                         "\"total_tokens\":10}}\n\ndata: [DONE]\n\n");
    stopped(
        API_COMPLETIONS, false,
        "data: "
        "{\"id\":\"c\",\"created\":17,\"model\":\"m\",\"choices\":[{\"index\":0,\"text\":\"H\"}]}"
        "\n\n",
        "data: "
        "{\"id\":\"c\",\"object\":\"text_completion\",\"created\":17,\"model\":\"m\",\"choices\":"
        "[{\"index\":0,\"text\":\"\",\"logprobs\":null,\"finish_reason\":\"length\"}]}\n\n"
        "data: [DONE]\n\n");
}

#define EVENT(type, members) "event: " type "\ndata: {\"type\":\"" type "\"" members "}\n\n"
#define A_START                                                                                    \
    EVENT("message_start", ",\"message\":{\"id\":\"msg\",\"model\":\"c\",\"usage\":{"              \
                           "\"input_tokens\":7,\"output_tokens\":1}}")
#define A_BLOCK(i)                                                                                 \
    EVENT("content_block_start", ",\"index\":" #i ",\"content_block\":{\"type\":\"text\"}")        \
    EVENT("content_block_delta", ",\"index\":" #i ",\"delta\":{\"type\":\"text_delta\","           \
                                 "\"text\":\"H\"}")
#define A_CLOSE(i) EVENT("content_block_stop", ",\"index\":" #i)
#define A_LIMIT                                                                                    \
    EVENT("message_delta",                                                                         \
          ",\"delta\":{\"stop_reason\":\"max_tokens\",\"stop_sequence\":"                          \
          "null},\"usage\":{\"input_tokens\":7,\"cache_creation_input_tokens\":0,"                 \
          "\"cache_read_input_tokens\":0,\"output_tokens\":3}")
#define A_STOP EVENT("message_stop", "")

static void test_anthropic(void **state)
{
    (void)state;
    stopped(API_MESSAGES, false, A_START A_BLOCK(0), A_CLOSE(0) A_LIMIT A_STOP);
    stopped(API_MESSAGES, false, A_START A_BLOCK(0) A_CLOSE(0), A_LIMIT A_STOP);
    stopped(API_MESSAGES, false, A_START A_BLOCK(0) A_CLOSE(0) A_BLOCK(1),
            A_CLOSE(1) A_LIMIT A_STOP);
    stopped(API_MESSAGES, false, A_START, A_LIMIT A_STOP);
    stopped(
        API_MESSAGES, false,
        A_START EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{}"),
        A_STOP);
}

#define R_HEAD                                                                                     \
    "{\"id\":\"r\",\"object\":\"response\",\"status\":\"in_progress\",\"error\":null,"             \
    "\"created_at\":17,\"instructions\":\"do \\u00e9\",\"model\":\"m\",\"output\":[],"             \
    "\"top_p\":0.7,\"usage\":null}"
#define R_START EVENT("response.created", ",\"sequence_number\":0,\"response\":" R_HEAD)
#define R_ITEM                                                                                     \
    EVENT("response.output_item.added", ",\"output_index\":1,\"item\":{\"id\":\"i\",\"type\":"     \
                                        "\"message\"},\"sequence_number\":1")
#define R_PART                                                                                     \
    EVENT("response.content_part.added",                                                           \
          ",\"item_id\":\"i\",\"output_index\":1,"                                                 \
          "\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"\"},"                 \
          "\"sequence_number\":2")
#define R_TEXT EVENT("response.output_text.delta", ",\"delta\":\"H\\\"i\",\"sequence_number\":3")
#define R_DONE                                                                                     \
    EVENT("response.output_item.done", ",\"output_index\":0,\"item\":{\"type\":\"reasoning\"},"    \
                                       "\"sequence_number\":4")
#define R_LASTED                                                                                   \
    "\"id\":\"r\",\"object\":\"response\",\"created_at\":17,\"instructions\":\"do \\u00e9\","      \
    "\"model\":\"m\",\"top_p\":0.7,"
#define R_OUTRO                                                                                    \
    "\"error\":null,\"incomplete_details\":{\"reason\":\"max_output_tokens\"},\"usage\":{"         \
    "\"input_tokens\":7,\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens\":3,"       \
    "\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":10}}"
#define R_OUTPUT "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"H\\\"i\"}"
#define R_MSG                                                                                      \
    "{\"id\":\"i\",\"type\":\"message\",\"status\":\"incomplete\",\"content\":[" R_OUTPUT          \
    "],\"role\":\"assistant\"}"

static void test_responses(void **state)
{
    (void)state;
    stopped(API_RESPONSES, false, R_START,
            EVENT("response.incomplete", ",\"sequence_number\":1,\"response\":{" R_LASTED
                                         "\"status\":\"incomplete\",\"output\":[]," R_OUTRO));
    stopped(
        API_RESPONSES, false, R_START R_DONE R_ITEM R_PART R_TEXT,
        EVENT("response.output_text.done",
              ",\"sequence_number\":4,\"output_index\":1,\"item_id\":\"i\","
              "\"content_index\":0,\"text\":\"H\\\"i\",\"logprobs\":[]")
            EVENT("response.content_part.done",
                  ",\"sequence_number\":5,\"output_index\":1,\"item_id\":"
                  "\"i\",\"content_index\":0,\"part\":" R_OUTPUT)
                EVENT("response.output_item.done",
                      ",\"sequence_number\":6,\"output_index\":1,\"item\":" R_MSG)
                    EVENT("response.incomplete",
                          ",\"sequence_number\":7,\"response\":{" R_LASTED
                          "\"status\":\"incomplete\",\"output\":[{\"type\":\"reasoning\"}," R_MSG
                          "]," R_OUTRO));
    /* a tool call that is cut stays open */
    stopped(
        API_RESPONSES, false,
        R_START R_DONE EVENT("response.output_item.added",
                             ",\"output_index\":1,\"item\":{\"id\":\"f\","
                             "\"type\":\"function_call\",\"name\":\"f\"},\"sequence_number\":1"),
        EVENT("response.incomplete",
              ",\"sequence_number\":2,\"response\":{" R_LASTED
              "\"status\":\"incomplete\",\"output\":[{\"type\":\"reasoning\"}]," R_OUTRO));
}

/* Each event's data is one JSON value or [DONE]. */
static void check_event(void *ctx, const struct sse_event *ev)
{
    struct scan s;

    (void)ctx;
    if (!ev->data.n || span_eq(ev->data, SPAN("[DONE]")))
        return;
    scan_begin(&s, ev->data);
    scan_value(&s);
    assert_true(scan_end(&s));
}

static void test_cut_anywhere(void **state)
{
    static const struct {
        enum api api;
        const char *stream;
    } rows[] = {
        {API_CHAT, CHUNK(OPEN(0)) CHUNK(OPEN(1)) CHUNK(CLOSED(0))},
        {API_COMPLETIONS, "data: {\"choices\":[{\"index\":0,\"text\":\"H\"}]}\r\n\r\n: x\r\n\r\n"},
        {API_MESSAGES, A_START A_BLOCK(0) A_CLOSE(0) A_BLOCK(1)},
        {API_RESPONSES, R_START R_DONE R_ITEM R_PART R_TEXT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct span whole = span_of(rows[i].stream);

        for (size_t n = 0; n <= whole.n; n++) {
            struct buf out = {0}, again = {0};
            struct answer a;
            struct sse s;
            bool begun = stop(rows[i].api, n % 2, (struct span){whole.p, n}, &out);

            assert_true(begun || out.n == 0);
            assert_true(begun || n < whole.n);
            answer_init(&a, rows[i].api, false);
            answer_feed(&a, buf_all(&out), &again);
            assert_int_equal(sse_rest(&a.sse).n, 0);
            assert_int_equal(a.complete, begun);
            assert_false(a.failed);
            answer_finish(&a);
            sse_init(&s);
            sse_feed(&s, buf_all(&out), check_event, NULL);
            sse_finish(&s);
            buf_finish(&out);
            buf_finish(&again);
        }
    }
}

static void test_not_when_over(void **state)
{
    static const struct {
        enum api api;
        const char *stream;
    } rows[] = {
        {API_CHAT, ""},
        {API_CHAT, CHUNK(OPEN(0)) "data: [DONE]\n\n"},
        {API_CHAT, CHUNK(OPEN(0)) "data: {\"error\":{}}\n\n"},
        {API_MESSAGES, A_START A_STOP},
        {API_MESSAGES, EVENT("ping", "")},
        {API_RESPONSES, R_START EVENT("response.completed", "")},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf out = {0};

        assert_false(stop(rows[i].api, true, span_of(rows[i].stream), &out));
        assert_int_equal(out.n, strlen(rows[i].stream));
        buf_finish(&out);
    }
}

/* An oversized event has passed in part: nothing can make that valid again. */
static void test_not_inside_an_event(void **state)
{
    struct buf in = {0}, out = {0};

    (void)state;
    buf_str(&in, CHUNK(OPEN(0)) "data: ");
    for (size_t i = 0; i <= SSE_EVENT_MAX; i += 16)
        buf_str(&in, "0123456789abcdef");
    assert_false(stop(API_CHAT, false, buf_all(&in), &out));
    buf_finish(&in);
    buf_finish(&out);
}

static void fails(enum api api, const char *in, const char *event)
{
    struct refusal r;
    struct buf out = {0}, again = {0};
    struct answer a;

    refuse(&r, REFUSE_UPSTREAM_FAILED, NULL, "gone");
    answer_init(&a, api, false);
    a.may_stop = true;
    answer_feed(&a, span_of(in), &out);
    assert_true(answer_error_event(&a, &r, "req_1", &out));
    assert_string_equal(out.p + strlen(in), event);
    answer_finish(&a);
    /* and it is read as what it is */
    answer_init(&a, api, false);
    answer_feed(&a, buf_all(&out), &again);
    assert_true(a.failed);
    answer_finish(&a);
    buf_finish(&again);
    buf_finish(&out);
}

#define BODY(type)                                                                                 \
    "{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"gone\",\"param\":"         \
    "null,\"code\":\"upstream_failed\"},\"request_id\":\"req_1\"}\n\n"

static void test_error_events(void **state)
{
    (void)state;
    fails(API_CHAT, CHUNK(OPEN(0)), "data: " BODY("server_error"));
    fails(API_COMPLETIONS, "", "data: " BODY("server_error"));
    fails(API_MESSAGES, A_START A_BLOCK(0), "event: error\ndata: " BODY("api_error"));
    fails(API_RESPONSES, R_START,
          EVENT("response.failed",
                ",\"sequence_number\":1,\"response\":{" R_LASTED "\"status\":\"failed\","
                "\"output\":[],\"incomplete_details\":null,\"error\":{\"code\":\"server_error\","
                "\"message\":\"gone\"},\"usage\":null}"));
    fails(
        API_RESPONSES, "",
        EVENT(
            "response.failed",
            ",\"sequence_number\":0,\"response\":{\"id\":\"resp_tokencap\",\"object\":"
            "\"response\",\"created_at\":0,\"model\":\"\",\"parallel_tool_calls\":true,\"tool_"
            "choice\":"
            "\"auto\",\"tools\":[],\"status\":\"failed\",\"output\":[],\"incomplete_details\":null,"
            "\"error\":{\"code\":\"server_error\",\"message\":\"gone\"},\"usage\":null}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chat),          cmocka_unit_test(test_anthropic),
        cmocka_unit_test(test_responses),     cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_not_when_over), cmocka_unit_test(test_not_inside_an_event),
        cmocka_unit_test(test_error_events),
    };

    return cmocka_run_group_tests_name("answer_stop", tests, NULL, NULL);
}
