/* SPDX-License-Identifier: MIT */
/*
 * The end of a Responses stream. Its last event holds the whole response object, which is made from
 * the one that the upstream sent at the start: the members that the end changes are replaced.
 */
#include "base/jsonw.h"
#include "reader.h"

static void event_begin(struct answer *a, struct buf *out, const char *name, struct jsonw *w)
{
    buf_printf(out, "event: %s\ndata: ", name);
    jsonw_init(w, out);
    jsonw_open(w, '{');
    jsonw_member_str(w, "type", span_of(name));
    jsonw_member_int(w, "sequence_number", ++a->trail.sequence);
}

static void event_end(struct buf *out, struct jsonw *w)
{
    jsonw_close(w, '}');
    buf_str(out, "\n\n");
}

/* A value as written elsewhere. */
static void raw_value(struct jsonw *w, struct span value)
{
    jsonw_raw(w, "");
    buf_span(w->out, value);
}

static struct span open_text(const struct answer *a)
{
    return span_skip(buf_all(&a->text), a->trail.text_at);
}

static void text_part(const struct answer *a, struct jsonw *w)
{
    jsonw_open(w, '{');
    jsonw_member_str(w, "type", SPAN("output_text"));
    jsonw_member_raw(w, "annotations", "[]");
    jsonw_member_raw(w, "logprobs", "[]");
    jsonw_member_str(w, "text", open_text(a));
    jsonw_close(w, '}');
}

static void message_item(const struct answer *a, struct jsonw *w)
{
    jsonw_open(w, '{');
    jsonw_member_raw(w, "id", a->trail.item);
    jsonw_member_str(w, "type", SPAN("message"));
    jsonw_member_str(w, "status", SPAN("incomplete"));
    jsonw_key(w, "content");
    jsonw_open(w, '[');
    text_part(a, w);
    jsonw_close(w, ']');
    jsonw_member_str(w, "role", SPAN("assistant"));
    jsonw_close(w, '}');
}

static void place(const struct answer *a, bool part, struct jsonw *w)
{
    jsonw_member_int(w, "output_index", a->trail.block);
    if (!part)
        return;
    jsonw_member_raw(w, "item_id", a->trail.item);
    jsonw_member_int(w, "content_index", a->trail.part);
}

/* The text that was being written is closed as OpenAI does it at a limit. Anything else that is
 * open stays so: a tool call whose arguments are cut must not look finished. */
static void close_text(struct answer *a, struct buf *out)
{
    struct jsonw w;

    event_begin(a, out, "response.output_text.done", &w);
    place(a, true, &w);
    jsonw_member_str(&w, "text", open_text(a));
    jsonw_member_raw(&w, "logprobs", "[]");
    event_end(out, &w);
    event_begin(a, out, "response.content_part.done", &w);
    place(a, true, &w);
    jsonw_key(&w, "part");
    text_part(a, &w);
    event_end(out, &w);
    event_begin(a, out, "response.output_item.done", &w);
    place(a, false, &w);
    jsonw_key(&w, "item");
    message_item(a, &w);
    event_end(out, &w);
}

/* The members that do not depend on how it ends. */
static void lasting_members(const struct answer *a, struct jsonw *w)
{
    static const struct span changed[] = {SPAN("status"), SPAN("incomplete_details"), SPAN("error"),
                                          SPAN("output"), SPAN("usage")};
    struct span key;
    struct scan s;

    if (a->trail.head.failed || a->trail.head.n == 0) { /* too large to keep: the least of it */
        jsonw_member_raw(w, "id", a->trail.id[0] ? a->trail.id : "\"resp_tokencap\"");
        jsonw_member_str(w, "object", SPAN("response"));
        jsonw_member_int(w, "created_at", a->trail.created);
        jsonw_member_str(w, "model", span_of(a->usage.model));
        jsonw_member_raw(w, "parallel_tool_calls", "true");
        jsonw_member_str(w, "tool_choice", SPAN("auto"));
        jsonw_member_raw(w, "tools", "[]");
        return;
    }
    scan_begin(&s, buf_all(&a->trail.head));
    for (bool in = scan_open(&s, '{'); in && scan_key(&s, &key);) {
        struct span value = scan_value(&s);
        bool replaced = false;

        for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++)
            replaced = replaced || span_eq(key, changed[i]);
        if (replaced)
            continue;
        raw_value(w, (struct span){key.p - 1, key.n + 2});
        buf_char(w->out, ':');
        buf_span(w->out, value);
    }
}

static void response(const struct answer *a, const char *status, bool text, struct jsonw *w)
{
    const struct buf *items = &a->trail.items;

    jsonw_key(w, "response");
    jsonw_open(w, '{');
    lasting_members(a, w);
    jsonw_member_str(w, "status", span_of(status));
    jsonw_key(w, "output");
    jsonw_open(w, '[');
    if (items->n && !items->failed)
        raw_value(w, buf_all(items));
    if (text)
        message_item(a, w);
    jsonw_close(w, ']');
}

void reader_stop_responses(struct answer *a, struct buf *out)
{
    const struct answer_trail *t = &a->trail;
    bool text = t->block >= 0 && t->part >= 0 && t->item[0] && !a->text.failed;
    struct jsonw w;

    if (text)
        close_text(a, out);
    event_begin(a, out, "response.incomplete", &w);
    response(a, "incomplete", text, &w);
    jsonw_member_raw(&w, "error", "null");
    jsonw_member_raw(&w, "incomplete_details", "{\"reason\":\"max_output_tokens\"}");
    reader_write_usage(&a->usage, "input_tokens", "output_tokens", &w);
    jsonw_close(&w, '}');
    event_end(out, &w);
}

void reader_fail_responses(struct answer *a, const struct refusal *r, struct buf *out)
{
    bool budget = r->kind == REFUSE_BUDGET_EXCEEDED; /* the code at which agents do not try again */
    struct jsonw w;

    event_begin(a, out, "response.failed", &w);
    response(a, "failed", false, &w);
    jsonw_member_raw(&w, "incomplete_details", "null");
    jsonw_key(&w, "error");
    jsonw_open(&w, '{');
    jsonw_member_str(&w, "code", budget ? SPAN("insufficient_quota") : SPAN("server_error"));
    jsonw_member_str(&w, "message", span_of(r->message));
    jsonw_close(&w, '}');
    jsonw_member_raw(&w, "usage", "null");
    jsonw_close(&w, '}');
    event_end(out, &w);
}
