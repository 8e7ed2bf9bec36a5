/* SPDX-License-Identifier: MIT */
/* The Responses API: whole bodies, and streams of typed events whose last repeats the whole. */
#include "reader.h"

struct response {
    struct span id, created_at, model, service_tier, prompt_cache_options;
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
    static const struct scan_field fields[] = {
        READER_FIELD(response, id),           READER_FIELD(response, created_at),
        READER_FIELD(response, model),        READER_FIELD(response, service_tier),
        READER_FIELD(response, status),       READER_FIELD(response, prompt_cache_options),
        READER_FIELD(response, usage),        READER_FIELD(response, output),
        READER_FIELD(response, tool_usage),   READER_FIELD(response, error),
    };

    *r = (struct response){0};
    if (!scan_members(text, READER_FIELDS(fields), r))
        return false;
    reader_keep(r->id, a->trail.id, sizeof(a->trail.id));
    reader_time(r->created_at, &a->trail.created);
    reader_note(r->model, a->usage.model, sizeof(a->usage.model));
    if (!scan_is_null(r->service_tier))
        a->usage.tier = reader_tier(r->service_tier);
    if (scan_is(scan_member(r->prompt_cache_options, SPAN("ttl")), SPAN("12h")))
        a->cache_write = TOK_CACHE_WRITE_12H;
    return true;
}

static void read_end(struct answer *a, const struct response *r)
{
    if (!scan_is_null(r->usage))
        reader_usage_openai(a, r->usage);
    a->usage.web_searches = count_searches(r);
}

struct event {
    struct span type, delta, item, response, part, output_index, content_index, sequence_number;
};

static const struct scan_field event_fields[] = {
    READER_FIELD(event, type),          READER_FIELD(event, delta),
    READER_FIELD(event, item),          READER_FIELD(event, response),
    READER_FIELD(event, part),          READER_FIELD(event, output_index),
    READER_FIELD(event, content_index), READER_FIELD(event, sequence_number),
};

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
    if (e->sequence_number.n)
        t->sequence = reader_index(e->sequence_number);
    if (span_eq(e->type, SPAN("response.output_item.added"))) {
        t->block = reader_index(e->output_index);
        t->item[0] = '\0';
        reader_keep(scan_member(e->item, SPAN("id")), t->item, sizeof(t->item));
    } else if (span_eq(e->type, SPAN("response.content_part.added"))) {
        bool text = scan_is(scan_member(e->part, SPAN("type")), SPAN("output_text"));

        t->part = text ? reader_index(e->content_index) : -1;
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
    struct event e = {0};

    (void)cut;
    if (!reader_event(ev, READER_FIELDS(event_fields), &e))
        return;
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
