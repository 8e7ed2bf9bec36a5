/* SPDX-License-Identifier: MIT */
/*
 * Usage as Anthropic reports it: kinds apart from each other, cumulative over a stream, and billed
 * by iterations[] where there are any, each at its own model, because the totals leave some of them
 * out.
 */
#include "reader.h"

/* One set of figures, of the whole answer or of one iteration; -1: not named. */
struct figures {
    int64_t input, cache_read, cache_write, write_5m, write_1h, output, thinking, searches;
    struct span model, iterations, tier, speed, geo;
    bool bad;
};

static void count(struct figures *f, struct span value, int64_t *out)
{
    if (!reader_count(value, out))
        f->bad = true;
}

static void read_inner(struct figures *f, struct scan *s)
{
    struct span key;

    while (scan_key(s, &key)) {
        struct span v = scan_value(s);

        if (span_eq(key, SPAN("ephemeral_5m_input_tokens")))
            count(f, v, &f->write_5m);
        else if (span_eq(key, SPAN("ephemeral_1h_input_tokens")))
            count(f, v, &f->write_1h);
        else if (span_eq(key, SPAN("thinking_tokens")))
            count(f, v, &f->thinking);
        else if (span_eq(key, SPAN("web_search_requests")))
            count(f, v, &f->searches);
    }
}

static void read_member(struct figures *f, struct span key, struct span v)
{
    if (span_eq(key, SPAN("input_tokens")))
        count(f, v, &f->input);
    else if (span_eq(key, SPAN("output_tokens")))
        count(f, v, &f->output);
    else if (span_eq(key, SPAN("cache_read_input_tokens")))
        count(f, v, &f->cache_read);
    else if (span_eq(key, SPAN("cache_creation_input_tokens")))
        count(f, v, &f->cache_write);
    else if (span_eq(key, SPAN("model")))
        f->model = v;
    else if (span_eq(key, SPAN("iterations")))
        f->iterations = v;
    else if (span_eq(key, SPAN("service_tier")))
        f->tier = v;
    else if (span_eq(key, SPAN("speed")))
        f->speed = v;
    else if (span_eq(key, SPAN("inference_geo")))
        f->geo = v;
}

static bool has_inner(struct span key)
{
    return span_eq(key, SPAN("cache_creation")) || span_eq(key, SPAN("output_tokens_details")) ||
           span_eq(key, SPAN("server_tool_use"));
}

/* Reads the next value of s, an object of figures; false when it is none. */
static bool read_figures(struct figures *f, struct scan *s)
{
    struct span key;

    *f = (struct figures){-1, -1, -1, -1, -1, -1, -1, -1, {0}, {0}, {0}, {0}, {0}, false};
    if (!scan_open(s, '{'))
        return false;
    while (scan_key(s, &key)) {
        if (has_inner(key) && scan_open(s, '{'))
            read_inner(f, s);
        else
            read_member(f, key, scan_value(s));
    }
    return true;
}

static int64_t or_zero(int64_t v)
{
    return v > 0 ? v : 0;
}

/* What was written to the cache, by lifetime. A remainder that no lifetime explains is the dearer
 * one where that was in use. False when the parts exceed the whole. */
static bool split_writes(int64_t total, int64_t w5m, int64_t w1h, int64_t tokens[TOK_KINDS])
{
    int64_t rest = total < 0 ? 0 : total - w5m - w1h;

    if (rest < 0)
        return false;
    tokens[TOK_CACHE_WRITE_5M] = w5m + (w1h ? 0 : rest);
    tokens[TOK_CACHE_WRITE_1H] = w1h + (w1h ? rest : 0);
    return true;
}

static int64_t input_of(const struct usage_part *p)
{
    int64_t sum = 0;

    for (int k = TOK_INPUT; k < TOK_OUTPUT; k++)
        sum += p->tokens[k];
    return sum;
}

/* The place of an iteration: one more, or when all are taken, one of the same model, which it
 * joins. */
static struct usage_part *place(struct usage *u, int *n, const char *model)
{
    if (*n < USAGE_PARTS_MAX) {
        struct usage_part *p = &u->parts[(*n)++];

        *p = (struct usage_part){0};
        memcpy(p->model, model, sizeof(p->model));
        return p;
    }
    for (int i = USAGE_PARTS_MAX - 1; i >= 0; i--)
        if (strcmp(u->parts[i].model, model) == 0)
            return &u->parts[i];
    return NULL;
}

/* Returns the number of parts, or -1 when the list cannot be relied on. */
static int read_iterations(struct answer *a, struct span list)
{
    struct scan s;
    int n = 0;

    scan_begin(&s, list);
    for (bool in = scan_open(&s, '['); in && scan_item(&s);) {
        int64_t tokens[TOK_KINDS] = {0};
        char model[USAGE_MODEL_MAX] = "";
        struct usage_part *part;
        struct figures f;

        if (!read_figures(&f, &s) || f.bad ||
            !split_writes(f.cache_write, or_zero(f.write_5m), or_zero(f.write_1h), tokens))
            return -1;
        reader_note(f.model, model, sizeof(model));
        part = place(&a->usage, &n, model);
        if (!part)
            return -1;
        tokens[TOK_INPUT] = or_zero(f.input);
        tokens[TOK_CACHE_READ] = or_zero(f.cache_read);
        tokens[TOK_OUTPUT] = or_zero(f.output);
        for (int k = 0; k < TOK_KINDS; k++)
            part->tokens[k] += tokens[k];
    }
    return scan_end(&s) ? n : -1;
}

/* The iterations are complete when they cover the totals, which never exceed them. */
static bool covers(const struct answer *a, int nparts)
{
    int64_t input = 0, output = 0;

    for (int i = 0; i < nparts; i++) {
        input += input_of(&a->usage.parts[i]);
        output += a->usage.parts[i].tokens[TOK_OUTPUT];
    }
    return input >= input_of(&a->total) && output >= a->total.tokens[TOK_OUTPUT];
}

/* Replaces what is known by what is named. Some hosts name the input again in their last event, as
 * zero: a cumulative figure cannot fall to that. */
static void merge(struct answer *a, const struct figures *f)
{
    int64_t *tokens = a->total.tokens;
    bool input = or_zero(f->input) + or_zero(f->cache_read) + or_zero(f->cache_write) > 0;

    if (input && f->input >= 0)
        tokens[TOK_INPUT] = f->input;
    if (input && f->cache_read >= 0)
        tokens[TOK_CACHE_READ] = f->cache_read;
    if (input && f->cache_write >= 0)
        a->write_total = f->cache_write;
    if (or_zero(f->write_5m) + or_zero(f->write_1h) > 0) {
        a->write_5m = or_zero(f->write_5m);
        a->write_1h = or_zero(f->write_1h);
    }
    if (f->output >= 0)
        tokens[TOK_OUTPUT] = f->output;
    if (f->thinking >= 0)
        a->usage.reasoning = f->thinking;
    if (f->searches >= 0)
        a->usage.web_searches = f->searches;
    if (f->tier.n)
        a->usage.tier = reader_tier(f->tier);
    if (scan_is(f->speed, SPAN("fast")))
        a->usage.tier = TIER_FAST;
    if (f->geo.n)
        a->usage.us_only = scan_is(f->geo, SPAN("us"));
}

void reader_usage_anthropic(struct answer *a, struct span usage, bool final)
{
    struct figures f;
    struct scan s;
    int nparts = a->iterations ? a->usage.nparts : 0;

    scan_begin(&s, usage);
    if (!read_figures(&f, &s))
        return;
    merge(a, &f);
    if (f.bad || !split_writes(a->write_total, a->write_5m, a->write_1h, a->total.tokens) ||
        (final && a->usage.reasoning > a->total.tokens[TOK_OUTPUT])) {
        reader_usage_bad(a);
        return;
    }
    if (!scan_is_null(f.iterations))
        nparts = read_iterations(a, f.iterations);
    if (nparts < 0) {
        reader_usage_bad(a);
        return;
    }
    a->iterations = nparts > 0 && covers(a, nparts);
    if (!a->iterations)
        a->usage.parts[0] = a->total;
    a->usage.nparts = a->iterations ? nparts : 1;
    a->input_seen = input_of(&a->total) > 0;
    if (final && a->input_seen)
        reader_usage_good(a, a->usage.nparts);
    else if (final && a->total.tokens[TOK_OUTPUT] > 0)
        reader_usage_bad(a);
}
