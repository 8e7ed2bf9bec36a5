/* SPDX-License-Identifier: MIT */
/* Anthropic's Messages: whole bodies, and streams from message_start to message_stop. */
#include "reader.h"

/* What was written in a block, or a piece of one. A search's results come in blocks, too: their
 * content is a list, and nobody here wrote it; a compaction's content is a string. */
static void read_block(struct answer *a, struct span block)
{
    struct span key, inside;
    struct scan s;

    scan_begin(&s, block);
    for (bool in = scan_open(&s, '{'); in && scan_key(&s, &key);) {
        struct span v = scan_value(&s);

        if (span_eq(key, SPAN("input")) && v.n > 2) /* a tool's arguments, not the {} of a start */
            buf_span(&a->text, v);
        else if (span_eq(key, SPAN("text")) || span_eq(key, SPAN("thinking")) ||
                 span_eq(key, SPAN("partial_json")) || span_eq(key, SPAN("name")) ||
                 span_eq(key, SPAN("content")))
            if (scan_string(v, &inside))
                reader_text(a, inside);
    }
}

static void read_blocks(struct answer *a, struct span content)
{
    struct scan s;

    scan_begin(&s, content);
    for (bool in = scan_open(&s, '['); in && scan_item(&s);)
        read_block(a, scan_value(&s));
}

struct answered {
    struct span type, id, model, content, usage;
};

/* A message: the whole body, or the one that message_start announces. */
static bool read_message(struct answer *a, struct span text, bool whole)
{
    static const struct scan_field fields[] = {
        READER_FIELD(answered, type),    READER_FIELD(answered, id),    READER_FIELD(answered, model),
        READER_FIELD(answered, content), READER_FIELD(answered, usage),
    };
    struct answered m = {0};

    if (!scan_members(text, READER_FIELDS(fields), &m))
        return false;
    a->failed = a->failed || scan_is(m.type, SPAN("error"));
    reader_keep(m.id, a->trail.id, sizeof(a->trail.id));
    reader_note(m.model, a->usage.model, sizeof(a->usage.model));
    read_blocks(a, m.content);
    reader_usage_anthropic(a, m.usage, whole);
    return true;
}

struct event {
    struct span type, message, content_block, delta, usage, index;
};

static const struct scan_field event_fields[] = {
    READER_FIELD(event, type),  READER_FIELD(event, message), READER_FIELD(event, content_block),
    READER_FIELD(event, delta), READER_FIELD(event, usage),   READER_FIELD(event, index),
};

/* What a client needs to be told before the stream may end. */
static void note_progress(struct answer_trail *t, const struct event *e)
{
    if (span_eq(e->type, SPAN("message_start")))
        t->started = true;
    else if (span_eq(e->type, SPAN("content_block_start")))
        t->block = reader_index(e->index);
    else if (span_eq(e->type, SPAN("content_block_stop")))
        t->block = -1;
    else if (span_eq(e->type, SPAN("message_delta")))
        t->reasoned = t->reasoned || !scan_is_null(scan_member(e->delta, SPAN("stop_reason")));
}

static void anthropic_event(struct answer *a, const struct sse_event *ev, struct cut *cut)
{
    struct event e = {0};

    (void)cut;
    if (!reader_event(ev, READER_FIELDS(event_fields), &e))
        return;
    if (span_eq(e.type, SPAN("content_block_delta"))) {
        read_block(a, e.delta);
        return;
    }
    note_progress(&a->trail, &e);
    if (span_eq(e.type, SPAN("content_block_start")))
        read_block(a, e.content_block);
    else if (span_eq(e.type, SPAN("message_start")))
        read_message(a, e.message, false);
    else if (span_eq(e.type, SPAN("message_delta")))
        reader_usage_anthropic(a, e.usage, true);
    else if (span_eq(e.type, SPAN("message_stop")))
        a->complete = true;
    else if (span_eq(e.type, SPAN("error")))
        a->failed = true;
}

static void anthropic_body(struct answer *a, struct span body)
{
    a->complete = read_message(a, body, true);
}

const struct reader reader_anthropic = {anthropic_event, anthropic_body};
