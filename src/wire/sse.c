/* SPDX-License-Identifier: MIT */
#include "wire/sse.h"

void sse_init(struct sse *s)
{
    *s = (struct sse){.bound = SSE_EVENT_MAX};
    buf_init(&s->pending, 0);
    buf_init(&s->joined, 0);
}

void sse_finish(struct sse *s)
{
    buf_finish(&s->pending);
    buf_finish(&s->joined);
}

#define WINDOW ((size_t)1024) /* searched for one kind of line end before the other has its turn   \
                               */

/* The length of a line's text: up to the first CR or LF, or all of it. */
static size_t line_len(struct span b)
{
    for (size_t at = 0; at < b.n; at += WINDOW) {
        size_t n = b.n - at < WINDOW ? b.n - at : WINDOW;
        const char *lf = memchr(b.p + at, '\n', n);
        const char *cr = memchr(b.p + at, '\r', lf ? (size_t)(lf - b.p) - at : n);

        if (cr || lf)
            return (size_t)((cr ? cr : lf) - b.p);
    }
    return b.n;
}

static bool is_at_start(const struct sse *s)
{
    return !s->pending.n && !s->overflowed;
}

/* How many of these bytes belong to the current event, and whether it ends with them. */
static size_t event_len(struct sse *s, struct span b, bool *end)
{
    size_t i = 0;

    *end = true;
    if (s->ended_by_cr) {
        s->ended_by_cr = false;
        if (b.p[0] == '\n')
            return 1;
    }
    if (is_at_start(s))
        s->comment = b.p[0] == ':';
    while (i < b.n) {
        char c = b.p[i];
        bool tail_of_crlf = c == '\n' && s->after_cr;

        s->after_cr = c == '\r';
        if (c != '\r' && c != '\n') {
            i += line_len(span_skip(b, i));
            s->in_line = true;
            continue;
        }
        i++;
        if (!tail_of_crlf && (!s->in_line || s->comment)) {
            s->in_line = s->after_cr = false;
            if (c == '\r' && i < b.n && b.p[i] == '\n')
                i++;
            else
                s->ended_by_cr = c == '\r' && i == b.n;
            return i;
        }
        s->in_line = false;
    }
    *end = false;
    return i;
}

/* The first line of *rest, without its end, which is taken off too. */
static struct span take_line(struct span *rest)
{
    size_t n = line_len(*rest), end = n;
    struct span line = {rest->p, n};

    if (end < rest->n && rest->p[end++] == '\r' && end < rest->n && rest->p[end] == '\n')
        end++;
    *rest = span_skip(*rest, end);
    return line;
}

static void add_data(struct sse *s, struct sse_event *ev, struct span value, int nth)
{
    if (nth == 0) {
        ev->data = value;
        return;
    }
    if (nth == 1) {
        buf_clear(&s->joined);
        buf_span(&s->joined, ev->data);
    }
    buf_char(&s->joined, '\n');
    buf_span(&s->joined, value);
    ev->data = s->joined.failed ? (struct span){0} : buf_all(&s->joined);
}

static void hand_over(struct sse *s, struct span raw, sse_sink *f, void *ctx)
{
    struct sse_event ev = {.raw = raw};
    struct span rest = raw, field, value;
    int ndata = 0;

    if (!s->started && span_starts(rest, SPAN("\xef\xbb\xbf")))
        rest = span_skip(rest, 3);
    s->started = true;
    while (rest.n) {
        if (span_cut(take_line(&rest), ':', &field, &value) && value.n && value.p[0] == ' ')
            value = span_skip(value, 1);
        if (span_eq(field, SPAN("data")))
            add_data(s, &ev, value, ndata++);
        else if (span_eq(field, SPAN("event")))
            ev.name = value;
    }
    f(ctx, &ev);
}

static void hand_over_unread(struct sse *s, struct span raw, sse_sink *f, void *ctx)
{
    struct sse_event ev = {.raw = raw};

    s->started = true;
    if (raw.n)
        f(ctx, &ev);
}

/* Bytes of the current event, which may end with them. The LF of a last CRLF does not count against
 * the bound, as it may also come late, when the event is gone already. */
static void take(struct sse *s, struct span b, bool end, sse_sink *f, void *ctx)
{
    struct buf *held = &s->pending;
    size_t late = end && b.n > 1 && memcmp(b.p + b.n - 2, "\r\n", 2) == 0 ? 1 : 0;
    bool fits = !s->overflowed && b.n - late <= s->bound - held->n;

    if (fits && end && held->n == 0) {
        hand_over(s, b, f, ctx);
        return;
    }
    if (fits)
        buf_span(held, b);
    if (!fits || held->failed) {
        s->overflowed = true;
        hand_over_unread(s, buf_all(held), f, ctx);
        hand_over_unread(s, b, f, ctx);
        buf_clear(held);
        s->overflowed = !end;
    } else if (end) {
        hand_over(s, buf_all(held), f, ctx);
        buf_clear(held);
    }
}

void sse_feed(struct sse *s, struct span bytes, sse_sink *f, void *ctx)
{
    while (bytes.n) {
        bool end;
        size_t n = event_len(s, bytes, &end);

        take(s, (struct span){bytes.p, n}, end, f, ctx);
        bytes = span_skip(bytes, n);
    }
}

void sse_end(struct sse *s, sse_sink *f, void *ctx)
{
    if (s->pending.n)
        hand_over(s, buf_all(&s->pending), f, ctx);
    buf_clear(&s->pending);
    s->overflowed = false;
}

struct span sse_rest(const struct sse *s)
{
    return buf_all(&s->pending);
}
