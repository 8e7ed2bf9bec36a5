/* SPDX-License-Identifier: MIT */
#include "proxy/admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

/*
 * GET /v1/usage/series: what was used over time, in columns. Buckets are hours, days or months of UTC; the
 * dearest keys have a series of their own, the rest share one whose key is null.
 *
 *   {"bucket":"day","by":"model","from":…,"to":…,"buckets":["2026-11-01",…],
 *    "series":[{"key":"gpt-4o","costUsd":[…],"requests":[…],…},…]}
 */

#define HOUR_MS     INT64_C(3600000)
#define DAY_MS      (24 * HOUR_MS)
#define SERIES_MOST 40
#define SERIES_DEFAULT 12

enum { BUCKET_HOUR, BUCKET_DAY, BUCKET_MONTH, BUCKETS };
enum { BY_MODEL, BY_PROJECT };

static const char *const bucket_words[BUCKETS] = {"hour", "day", "month"};
static const char *const by_words[] = {"model", "project"};

/* The longest stretch, so that an answer stays small: about a thousand buckets at most. */
static const int64_t longest_days[BUCKETS] = {[BUCKET_HOUR] = 45, [BUCKET_DAY] = 800, [BUCKET_MONTH] = 3660};
static const int64_t usual_days[BUCKETS] = {[BUCKET_HOUR] = 2, [BUCKET_DAY] = 30, [BUCKET_MONTH] = 365};

/*        column             field         money */
#define COLUMNS(X)                                                                                 \
    X("costUsd",             cost,         true)                                                   \
    X("estimatedCostUsd",    predicted,    true)                                                   \
    X("cacheSavingsUsd",     saved,        true)                                                   \
    X("requests",            requests,     false)                                                  \
    X("estimatedRequests",   estimated,    false)                                                  \
    X("inputTokens",         input,        false)                                                  \
    X("outputTokens",        output,       false)                                                  \
    X("cachedInputTokens",   cached,       false)                                                  \
    X("cacheWriteTokens",    written,      false)                                                  \
    X("reasoningTokens",     reasoning,    false)                                                  \
    X("durationMs",          duration_ms,  false)                                                  \
    X("streams",             streams,      false)                                                  \
    X("ttftMs",              ttft_ms,      false)

static void sums_plus(struct usage_sums *to, const struct usage_sums *add)
{
#define X(name, field, money) to->field += add->field;
    COLUMNS(X)
#undef X
}

struct line {
    char key[MODEL_NAME_MAX]; /* of a model or, which is shorter, a project */
    nano_t cost;
    struct usage_sums *points; /* nbuckets of them */
    struct line *next;         /* of the same hash */
};

#define HASHES 256

struct chart {
    struct exchange *x;
    size_t bucket, by;
    int64_t from_ms, to_ms;
    int nbuckets;
    int64_t *starts;
    struct line **lines;
    size_t nlines, cap;
    struct line *by_hash[HASHES];
    bool failed;
};

/* ---- buckets ---- */

/* The start of the month of that moment, or of one so many months later. */
static int64_t month_start(int64_t ms, int months)
{
    char text[CLOCK_ISO_LEN], first[32];
    int year, month;

    clock_iso(ms, text);
    if (sscanf(text, "%d-%d", &year, &month) != 2)
        return ms;
    month += months - 1;
    snprintf(first, sizeof first, "%04d-%02d-01", year + month / 12, month % 12 + 1);
    return clock_parse_iso(first);
}

static int64_t bucket_start(const struct chart *c, int64_t ms)
{
    if (c->bucket == BUCKET_MONTH)
        return month_start(ms, 0);
    return c->bucket == BUCKET_DAY ? ms / DAY_MS * DAY_MS : ms / HOUR_MS * HOUR_MS;
}

static int64_t bucket_after(const struct chart *c, int64_t start)
{
    if (c->bucket == BUCKET_MONTH)
        return month_start(start, 1);
    return start + (c->bucket == BUCKET_DAY ? DAY_MS : HOUR_MS);
}

static int make_buckets(struct chart *c)
{
    int n = 0;

    for (int64_t t = bucket_start(c, c->from_ms); t < c->to_ms; t = bucket_after(c, t))
        n++;
    c->starts = arena_alloc(&c->x->arena, sizeof *c->starts * (size_t)(n + 1));
    if (!c->starts)
        return refuse(&c->x->refusal, REFUSE_INTERNAL, NULL, "No memory for the answer.");
    for (int64_t t = bucket_start(c, c->from_ms); t < c->to_ms; t = bucket_after(c, t))
        c->starts[c->nbuckets++] = t;
    return 0;
}

/* The last bucket that starts at or before it. */
static int bucket_of(const struct chart *c, int64_t ms)
{
    int low = 0, high = c->nbuckets - 1;

    while (low < high) {
        int middle = (low + high + 1) / 2;
        if (c->starts[middle] <= ms)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* ---- lines ---- */

static struct line *add_line(struct chart *c, const char *key, struct line **chain)
{
    struct line *l = calloc(1, sizeof *l), **more;

    if (c->nlines == c->cap && l) {
        more = realloc(c->lines, (c->cap * 2 + 16) * sizeof *more);
        if (more) {
            c->lines = more;
            c->cap = c->cap * 2 + 16;
        }
    }
    if (l)
        l->points = calloc((size_t)c->nbuckets + 1, sizeof *l->points);
    if (!l || !l->points || c->nlines == c->cap) {
        if (l)
            free(l->points);
        free(l);
        c->failed = true;
        return NULL;
    }
    snprintf(l->key, sizeof l->key, "%s", key);
    l->next = *chain;
    *chain = l;
    return c->lines[c->nlines++] = l;
}

static struct line *find_line(struct chart *c, const char *key)
{
    uint32_t h = 2166136261u;
    struct line **chain;

    for (const char *p = key; *p; p++)
        h = (h ^ (unsigned char)*p) * 16777619u;
    chain = &c->by_hash[h % HASHES];
    for (struct line *l = *chain; l; l = l->next)
        if (!strcmp(l->key, key))
            return l;
    return add_line(c, key, chain);
}

static void take(void *ctx, int64_t start_ms, const char *key, const struct usage_sums *t)
{
    struct chart *c = ctx;
    struct line *l = find_line(c, key);

    if (!l)
        return;
    l->cost += t->cost;
    sums_plus(&l->points[bucket_of(c, start_ms)], t);
}

static int by_cost(const void *va, const void *vb)
{
    const struct line *a = *(struct line *const *)va, *b = *(struct line *const *)vb;

    if (a->cost != b->cost)
        return a->cost < b->cost ? 1 : -1;
    return strcmp(a->key, b->key);
}

/* All but the dearest become one line at the end. Returns how many there are then; the merged one is the
 * last, when *merged. */
static size_t merge_rest(struct chart *c, size_t most, bool *merged)
{
    *merged = c->nlines > most;
    if (c->nlines)
        qsort(c->lines, c->nlines, sizeof *c->lines, by_cost);
    if (!*merged)
        return c->nlines;
    for (size_t i = most; i < c->nlines; i++)
        for (int b = 0; b < c->nbuckets; b++)
            sums_plus(&c->lines[most - 1]->points[b], &c->lines[i]->points[b]);
    return most;
}

static void free_lines(struct chart *c)
{
    for (size_t i = 0; i < c->nlines; i++) {
        free(c->lines[i]->points);
        free(c->lines[i]);
    }
    free(c->lines);
}

/* ---- the answer ---- */

/* Savings may be negative; the rest never is. */
static void write_money(struct jsonw *w, nano_t v)
{
    char text[MONEY_LEN + 1] = "-";

    money_json(v < 0 ? -v : v, text + 1);
    jsonw_raw(w, v < 0 ? text : text + 1);
}

static void write_line(struct jsonw *w, const struct chart *c, const struct line *l, bool rest)
{
    jsonw_open(w, '{');
    jsonw_key(w, "key");
    if (rest)
        jsonw_null(w);
    else
        jsonw_str(w, span_of(l->key));
#define X(name, field, money)                                                                      \
    jsonw_key(w, name);                                                                            \
    jsonw_open(w, '[');                                                                            \
    for (int b = 0; b < c->nbuckets; b++) {                                                        \
        if (money)                                                                                 \
            write_money(w, l->points[b].field);                                                    \
        else                                                                                       \
            jsonw_int(w, l->points[b].field);                                                      \
    }                                                                                              \
    jsonw_close(w, ']');
    COLUMNS(X)
#undef X
    jsonw_close(w, '}');
}

static void write_buckets(struct jsonw *w, const struct chart *c)
{
    static const int shown[BUCKETS] = {[BUCKET_HOUR] = 16, [BUCKET_DAY] = 10, [BUCKET_MONTH] = 7};
    char text[CLOCK_ISO_LEN + 1];

    jsonw_key(w, "buckets");
    jsonw_open(w, '[');
    for (int b = 0; b < c->nbuckets; b++) {
        clock_iso(c->starts[b], text);
        snprintf(text + shown[c->bucket], 2, "%s", c->bucket == BUCKET_HOUR ? "Z" : "");
        jsonw_str(w, span_of(text));
    }
    jsonw_close(w, ']');
}

static void write_chart(struct jsonw *w, struct chart *c, size_t most)
{
    bool merged;
    size_t n = merge_rest(c, most, &merged);

    jsonw_open(w, '{');
    jsonw_member_str(w, "bucket", span_of(bucket_words[c->bucket]));
    jsonw_member_str(w, "by", span_of(by_words[c->by]));
    jsonw_member_time(w, "from", c->from_ms);
    jsonw_member_time(w, "to", c->to_ms);
    write_buckets(w, c);
    jsonw_key(w, "series");
    jsonw_open(w, '[');
    for (size_t i = 0; i < n; i++)
        write_line(w, c, c->lines[i], merged && i == n - 1);
    jsonw_close(w, ']');
    jsonw_close(w, '}');
}

/* ---- the query ---- */

static int read_query(struct chart *c, struct series_query *q, long long *most)
{
    struct exchange *x = c->x;

    c->bucket = BUCKET_DAY;
    c->to_ms = clock_wall_ms() + 1;
    if (admin_query_word(x, "bucket", bucket_words, BUCKETS, &c->bucket) ||
        admin_query_word(x, "by", by_words, 2, &c->by) || admin_query_time(x, "to", &c->to_ms))
        return -1;
    c->from_ms = c->to_ms - usual_days[c->bucket] * DAY_MS;
    if (admin_query_time(x, "from", &c->from_ms) || admin_query_int(x, "top", 1, SERIES_MOST, most) ||
        admin_query_project(x, &q->project))
        return -1;
    if (c->from_ms >= c->to_ms || c->to_ms - c->from_ms > longest_days[c->bucket] * DAY_MS)
        return refuse(&x->refusal, REFUSE_INVALID_REQUEST, "from",
                      "from: must be before `to`, by at most %d days for that bucket",
                      (int)longest_days[c->bucket]);
    if (q->project && c->by == BY_PROJECT)
        return admin_bad_query(x, "by", "project is for all=true");
    c->from_ms = bucket_start(c, c->from_ms < 0 ? 0 : c->from_ms);
    q->by_project = c->by == BY_PROJECT;
    q->from_ms = c->from_ms;
    q->to_ms = c->to_ms;
    q->hours = c->bucket == BUCKET_HOUR ? 1 : 24;
    return 0;
}

int admin_series(struct exchange *x)
{
    struct series_query q = {.project = NULL};
    struct chart c = {.x = x};
    long long most = SERIES_DEFAULT;
    struct jsonw w;
    struct err e;

    if (read_query(&c, &q, &most) || make_buckets(&c))
        return -1;
    if (ledger_series(x->server->ledger, &q, take, &c, &e)) {
        free_lines(&c);
        return admin_refuse_ledger(x, &e);
    }
    jsonw_init(&w, &x->reply.body);
    write_chart(&w, &c, (size_t)most);
    x->reply.body.failed |= c.failed;
    free_lines(&c);
    return admin_reply(x, 200, "application/json");
}
