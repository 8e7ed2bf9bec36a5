/* SPDX-License-Identifier: MIT */
/*
 * The hot functions with fixed inputs, one after the other, for callgrind: each case's instructions
 * go into a dump that bears its name. What a case needs is made before it, and not counted.
 *
 *   valgrind --tool=callgrind instructions DATADIR SCRATCH
 */
#include <stdio.h>
#include <stdlib.h>
#include <valgrind/callgrind.h>

#include "ledger/ledger.h"
#include "proxy/guard.h"
#include "proxy/steps.h"
#include "texts.h"
#include "wire/answer.h"

#define WALL_MS INT64_C(1764000000000)

struct bench {
    const char *data, *scratch;
    struct vocabs *vocabs;
    struct price_table *prices;
};

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "instructions: %s\n", what);
    exit(1);
}

static void begin(void)
{
    CALLGRIND_ZERO_STATS;
}

static void end(const char *name)
{
    char trigger[64];

    snprintf(trigger, sizeof trigger, "case %s", name);
    CALLGRIND_DUMP_STATS_AT(trigger);
}

/* ---- counting text that was not seen before ---- */

typedef void writer(struct buf *b, struct dice *d, size_t bytes);

static void count_text(const struct bench *b, const char *language, writer *write, size_t kb)
{
    struct tokenizer *t = tokenizer_create(b->vocabs);
    struct dice d = {kb};
    struct buf text;
    char name[64];
    int64_t tokens;

    buf_init(&text, 0);
    write(&text, &d, kb << 10);
    must(t && !text.failed, "no memory");
    begin();
    tokens = tokenizer_count(t, ENC_O200K, buf_all(&text));
    snprintf(name, sizeof name, "count_%s_%zuk", language, kb);
    end(name);
    must(tokens > (int64_t)kb * 100, "too few tokens");
    buf_finish(&text);
    tokenizer_destroy(t);
}

static void count_texts(const struct bench *b)
{
    static const size_t sizes[] = {1, 10, 100};

    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        count_text(b, "english", text_english, sizes[i]);
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        count_text(b, "chinese", text_chinese, sizes[i]);
}

/* ---- reading a request, and its headers ---- */

static void write_chat(struct buf *b, size_t bytes)
{
    static const char *const roles[] = {"system", "user", "assistant"};
    struct dice d = {85};
    struct buf text;

    buf_str(b, "{\"model\":\"gpt-4o\",\"max_tokens\":1000,\"stream\":true,\"messages\":[");
    buf_init(&text, 0);
    for (int i = 0; b->n < bytes; i++) {
        buf_clear(&text);
        text_english(&text, &d, 1000 + dice_throw(&d, 2000));
        for (size_t at = 0; at < text.n; at++)
            text.p[at] = text.p[at] == '\n' ? ' ' : text.p[at];
        buf_printf(b, "%s{\"role\":\"%s\",\"content\":\"%s\\n\"}", i ? "," : "",
                   roles[i ? 1 + i % 2 : 0], text.p);
    }
    buf_str(b, "]}");
    buf_finish(&text);
}

static void parse_chat(const struct bench *b)
{
    struct json_limits limits = JSON_LIMITS;
    struct request q;
    struct refusal r;
    struct arena a;
    struct buf body;
    bool read;

    (void)b;
    buf_init(&body, 0);
    write_chat(&body, 85 << 10);
    arena_init(&a, 64 << 20);
    begin();
    read = request_parse(API_CHAT, buf_all(&body), &limits, &a, &q, &r) == 0;
    must(read && q.prompt.nmessages > 20, "the chat was not read");
    request_forget(&q);
    arena_finish(&a);
    end("parse_chat_85k");
    buf_finish(&body);
}

/* What an SDK sends. */
static const char *const sdk_headers[][2] = {
    {"Host", "127.0.0.1:3456"},
    {"Connection", "keep-alive"},
    {"Content-Length", "87342"},
    {"Accept", "application/json"},
    {"Content-Type", "application/json"},
    {"User-Agent", "OpenAI/Python 2.8.1"},
    {"X-Stainless-Lang", "python"},
    {"X-Stainless-Package-Version", "2.8.1"},
    {"X-Stainless-OS", "Linux"},
    {"X-Stainless-Arch", "x64"},
    {"X-Stainless-Runtime", "CPython"},
    {"X-Stainless-Runtime-Version", "3.12.3"},
    {"X-Stainless-Async", "false"},
    {"X-Stainless-Retry-Count", "0"},
    {"X-Stainless-Read-Timeout", "600"},
    {"Authorization", "Bearer sk-proj-0123456789abcdefghijklmnopqrstuvwxyz"},
    {"X-Tokencap-Project-Id", "my-project"},
    {"Accept-Encoding", "gzip, deflate, zstd"},
};

/* From the client's headers and target to the upstream's. */
static void pass_headers(struct exchange *x)
{
    struct headers out = {.n = 0};
    bool taken = true;

    x->headers = (struct headers){.n = 0};
    for (size_t i = 0; i < COUNT_OF(sdk_headers); i++)
        taken = taken && headers_add(&x->headers, &x->arena, span_of(sdk_headers[i][0]),
                                     span_of(sdk_headers[i][1]));
    must(taken && guard_headers(&x->headers, true, &x->refusal) == 0, "the guard refused");
    must(route_find(METHOD_POST, SPAN("/v1/chat/completions"), &x->headers,
                    &x->settings->config.providers, &x->arena, &x->target, &x->refusal) == 0,
         "no route");
    must(outgoing_url(x, "") && outgoing_headers(x, &out) && out.n > 10, "no outgoing headers");
}

static void headers(const struct bench *b)
{
    struct exchange *x = calloc(1, sizeof *x);
    struct server *server = calloc(1, sizeof *server);
    struct settings *settings = calloc(1, sizeof *settings);
    struct provider provider = {.name = (char[]){"openai"},
                                .base_url = (char[]){"https://api.openai.com/v1"}};

    (void)b;
    must(x && server && settings, "no memory");
    x->server = server;
    x->settings = settings;
    x->provider = &provider;
    snprintf(server->instance, sizeof server->instance, "tokencap-0123456789abcdef");
    arena_init(&x->arena, 1 << 20);
    begin();
    for (int i = 0; i < 100; i++) {
        pass_headers(x);
        arena_reset(&x->arena);
    }
    end("headers_100");
    arena_finish(&x->arena);
    free(settings);
    free(server);
    free(x);
}

/* ---- prices ---- */

static void price_all(const struct price_table *t)
{
    static const struct {
        const char *provider, *model;
    } asked[] = {
        {"openai", "gpt-4o"},
        {"openai", "gpt-4o-mini-2024-07-18"},
        {"anthropic", "claude-sonnet-4-5"},
        {"openai", "ft:gpt-4o:my-company::abc123"},
        {"openai", "a-model-that-nobody-knows"},
    };
    struct usage u = {.seen = true, .nparts = 1};
    struct err e;
    nano_t cost, most;

    u.parts[0].tokens[TOK_INPUT] = 1200;
    u.parts[0].tokens[TOK_CACHE_READ] = 800;
    u.parts[0].tokens[TOK_OUTPUT] = 512;
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        struct price p = price_find(t, asked[i].provider, span_of(asked[i].model));

        must(price_cost(t, p, asked[i].provider, &u, WALL_MS, &cost, &e) == 0 && cost > 0 &&
                 price_bound(p, 2000, 4096, &(struct price_terms){0}, WALL_MS, &most, &e) == 0 && most > cost,
             "no price");
    }
}

static void prices(const struct bench *b)
{
    begin();
    for (int i = 0; i < 100; i++)
        price_all(b->prices);
    end("price_500");
}

/* ---- the ledger, one request after the other ---- */

static void hold_and_settle(struct ledger *l, int i)
{
    struct reservation r = {.project = "my-project",
                            .model = "gpt-4o",
                            .run_limit = -1,
                            .provider = "openai",
                            .endpoint = "chat.completions",
                            .estimate = 1234567,
                            .maximum = 4567890,
                            .bounded = true,
                            .input_tokens = 1200,
                            .output_tokens = 750,
                            .now_ms = WALL_MS + i};
    struct settlement s = {.state = HOLD_SETTLED,
                           .model = "gpt-4o",
                           .cost = 1034567,
                           .status = 200,
                           .price_version = "2026-11-01",
                           .price_rule = "exact",
                           .confidence = "high",
                           .now_ms = WALL_MS + i + 4321,
                           .duration_ms = 4321,
                           .usage = {.seen = true, .nparts = 1}};
    struct verdict v;
    struct err e;

    snprintf(r.request_id, sizeof r.request_id, "req_%032x", (unsigned)i * 2654435761U);
    s.usage.parts[0].tokens[TOK_INPUT] = 1200;
    s.usage.parts[0].tokens[TOK_OUTPUT] = 512;
    must(ledger_reserve(l, &r, &v, &e) == 0 && v.admitted, "not admitted");
    s.hold_id = v.hold_id;
    must(ledger_settle(l, &s, true, NULL, &e) == 0, "not settled");
}

static void holds(const struct bench *b)
{
    struct budget budget = {.scope = SCOPE_PROJECT,
                            .project = "my-project",
                            .limit = NANO_MAX,
                            .per_request = -1,
                            .period = PERIOD_MONTH};
    char path[512];
    struct ledger_options o = {.address = path, .busy_timeout_ms = 5000, .ballast = -1};
    struct ledger *l;
    struct err e;

    snprintf(path, sizeof path, "%s/ledger.db", b->scratch);
    must(ledger_open(&o, NULL, &l, &e) == 0 &&
             ledger_budget_set(l, &budget, WALL_MS, NULL, &e) == 0,
         "no ledger");
    hold_and_settle(l, 0);
    begin();
    for (int i = 1; i <= 100; i++)
        hold_and_settle(l, i);
    end("hold_and_settle_100");
    ledger_close(l);
}

/* ---- usage out of a stream ---- */

static void write_chat_event(struct buf *b, int i, int last)
{
    buf_str(b,
            "data: "
            "{\"id\":\"chatcmpl-123\",\"object\":\"chat.completion.chunk\",\"created\":1764000000,"
            "\"model\":\"gpt-4o\",\"choices\":[");
    if (i < last)
        buf_printf(b, "{\"index\":0,\"delta\":{\"content\":\" word%d\"},\"finish_reason\":null}],",
                   i);
    else
        buf_str(
            b,
            "],\"usage\":{\"prompt_tokens\":19,\"completion_tokens\":498,\"total_tokens\":517},");
    buf_str(b, "\"system_fingerprint\":\"fp_1\"}\n\n");
}

static void write_messages_event(struct buf *b, int i, int last)
{
    if (i == 0)
        buf_str(
            b,
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\","
            "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-sonnet-4-5\","
            "\"content\":[],"
            "\"usage\":{\"input_tokens\":19,\"output_tokens\":1}}}\n\n");
    else if (i < last)
        buf_printf(
            b,
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
            "\"delta\":{\"type\":\"text_delta\",\"text\":\" word%d\"}}\n\n",
            i);
    else
        buf_str(
            b, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
               "\"end_turn\"},\"usage\":{\"output_tokens\":498}}\n\n"
               "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
}

static void read_stream(const char *name, enum api api,
                        void (*write)(struct buf *b, int i, int last))
{
    struct buf event[500], out;
    struct answer a;

    for (int i = 0; i < 500; i++) {
        buf_init(&event[i], 0);
        write(&event[i], i, 499);
    }
    buf_init(&out, 0);
    answer_init(&a, api, false);
    begin();
    for (int i = 0; i < 500; i++) {
        answer_feed(&a, buf_all(&event[i]), &out);
        buf_clear(&out);
    }
    answer_end(&a, &out);
    end(name);
    must(a.usage.seen && usage_output(&a.usage) == 498, "no usage in the stream");
    answer_finish(&a);
    buf_finish(&out);
    for (int i = 0; i < 500; i++)
        buf_finish(&event[i]);
}

static void streams(const struct bench *b)
{
    (void)b;
    read_stream("stream_chat_500", API_CHAT, write_chat_event);
    read_stream("stream_messages_500", API_MESSAGES, write_messages_event);
}

int main(int argc, char **argv)
{
    static void (*const cases[])(const struct bench *) = {count_texts, parse_chat, headers,
                                                          prices,      holds,      streams};
    char vocab[512], pricing[512];
    const char *dirs[] = {pricing};
    struct bench b = {0};
    struct err e = {0};

    must(argc == 3, "usage: instructions DATADIR SCRATCH");
    b.scratch = argv[2];
    snprintf(vocab, sizeof vocab, "%s/vocab", argv[1]);
    snprintf(pricing, sizeof pricing, "%s/pricing", argv[1]);
    json_object_seed(1); /* else drawn: the order in its tables would vary */
    must(vocabs_open(vocab, &b.vocabs, &e) == 0, e.msg);
    must(price_load(dirs, 1, &b.prices, &e) == 0, e.msg);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cases[i](&b);
    price_free(b.prices);
    vocabs_close(b.vocabs);
    return 0;
}
