/* SPDX-License-Identifier: MIT */
#include "wire/request.h"

#include <stdio.h>

/* One edit of a body: from, and how many bytes, become text. */
struct edit {
    size_t from, n;
    char text[64];
};

#define EDITS_MAX 3

struct edits {
    struct span body;
    struct edit list[EDITS_MAX];
    int n;
};

static struct edit *add_edit(struct edits *e, size_t from, size_t n)
{
    struct edit *edit = &e->list[e->n++];

    edit->from = from;
    edit->n = n;
    return edit;
}

static size_t offset(const struct edits *e, struct span value)
{
    return (size_t)(value.p - e->body.p);
}

/* Adds a member in front of the others of the object whose brace stands at brace. */
static void add_member(struct edits *e, size_t brace, const char *member)
{
    struct edit *edit = add_edit(e, brace + 1, 0);
    size_t i = brace + 1;

    while (i < e->body.n && strchr(" \t\r\n", e->body.p[i]))
        i++;
    snprintf(edit->text, sizeof edit->text, "%s%s", member, e->body.p[i] == '}' ? "" : ",");
}

static void replace(struct edits *e, struct span value, const char *text)
{
    struct edit *edit = add_edit(e, offset(e, value), value.n);

    snprintf(edit->text, sizeof edit->text, "%s", text);
}

static size_t first_brace(struct span body)
{
    return (size_t)((const char *)memchr(body.p, '{', body.n) - body.p);
}

static void ask_usage(struct edits *e)
{
    struct span options = json_find(e->body, "stream_options", NULL).value;
    struct span usage = {NULL, 0};

    if (options.n)
        usage = json_find(e->body, "stream_options", "include_usage").value;
    if (usage.n)
        replace(e, usage, "true");
    else if (options.n && options.p[0] == '{')
        add_member(e, offset(e, options), "\"include_usage\":true");
    else if (options.n)
        replace(e, options, "{\"include_usage\":true}");
    else
        add_member(e, first_brace(e->body), "\"stream_options\":{\"include_usage\":true}");
}

/* Chat has two names for its limit; a provider may heed either, so whichever is there is set. */
static void set_limit(struct edits *e, const struct request *q, int64_t limit)
{
    static const char *const chat_keys[] = {"max_tokens", "max_completion_tokens"};
    char number[24], member[64];
    struct json_place place;
    int before = e->n;

    snprintf(number, sizeof number, "%lld", (long long)limit);
    for (size_t i = 0; i < 2 && q->prompt.api == API_CHAT; i++) {
        place = json_find(e->body, chat_keys[i], NULL);
        if (place.value.n && !span_eq(place.value, SPAN("null")))
            replace(e, place.value, number);
    }
    if (e->n > before)
        return;
    place = json_find(e->body, q->limit_key, NULL);
    if (place.value.n) {
        replace(e, place.value, number);
        return;
    }
    snprintf(member, sizeof member, "\"%s\":%s", q->limit_key, number);
    add_member(e, first_brace(e->body), member);
}

static void sort_edits(struct edits *e)
{
    for (int i = 1; i < e->n; i++) {
        for (int k = i; k > 0 && e->list[k].from < e->list[k - 1].from; k--) {
            struct edit swap = e->list[k];
            e->list[k] = e->list[k - 1];
            e->list[k - 1] = swap;
        }
    }
}

static bool has_usage_option(enum api api)
{
    return api == API_CHAT || api == API_COMPLETIONS;
}

struct span request_splice(const struct request *q, const struct splice *edits, struct buf *out)
{
    struct edits e = {.body = q->body};
    size_t at = 0;

    if (edits->include_usage && q->stream && !q->asks_usage && has_usage_option(q->prompt.api))
        ask_usage(&e);
    if (edits->max_tokens > 0 && q->generates)
        set_limit(&e, q, edits->max_tokens);
    if (!e.n)
        return q->body;
    sort_edits(&e);
    for (int i = 0; i < e.n; i++) {
        buf_add(out, q->body.p + at, e.list[i].from - at);
        buf_str(out, e.list[i].text);
        at = e.list[i].from + e.list[i].n;
    }
    buf_add(out, q->body.p + at, q->body.n - at);
    return buf_all(out);
}
