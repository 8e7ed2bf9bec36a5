/* SPDX-License-Identifier: MIT */
/* The Responses API: whole bodies, and streams of typed events whose last repeats the whole. */
#include "reader.h"

struct response {
    struct span status, usage, output, tool_usage, error;
};

/* Opening and reading what was found is not billed apiece. */
static bool is_search(struct span item)
{
    struct span action = scan_member(scan_member(item, SPAN("action")), SPAN("type"));

    return scan_is(scan_member(item, SPAN("type")), SPAN("web_search_call")) &&
           (scan_is_null(action) || scan_is(action, SPAN("search")));
}

/* Searches, billed apiece: as told, else as many as the output shows. */
static int64_t count_searches(const struct response *r)
{
    struct span told =
        scan_member(scan_member(r->tool_usage, SPAN("web_search")), SPAN("num_requests"));
    int64_t n = -1;
    struct scan s;

    if (reader_count(told, &n) && n >= 0)
        return n;
    n = 0;
    scan_begin(&s, r->output);
    for (bool in = scan_open(&s, '['); in && scan_item(&s);)
        n += is_search(scan_value(&s));
    return n;
}

/* A response object: the whole body, or what an event carries. False when it is not whole. */
static bool read_response(struct answer *a, struct span text, struct response *r)
{
    struct span key;
    struct scan s;

    *r = (struct response){0};
    scan_begin(&s, text);
    for (bool in = scan_open(&s, '{'); in && scan_key(&s, &key);) {
        struct span v = scan_value(&s);

        if (span_eq(key, SPAN("status")))
            r->status = v;
        else if (span_eq(key, SPAN("usage")))
            r->usage = v;
        else if (span_eq(key, SPAN("output")))
            r->output = v;
        else if (span_eq(key, SPAN("tool_usage")))
            r->tool_usage = v;
        else if (span_eq(key, SPAN("error")))
            r->error = v;
        else if (span_eq(key, SPAN("id")))
            reader_keep(v, a->trail.id, sizeof(a->trail.id));
        else if (span_eq(key, SPAN("created_at")))
            reader_time(v, &a->trail.created);
        else if (span_eq(key, SPAN("model")))
            reader_note(v, a->usage.model, sizeof(a->usage.model));
        else if (span_eq(key, SPAN("service_tier")) && !scan_is_null(v))
            a->usage.tier = reader_tier(v);
        else if (span_eq(key, SPAN("prompt_cache_options")) &&
                 scan_is(scan_member(v, SPAN("ttl")), SPAN("12h")))
            a->cache_write = TOK_CACHE_WRITE_12H;
    }
    return scan_end(&s);
}

static void read_end(struct answer *a, const struct response *r)
{
    if (!scan_is_null(r->usage))
        reader_usage_openai(a, r->usage);
    a->usage.web_searches = count_searches(r);
}

struct event {
    struct span type, delta, item, response, part;
    int64_t output_index, content_index;
};

static bool read_event(struct answer *a, struct span data, struct event *e)
{
    struct span key;
    struct scan s;

    *e = (struct event){.output_index = -1, .content_index = -1};
    scan_begin(&s, data);
    for (bool in = scan_open(&s, '{'); in && scan_key(&s, &key);) {
        struct span v = scan_value(&s);

        if (span_eq(key, SPAN("type")))
            scan_string(v, &e->type);
        else if (span_eq(key, SPAN("delta")))
            e->delta = v;
        else if (span_eq(key, SPAN("item")))
            e->item = v;
        else if (span_eq(key, SPAN("response")))
            e->response = v;
        else if (span_eq(key, SPAN("part")))
            e->part = v;
        else if (span_eq(key, SPAN("output_index")))
            e->output_index = reader_index(v);
        else if (span_eq(key, SPAN("content_index")))
            e->content_index = reader_index(v);
        else if (span_eq(key, SPAN("sequence_number")))
            a->trail.sequence = reader_index(v);
    }
    return scan_end(&s);
}

/* Text arrives in deltas; of an item, only its tool's name is not in them. */
static void read_text(struct answer *a, const struct event *e)
{
    struct span inside;

    if (span_ends(e->type, SPAN(".delta")) && !span_eq(e->type, SPAN("response.audio.delta")) &&
        scan_string(e->delta, &inside))
        reader_text(a, inside);
    else if (span_eq(e->type, SPAN("response.output_item.added")) &&
             scan_string(scan_member(e->item, SPAN("name")), &inside))
        reader_text(a, inside);
}

static void replace(struct buf *b, struct span s)
{
    buf_clear(b);
    buf_span(b, s);
}

/* What a client needs to be told before the stream may end: the response, its finished items, and
 * the piece of text that is being written. */
static void note_progress(struct answer *a, const struct event *e)
{
    struct answer_trail *t = &a->trail;

    if (e->response.n && a->may_stop)
        replace(&t->head, e->response);
    t->started = t->started || e->response.n;
    if (span_eq(e->type, SPAN("response.output_item.added"))) {
        t->block = e->output_index;
        t->item[0] = '\0';
        reader_keep(scan_member(e->item, SPAN("id")), t->item, sizeof(t->item));
    } else if (span_eq(e->type, SPAN("response.content_part.added"))) {
        bool text = scan_is(scan_member(e->part, SPAN("type")), SPAN("output_text"));

        t->part = text ? e->content_index : -1;
        t->text_at = a->text.n;
    } else if (span_eq(e->type, SPAN("response.content_part.done"))) {
        t->part = -1;
    } else if (span_eq(e->type, SPAN("response.output_item.done"))) {
        t->block = -1;
        t->part = -1;
        if (!a->may_stop || !e->item.n)
            return;
        if (t->items.n)
            buf_char(&t->items, ',');
        buf_span(&t->items, e->item);
    }
}

static void responses_event(struct answer *a, const struct sse_event *ev, struct cut *cut)
{
    struct response r;
    struct event e;

    (void)cut;
    if (!read_event(a, ev->data, &e))
        return;
    if (e.type.n == 0)
        e.type = ev->name;
    read_text(a, &e);
    note_progress(a, &e);
    bool failed = span_eq(e.type, SPAN("response.failed"));
    bool over = failed || span_eq(e.type, SPAN("response.completed")) ||
                span_eq(e.type, SPAN("response.incomplete"));

    a->failed = a->failed || failed || span_eq(e.type, SPAN("error"));
    a->complete = a->complete || over;
    if (e.response.n && read_response(a, e.response, &r) && over)
        read_end(a, &r);
}

/* A response that is queued or running in the background will cost, but does not say yet what. */
static bool is_over(struct span status)
{
    return !scan_is(status, SPAN("queued")) && !scan_is(status, SPAN("in_progress"));
}

static void responses_body(struct answer *a, struct span body)
{
    struct response r;
    struct scan s;

    if (!read_response(a, body, &r))
        return;
    a->complete = is_over(r.status);
    a->failed = !scan_is_null(r.error) || scan_is(r.status, SPAN("failed"));
    scan_begin(&s, r.output);
    if (r.output.n)
        reader_collect(a, &s);
    read_end(a, &r);
}

const struct reader reader_responses = {responses_event, responses_body};
