/* SPDX-License-Identifier: MIT */
/* Chat completions, legacy completions and embeddings: whole bodies, and streams of chunks. */
#include "reader.h"

/* Where the usage may stand, and what else was learnt from one body or chunk. */
struct chunk {
    struct span usage;        /* the top-level member's value as written */
    struct span groq_usage;   /* x_groq.usage */
    struct span choice_usage; /* Moonshot: in the last choice */
    bool no_choices;          /* choices is there and empty */
    struct cut null_usage;    /* the member "usage":null and one comma, as offsets in the text */
};

/* Which choice this was, and whether it has ended. */
static void note_choice(struct answer *a, int64_t index, bool finished)
{
    if (index < 0 || index >= ANSWER_CHOICES_MAX)
        return;
    if (finished)
        a->trail.choices[index] = CHOICE_FINISHED;
    else if (a->trail.choices[index] == CHOICE_UNSEEN)
        a->trail.choices[index] = CHOICE_OPEN;
}

static void read_choice(struct answer *a, struct scan *s, struct chunk *c)
{
    struct span key, inside;
    bool finished = false;
    int64_t index = 0;

    if (!scan_open(s, '{')) {
        scan_value(s);
        return;
    }
    while (scan_key(s, &key)) {
        if (span_eq(key, SPAN("delta")) || span_eq(key, SPAN("message")))
            reader_collect(a, s);
        else if (span_eq(key, SPAN("usage")))
            c->choice_usage = scan_value(s);
        else if (span_eq(key, SPAN("index")))
            index = reader_index(scan_value(s));
        else if (span_eq(key, SPAN("finish_reason")))
            finished = !scan_is_null(scan_value(s));
        else if (!span_eq(key, SPAN("text")))
            scan_value(s);
        else if (scan_string(scan_value(s), &inside))
            reader_text(a, inside);
    }
    note_choice(a, index, finished);
}

static void read_choices(struct answer *a, struct scan *s, struct chunk *c)
{
    if (!scan_open(s, '[')) {
        scan_value(s);
        return;
    }
    c->no_choices = true;
    while (scan_item(s)) {
        c->no_choices = false;
        read_choice(a, s, c);
    }
}

static void read_member(struct answer *a, struct scan *s, struct span key, struct chunk *c)
{
    struct span v;

    if (span_eq(key, SPAN("choices"))) {
        read_choices(a, s, c);
        return;
    }
    v = scan_value(s);
    if (span_eq(key, SPAN("usage")))
        c->usage = v;
    else if (span_eq(key, SPAN("x_groq")))
        c->groq_usage = scan_member(v, SPAN("usage"));
    else if (span_eq(key, SPAN("model")))
        reader_note(v, a->usage.model, sizeof(a->usage.model));
    else if (span_eq(key, SPAN("id")))
        reader_keep(v, a->trail.id, sizeof(a->trail.id));
    else if (span_eq(key, SPAN("created")))
        reader_time(v, &a->trail.created);
    else if (span_eq(key, SPAN("service_tier")) && !scan_is_null(v))
        a->usage.tier = reader_tier(v);
    else if (span_eq(key, SPAN("error")) && !scan_is_null(v))
        a->failed = true;
}

/* Reads one body or chunk; false when it is not one JSON object. */
static bool read_chunk(struct answer *a, struct span text, struct chunk *c)
{
    size_t last_end = 0; /* of the member before this one; 0: there is none */
    bool first_is_null = false;
    struct span key;
    struct scan s;

    *c = (struct chunk){0};
    a->trail.started = true;
    scan_begin(&s, text);
    for (bool in = scan_open(&s, '{'); in && scan_key(&s, &key);) {
        size_t start = (size_t)(key.p - 1 - text.p), end;

        if (first_is_null)
            c->null_usage.to = start;
        first_is_null = false;
        read_member(a, &s, key, c);
        end = (size_t)(s.p - text.p);
        if (span_eq(key, SPAN("usage")) && span_eq(c->usage, SPAN("null"))) {
            first_is_null = last_end == 0;
            c->null_usage = (struct cut){first_is_null ? start : last_end, end};
        }
        last_end = end;
    }
    return scan_end(&s);
}

/* The first place that holds good usage; what is bad in one may be put right by the next. */
static void read_usage(struct answer *a, const struct chunk *c)
{
    const struct span places[] = {c->usage, c->groq_usage, c->choice_usage};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (!scan_is_null(places[i]) && reader_usage_openai(a, places[i]) && a->usage.seen)
            return;
}

/* What the client, which did not ask for usage, would not have got. */
static struct cut hide(const struct sse_event *ev, const struct chunk *c)
{
    bool one_line = ev->data.p >= ev->raw.p && ev->data.p < ev->raw.p + ev->raw.n;
    size_t data = one_line ? (size_t)(ev->data.p - ev->raw.p) : 0;

    if (c->no_choices && c->usage.n && c->usage.p[0] == '{')
        return (struct cut){0, ev->raw.n};
    if (!one_line || !c->null_usage.to || !span_eq(c->usage, SPAN("null")))
        return (struct cut){0};
    return (struct cut){data + c->null_usage.from, data + c->null_usage.to};
}

static void chat_event(struct answer *a, const struct sse_event *ev, struct cut *cut)
{
    struct chunk c;

    if (span_eq(span_trim(ev->data), SPAN("[DONE]"))) {
        a->complete = true;
        return;
    }
    if (span_eq(ev->name, SPAN("error")))
        a->failed = true;
    if (!read_chunk(a, ev->data, &c))
        return;
    read_usage(a, &c);
    if (a->hide_usage)
        *cut = hide(ev, &c);
}

static void chat_body(struct answer *a, struct span body)
{
    struct chunk c;

    a->complete = read_chunk(a, body, &c);
    if (a->complete)
        read_usage(a, &c);
}

const struct reader reader_chat = {chat_event, chat_body};
