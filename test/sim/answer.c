/* SPDX-License-Identifier: MIT */
#include "answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const vocabulary[] = {"The",  "quick", "brown", "fox",  "jumps", "over", "the",
                                         "lazy", "dog",   "and",   "runs", "away",  "again"};
#define VOCABULARY (sizeof(vocabulary) / sizeof(vocabulary[0]))

/* The names under which a limit of the output may come. */
static int64_t limit_of(struct slice body)
{
    static const char *const names[] = {"max_completion_tokens", "max_output_tokens", "max_tokens"};

    for (size_t i = 0; i < 3; i++) {
        struct slice value = peek_member(body, names[i]);

        if (value.at)
            return peek_int(value, -1);
    }
    return -1;
}

static void make_text(struct ask *ask)
{
    long long words = ask->script->words;

    if (ask->script->text) {
        buf_puts(&ask->text, ask->script->text);
        return;
    }
    if (ask->max_tokens >= 0 && ask->max_tokens < words && ask->script->output < 0) {
        words = ask->max_tokens;
        ask->was_cut = true;
    }
    buf_reserve(&ask->text, (size_t)words * 8);
    for (long long i = 0; i < words; i++) {
        if (i)
            buf_add(&ask->text, " ", 1);
        buf_puts(&ask->text, vocabulary[(size_t)i % VOCABULARY]);
    }
}

static bool starts_chunk(const struct ask *ask, size_t at)
{
    return at == 0 || ask->text.bytes[at] == ' ';
}

/* One chunk a word, the blank before it included, unless the script wants a number of them. */
static void cut_text(struct ask *ask)
{
    size_t len = ask->text.len, want = (size_t)ask->script->chunks;

    if (!ask->stream)
        want = 1;
    ask->cut = sim_alloc((want ? want + 1 : len + 2) * sizeof(*ask->cut));
    if (want) {
        ask->chunks = want;
        for (size_t i = 0; i <= want; i++) {
            size_t at = len * i / want;

            while (at < len && (ask->text.bytes[at] & 0xc0) == 0x80)
                at++;
            ask->cut[i] = at;
        }
        return;
    }
    for (size_t at = 0; at < len; at++) {
        if (starts_chunk(ask, at))
            ask->cut[ask->chunks++] = at;
    }
    ask->cut[ask->chunks] = len;
}

static int64_t count_words(const struct buf *text)
{
    int64_t words = 0;

    for (size_t i = 0; i < text->len; i++)
        words += text->bytes[i] != ' ' && (i == 0 || text->bytes[i - 1] == ' ');
    return words;
}

/* By rule a token is four bytes of the request's body, and a word of the answer. */
static void make_usage(struct ask *ask)
{
    const struct script *s = ask->script;

    ask->usage = (struct usage){
        .input = s->input >= 0 ? s->input : (int64_t)(ask->body.len + 3) / 4,
        .output = s->output >= 0 ? s->output : count_words(&ask->text) * ask->choices,
        .cached = s->cached,
        .cache_write = s->cache_write,
        .cache_write_1h = s->cache_write_1h,
        .reasoning = s->reasoning,
    };
    ask->usage_kind = s->usage;
}

void ask_init(struct ask *ask, const struct http_request *req, const struct script *script,
              enum dialect dialect, uint64_t id)
{
    struct slice options;

    *ask = (struct ask){.req = req, .script = script, .dialect = dialect, .id = id};
    ask->body = (struct slice){req->body, req->body_len};
    if (script->model)
        snprintf(ask->model, sizeof(ask->model), "%s", script->model);
    else
        peek_string(peek_member(ask->body, "model"), ask->model, sizeof(ask->model));
    ask->stream = peek_is_true(peek_member(ask->body, "stream"));
    options = peek_member(ask->body, "stream_options");
    ask->include_usage = peek_is_true(peek_member(options, "include_usage"));
    ask->max_tokens = limit_of(ask->body);
    ask->choices = (int)peek_int(peek_member(ask->body, "n"), 1);
    if (ask->choices < 1 || ask->choices > 128)
        ask->choices = 1;
    make_text(ask);
    cut_text(ask);
    make_usage(ask);
}

void ask_finish(struct ask *ask)
{
    buf_finish(&ask->text);
    free(ask->cut);
}

struct slice ask_chunk(const struct ask *ask, size_t i)
{
    return (struct slice){ask->text.bytes + ask->cut[i], ask->cut[i + 1] - ask->cut[i]};
}

bool ask_states_usage(const struct ask *ask)
{
    return ask->usage_kind != USAGE_NONE && ask->usage_kind != USAGE_NULL;
}

long long ask_figure(const struct ask *ask, int64_t value)
{
    switch (ask->usage_kind) {
    case USAGE_NEGATIVE:
        return -value - 1;
    case USAGE_ABSURD:
        return 9000000000000000000LL;
    case USAGE_ZERO:
        return 0;
    default:
        return value;
    }
}

void answer_init(struct answer *a, const struct ask *ask)
{
    *a = (struct answer){.status = 200, .stream = ask->stream, .eol = "\n"};
    a->type = ask->stream ? "text/event-stream; charset=utf-8" : "application/json";
    if (ask->script->eol == EOL_CRLF)
        a->eol = "\r\n";
    if (ask->script->eol == EOL_CR)
        a->eol = "\r";
}

void answer_finish(struct answer *a)
{
    buf_finish(&a->header);
    buf_finish(&a->body);
    free(a->piece);
}

void answer_header(struct answer *a, const char *format, ...)
{
    char line[512];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    buf_printf(&a->header, "%s\r\n", line);
}

void answer_open(struct answer *a, const char *event)
{
    if (a->pieces == a->piece_cap) {
        a->piece_cap = a->piece_cap ? a->piece_cap * 2 : 16;
        a->piece = realloc(a->piece, a->piece_cap * sizeof(*a->piece));
        if (!a->piece)
            abort();
    }
    a->piece[a->pieces] = (struct piece){.at = a->body.len};
    if (!a->stream)
        return;
    if (event)
        buf_printf(&a->body, "event: %s%s", event, a->eol);
    buf_puts(&a->body, "data: ");
}

void answer_close(struct answer *a, bool content)
{
    struct piece *piece = &a->piece[a->pieces++];

    if (a->stream) {
        buf_puts(&a->body, a->eol);
        buf_puts(&a->body, a->eol);
    }
    piece->len = a->body.len - piece->at;
    piece->content = content;
}

void answer_mark_last(struct answer *a)
{
    a->piece[a->pieces - 1].last = true;
}

struct error_name {
    int status;
    const char *anthropic, *openai, *code;
};

static const struct error_name error_names[] = {
    {400, "invalid_request_error", "invalid_request_error", NULL},
    {401, "authentication_error", "invalid_request_error", "invalid_api_key"},
    {403, "permission_error", "invalid_request_error", NULL},
    {404, "not_found_error", "invalid_request_error", "model_not_found"},
    {405, "invalid_request_error", "invalid_request_error", "method_not_supported"},
    {413, "request_too_large", "invalid_request_error", NULL},
    {429, "rate_limit_error", "tokens", "rate_limit_exceeded"},
    {500, "api_error", "server_error", NULL},
    {503, "overloaded_error", "server_error", NULL},
    {529, "overloaded_error", "server_error", NULL},
    {0, "api_error", "api_error", NULL},
};

void answer_error(struct answer *a, enum dialect dialect, int status, const char *message)
{
    const struct error_name *name = error_names;

    while (name->status && name->status != status)
        name++;
    buf_clear(&a->body);
    a->pieces = 0;
    a->status = status;
    a->stream = a->states_usage = false;
    a->type = "application/json";
    answer_open(a, NULL);
    if (dialect == ANTHROPIC) {
        buf_printf(&a->body,
                   "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":", name->anthropic);
        buf_json(&a->body, message, strlen(message));
        buf_puts(&a->body, "},\"request_id\":\"req_sim_error\"}");
    } else {
        buf_puts(&a->body, "{\"error\":{\"message\":");
        buf_json(&a->body, message, strlen(message));
        buf_printf(&a->body, ",\"type\":\"%s\",\"param\":null,\"code\":", name->openai);
        if (name->code)
            buf_printf(&a->body, "\"%s\"}}", name->code);
        else
            buf_puts(&a->body, "null}}");
    }
    answer_close(a, false);
}
