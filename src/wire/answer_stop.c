/* SPDX-License-Identifier: MIT */
/* Ends a stream in the upstream's place: at the budget's limit, or for a failure of ours. */
#include <stdio.h>

#include "base/jsonw.h"
#include "reader.h"

static void event_begin(struct buf *out, const char *name, struct jsonw *w)
{
    if (name)
        buf_printf(out, "event: %s\n", name);
    buf_str(out, "data: ");
    jsonw_init(w, out);
    jsonw_open(w, '{');
    if (name)
        jsonw_member_str(w, "type", span_of(name));
}

static void event_end(struct buf *out, struct jsonw *w)
{
    jsonw_close(w, '}');
    buf_str(out, "\n\n");
}

static void details(struct jsonw *w, const char *group, const char *key, int64_t n)
{
    jsonw_key(w, group);
    jsonw_open(w, '{');
    jsonw_member_int(w, key, n);
    jsonw_close(w, '}');
}

/* An OpenAI usage object: chat's and completions' names, or those of Responses. */
void reader_write_usage(const struct usage *u, const char *input, const char *output,
                        struct jsonw *w)
{
    char group[64];

    jsonw_key(w, "usage");
    jsonw_open(w, '{');
    jsonw_member_int(w, input, usage_input(u));
    snprintf(group, sizeof(group), "%s_details", input);
    details(w, group, "cached_tokens", usage_kind(u, TOK_CACHE_READ));
    jsonw_member_int(w, output, usage_output(u));
    snprintf(group, sizeof(group), "%s_details", output);
    details(w, group, "reasoning_tokens", u->reasoning);
    jsonw_member_int(w, "total_tokens", usage_input(u) + usage_output(u));
    jsonw_close(w, '}');
}

/* The members that every chunk begins with. */
static void chunk_begin(const struct answer *a, struct buf *out, struct jsonw *w)
{
    bool chat = a->api == API_CHAT;

    event_begin(out, NULL, w);
    jsonw_member_raw(w, "id", a->trail.id[0] ? a->trail.id : "\"tokencap\"");
    jsonw_member_str(w, "object", chat ? SPAN("chat.completion.chunk") : SPAN("text_completion"));
    jsonw_member_int(w, "created", a->trail.created);
    jsonw_member_str(w, "model", span_of(a->usage.model));
    jsonw_key(w, "choices");
    jsonw_open(w, '[');
}

static void stop_choice(const struct answer *a, int index, struct buf *out)
{
    struct jsonw w;

    chunk_begin(a, out, &w);
    jsonw_open(&w, '{');
    jsonw_member_int(&w, "index", index);
    if (a->api == API_CHAT)
        jsonw_member_raw(&w, "delta", "{}");
    else
        jsonw_member_str(&w, "text", SPAN(""));
    jsonw_member_raw(&w, "logprobs", "null");
    jsonw_member_str(&w, "finish_reason", SPAN("length"));
    jsonw_close(&w, '}');
    jsonw_close(&w, ']');
    if (a->asks_usage)
        jsonw_member_raw(&w, "usage", "null");
    event_end(out, &w);
}

static void stop_chat(struct answer *a, struct buf *out)
{
    struct jsonw w;
    bool any = false;

    for (int i = 0; i < ANSWER_CHOICES_MAX; i++) {
        any = any || a->trail.choices[i] != CHOICE_UNSEEN;
        if (a->trail.choices[i] == CHOICE_OPEN)
            stop_choice(a, i, out);
    }
    if (!any)
        stop_choice(a, 0, out);
    if (a->asks_usage) {
        chunk_begin(a, out, &w);
        jsonw_close(&w, ']');
        reader_write_usage(&a->usage, "prompt_tokens", "completion_tokens", &w);
        event_end(out, &w);
    }
    buf_str(out, "data: [DONE]\n\n");
}

static void anthropic_usage(const struct usage *u, struct jsonw *w)
{
    int64_t written = usage_kind(u, TOK_CACHE_WRITE_5M) + usage_kind(u, TOK_CACHE_WRITE_1H);

    jsonw_key(w, "usage");
    jsonw_open(w, '{');
    jsonw_member_int(w, "input_tokens", usage_kind(u, TOK_INPUT));
    jsonw_member_int(w, "cache_creation_input_tokens", written);
    jsonw_member_int(w, "cache_read_input_tokens", usage_kind(u, TOK_CACHE_READ));
    jsonw_member_int(w, "output_tokens", usage_output(u));
    jsonw_close(w, '}');
}

static void stop_anthropic(struct answer *a, struct buf *out)
{
    struct jsonw w;

    if (a->trail.block >= 0) {
        event_begin(out, "content_block_stop", &w);
        jsonw_member_int(&w, "index", a->trail.block);
        event_end(out, &w);
    }
    if (!a->trail.reasoned) {
        event_begin(out, "message_delta", &w);
        jsonw_member_raw(&w, "delta", "{\"stop_reason\":\"max_tokens\",\"stop_sequence\":null}");
        anthropic_usage(&a->usage, &w);
        event_end(out, &w);
    }
    event_begin(out, "message_stop", &w);
    event_end(out, &w);
}

/* An event of the upstream's that has not become whole is forgotten; one that has passed in part
 * makes every end invalid. */
static bool may_end(struct answer *a)
{
    if (a->complete || a->failed || a->sse.overflowed)
        return false;
    buf_clear(&a->sse.pending);
    return true;
}

bool answer_stop(struct answer *a, struct buf *out)
{
    if (!a->trail.started || !may_end(a))
        return false;
    if (a->api == API_MESSAGES)
        stop_anthropic(a, out);
    else if (a->api == API_RESPONSES)
        reader_stop_responses(a, out);
    else
        stop_chat(a, out);
    return true;
}

bool answer_error_event(struct answer *a, const struct refusal *r, const char *request_id,
                        struct buf *out)
{
    if (!may_end(a))
        return false;
    if (a->api == API_RESPONSES) {
        reader_fail_responses(a, r, out);
        return true;
    }
    buf_str(out, a->api == API_MESSAGES ? "event: error\ndata: " : "data: ");
    refusal_body(r, a->api == API_MESSAGES ? DIALECT_ANTHROPIC : DIALECT_OPENAI, request_id, out);
    buf_str(out, "\n\n");
    return true;
}
