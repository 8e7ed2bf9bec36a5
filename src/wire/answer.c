/* SPDX-License-Identifier: MIT */
#include "wire/answer.h"

#include "reader.h"
#include "wire/request.h"

#define TRAIL_MAX ((size_t)1 << 20)

static const struct reader *const readers[APIS] = {
    [API_CHAT] = &reader_chat,          [API_RESPONSES] = &reader_responses,
    [API_MESSAGES] = &reader_anthropic, [API_EMBEDDINGS] = &reader_chat,
    [API_COMPLETIONS] = &reader_chat,
};

void answer_init(struct answer *a, enum api api, bool hide_usage)
{
    *a = (struct answer){
        .api = api,
        .hide_usage = hide_usage,
        .cache_write = TOK_CACHE_WRITE_30M,
        .trail = {.sequence = -1, .block = -1, .part = -1},
    };
    buf_init(&a->text, ANSWER_TEXT_MAX);
    buf_init(&a->trail.head, TRAIL_MAX);
    buf_init(&a->trail.items, TRAIL_MAX);
    sse_init(&a->sse);
    if (api == API_RESPONSES) /* its last event repeats the whole answer, images included */
        a->sse.bound = 4 * SSE_EVENT_MAX;
}

void answer_finish(struct answer *a)
{
    buf_finish(&a->text);
    buf_finish(&a->trail.head);
    buf_finish(&a->trail.items);
    sse_finish(&a->sse);
}

void answer_expect(struct answer *a, const struct request *q)
{
    a->asks_usage = q->asks_usage;
    if (q->cache_12h)
        a->cache_write = TOK_CACHE_WRITE_12H;
}

/* A report that says nothing was generated, where something was, is a lie. */
static void judge(struct answer *a)
{
    a->text_partial = a->text_partial || a->text.failed;
    if (a->usage.seen && a->text.n && usage_output(&a->usage) == 0)
        reader_usage_bad(a);
}

void answer_body(struct answer *a, struct span body)
{
    readers[a->api]->body(a, body);
    judge(a);
}

struct feed {
    struct answer *a;
    struct buf *out;
};

static void on_event(void *ctx, const struct sse_event *ev)
{
    struct feed *feed = ctx;
    struct answer *a = feed->a;
    struct span raw = ev->raw;
    bool late_lf = a->dropped_cr && span_eq(raw, SPAN("\n"));
    struct cut cut = {0};

    a->dropped_cr = false;
    if (late_lf)
        return;
    if (a->sse.overflowed)
        a->text_partial = true;
    else if (ev->data.n)
        readers[a->api]->event(a, ev, &cut);
    buf_add(feed->out, raw.p, cut.from);
    buf_span(feed->out, span_skip(raw, cut.to));
    a->dropped_cr = cut.to == raw.n && raw.p[raw.n - 1] == '\r';
}

void answer_feed(struct answer *a, struct span bytes, struct buf *out)
{
    struct feed feed = {a, out};

    sse_feed(&a->sse, bytes, on_event, &feed);
}

void answer_end(struct answer *a, struct buf *out)
{
    struct feed feed = {a, out};

    sse_end(&a->sse, on_event, &feed);
    judge(a);
}

bool answer_has_ended(const struct answer *a)
{
    bool ended = a->trail.reasoned;

    for (int i = 0; i < ANSWER_CHOICES_MAX; i++) {
        if (a->trail.choices[i] == CHOICE_OPEN)
            return false;
        ended = ended || a->trail.choices[i] == CHOICE_FINISHED;
    }
    return ended;
}
