/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/metrics.h"

/*
 * The figures of each combination of provider, endpoint and model: a hash table that only grows, up to
 * a bound, so that reading it takes no lock. Providers and endpoints are few by nature; a model has its
 * own name only when the price table knows it and there is room.
 */

#define OTHER      "other"
#define SLOTS_MASK (METRIC_SLOTS - 1)

_Static_assert((METRIC_SLOTS & SLOTS_MASK) == 0, "a power of two");
_Static_assert(METRIC_CELLS_MAX * 2 < METRIC_SLOTS, "probing ends soon");

static const int statuses[] = {200, 201, 202, 204, 301, 302, 307, 400, 401, 402, 403, 404, 405, 408,
                               409, 413, 415, 422, 426, 429, 500, 502, 503, 504, 508, 529};

#define STATUSES (sizeof statuses / sizeof *statuses)

/* Kinds of tokens as they are told apart in metrics. */
enum { TYPE_INPUT, TYPE_CACHE_READ, TYPE_CACHE_WRITE, TYPE_AUDIO_INPUT, TYPE_OUTPUT, TYPE_AUDIO_OUTPUT,
       TYPE_REASONING, TYPES };

static const char *const type_names[TYPES] = {"input",  "cache_read",   "cache_write", "audio_input",
                                              "output", "audio_output", "reasoning"};

struct metric_cell {
    const char *operation; /* NULL: none */
    _Atomic int64_t statuses[STATUSES + 1];
    _Atomic int64_t tokens[TYPES];
    _Atomic int64_t cost, predicted, saved, premium;
    struct histogram ratio, duration, ttft, input, output;
    char provider[64], endpoint[64], model[MODEL_ID_MAX]; /* written before it is published */
};

void metrics_init(struct metrics *m)
{
    memset(m, 0, sizeof *m);
    pthread_mutex_init(&m->cells_lock, NULL);
}

void metrics_finish(struct metrics *m)
{
    for (size_t i = 0; i < METRIC_SLOTS; i++)
        free(atomic_load(&m->cells[i]));
    pthread_mutex_destroy(&m->cells_lock);
}

/* ---- finding and making a cell ---- */

static uint32_t hash_text(uint32_t h, const char *s)
{
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 16777619u; /* FNV-1a; its keys come from our own tables */
    return (h ^ 0xff) * 16777619u;
}

static bool is_cell(const struct metric_cell *c, const char *provider, const char *endpoint,
                    const char *model)
{
    return !strcmp(c->model, model) && !strcmp(c->endpoint, endpoint) && !strcmp(c->provider, provider);
}

/* Its slot, or the free one where it belongs. */
static size_t find_slot(struct metrics *m, const char *provider, const char *endpoint, const char *model)
{
    size_t i = hash_text(hash_text(hash_text(2166136261u, provider), endpoint), model) & SLOTS_MASK;
    struct metric_cell *c;

    while ((c = atomic_load_explicit(&m->cells[i], memory_order_acquire)) &&
           !is_cell(c, provider, endpoint, model))
        i = (i + 1) & SLOTS_MASK;
    return i;
}

static struct metric_cell *make(const char *provider, const char *endpoint, const char *model,
                                const char *operation)
{
    struct metric_cell *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->operation = operation;
    str_copy(c->provider, sizeof c->provider, span_of(provider));
    str_copy(c->endpoint, sizeof c->endpoint, span_of(endpoint));
    str_copy(c->model, sizeof c->model, span_of(model));
    return c;
}

/* NULL: no room for another, or no memory. */
static struct metric_cell *add_cell(struct metrics *m, const char *provider, const char *endpoint,
                                    const char *model, const char *operation)
{
    bool other = !strcmp(model, OTHER);
    struct metric_cell *c = NULL;
    size_t i;

    pthread_mutex_lock(&m->cells_lock);
    i = find_slot(m, provider, endpoint, model);
    c = atomic_load(&m->cells[i]);
    /* The last quarter is for `other`, which every provider and endpoint may need. */
    if (!c && m->ncells < (other ? METRIC_CELLS_MAX : METRIC_CELLS_MAX * 3 / 4) &&
        (c = make(provider, endpoint, model, operation))) {
        m->ncells++;
        atomic_store_explicit(&m->cells[i], c, memory_order_release);
    }
    pthread_mutex_unlock(&m->cells_lock);
    return c;
}

static struct metric_cell *cell_for(struct metrics *m, const struct metric_facts *f)
{
    char provider[64], model[MODEL_ID_MAX];
    struct metric_cell *c;

    str_copy(provider, sizeof provider, span_of(f->provider));
    str_copy(model, sizeof model, span_of(f->model ? f->model : OTHER));
    c = atomic_load_explicit(&m->cells[find_slot(m, provider, f->endpoint, model)], memory_order_acquire);
    if (!c)
        c = add_cell(m, provider, f->endpoint, model, f->operation);
    return c ? c : add_cell(m, provider, f->endpoint, OTHER, f->operation);
}

/* ---- counting ---- */

static size_t status_index(int status)
{
    size_t i = 0;

    while (i < STATUSES && statuses[i] != status)
        i++;
    return i;
}

static void count_tokens(struct metric_cell *c, const struct usage *u)
{
    static const int types[TOK_KINDS] = {
        [TOK_INPUT] = TYPE_INPUT,           [TOK_CACHE_READ] = TYPE_CACHE_READ,
        [TOK_CACHE_WRITE_5M] = TYPE_CACHE_WRITE, [TOK_CACHE_WRITE_30M] = TYPE_CACHE_WRITE,
        [TOK_CACHE_WRITE_1H] = TYPE_CACHE_WRITE, [TOK_CACHE_WRITE_12H] = TYPE_CACHE_WRITE,
        [TOK_AUDIO_INPUT] = TYPE_AUDIO_INPUT, [TOK_OUTPUT] = TYPE_OUTPUT,
        [TOK_AUDIO_OUTPUT] = TYPE_AUDIO_OUTPUT,
    };

    for (int k = 0; k < TOK_KINDS; k++)
        metric_add(&c->tokens[types[k]], usage_kind(u, (enum token_kind)k));
    metric_add(&c->tokens[TYPE_REASONING], u->reasoning);
    histogram_observe(&c->input, &bounds_tokens, usage_input(u));
    histogram_observe(&c->output, &bounds_tokens, usage_output(u));
}

void metrics_count(struct metrics *m, const struct metric_facts *f)
{
    struct metric_cell *c = cell_for(m, f);

    if (!c)
        return;
    metric_add(&c->statuses[status_index(f->status)], 1);
    histogram_observe(&c->duration, &bounds_seconds, f->duration_ns);
    if (f->ttft_ms >= 0)
        histogram_observe(&c->ttft, &bounds_seconds, f->ttft_ms * 1000000);
    if (!f->usage)
        return;
    if (f->usage->nparts)
        count_tokens(c, f->usage);
    metric_add(&c->cost, f->cost);
    metric_add(&c->predicted, f->predicted);
    metric_add(&c->saved, f->saved);
    metric_add(&c->premium, f->premium);
    if (f->predicted > 0 && f->cost < INT64_MAX / 1000)
        histogram_observe(&c->ratio, &bounds_ratio, f->cost * 1000 / f->predicted);
}

/* ---- writing ---- */

static void cell_labels(const struct metric_cell *c, struct metric_labels *l)
{
    l->n = 0;
    metric_label(l, "provider", c->provider);
    metric_label(l, "endpoint", c->endpoint);
    metric_label(l, "model", c->model);
}

/* `value` may be NULL: the label is not there. */
static void write_one(struct buf *out, enum metric_id id, const struct metric_cell *c, const char *label,
                      const char *value, int64_t count)
{
    struct metric_labels l;

    if (!count)
        return;
    cell_labels(c, &l);
    if (value)
        metric_label(&l, label, value);
    metric_sample(out, id, "", &l, count);
}

static void write_statuses(struct buf *out, const struct metric_cell *c)
{
    char text[16];

    for (size_t i = 0; i <= STATUSES; i++) {
        snprintf(text, sizeof text, "%d", i < STATUSES ? statuses[i] : 0);
        write_one(out, METRIC_REQUESTS, c, "status", i < STATUSES ? text : OTHER,
                  metric_get(&c->statuses[i]));
    }
}

static void write_tokens(struct buf *out, const struct metric_cell *c)
{
    for (int i = 0; i < TYPES; i++)
        write_one(out, METRIC_TOKENS, c, "type", type_names[i], metric_get(&c->tokens[i]));
}

#define MONEY(field, id)                                                                           \
    static void write_##field(struct buf *out, const struct metric_cell *c)                        \
    {                                                                                              \
        write_one(out, id, c, NULL, NULL, metric_get(&c->field));                                  \
    }
MONEY(cost, METRIC_COST)
MONEY(predicted, METRIC_PREDICTED)
MONEY(saved, METRIC_SAVED)
MONEY(premium, METRIC_PREMIUM)
#undef MONEY

static void write_histogram(struct buf *out, enum metric_id id, const struct metric_cell *c,
                            const struct histogram_bounds *bounds, const struct histogram *h)
{
    struct histogram_copy copy = {0};
    struct metric_labels l;

    histogram_add(h, &copy);
    if (!histogram_count(&copy))
        return;
    cell_labels(c, &l);
    metric_histogram(out, id, &l, bounds, &copy);
}

static void write_ratio(struct buf *out, const struct metric_cell *c)
{
    write_histogram(out, METRIC_RATIO, c, &bounds_ratio, &c->ratio);
}

static void write_duration(struct buf *out, const struct metric_cell *c)
{
    write_histogram(out, METRIC_DURATION, c, &bounds_seconds, &c->duration);
}

static void write_ttft(struct buf *out, const struct metric_cell *c)
{
    write_histogram(out, METRIC_TTFT, c, &bounds_seconds, &c->ttft);
}

static const struct {
    enum metric_id id;
    void (*write)(struct buf *out, const struct metric_cell *c);
} families[] = {
    {METRIC_REQUESTS, write_statuses}, {METRIC_TOKENS, write_tokens},
    {METRIC_COST, write_cost},         {METRIC_PREDICTED, write_predicted},
    {METRIC_SAVED, write_saved},       {METRIC_PREMIUM, write_premium},
    {METRIC_RATIO, write_ratio},       {METRIC_DURATION, write_duration},
    {METRIC_TTFT, write_ttft},
};

/* ---- OpenTelemetry's names: an operation may be served by several endpoints ---- */

static bool same_operation(const struct metric_cell *a, const struct metric_cell *b)
{
    return a && b && a->operation && b->operation && !strcmp(a->operation, b->operation) &&
           !strcmp(a->provider, b->provider) && !strcmp(a->model, b->model);
}

static bool is_first_of_operation(struct metric_cell *const *cells, int i)
{
    for (int k = 0; k < i; k++)
        if (same_operation(cells[k], cells[i]))
            return false;
    return cells[i]->operation != NULL;
}

static const struct otel {
    enum metric_id id;
    const char *token_type; /* NULL: no such label */
    const struct histogram_bounds *bounds;
    size_t field; /* of struct metric_cell */
} otels[] = {
    {METRIC_GEN_TOKENS, "input", &bounds_tokens, offsetof(struct metric_cell, input)},
    {METRIC_GEN_TOKENS, "output", &bounds_tokens, offsetof(struct metric_cell, output)},
    {METRIC_GEN_DURATION, NULL, &bounds_seconds, offsetof(struct metric_cell, duration)},
};

static void write_operation(struct buf *out, const struct otel *o, struct metric_cell *const *cells, int n,
                            int i)
{
    struct metric_labels l = {.n = 0};
    struct histogram_copy sum = {0};

    for (int k = i; k < n; k++)
        if (same_operation(cells[k], cells[i]))
            histogram_add((const struct histogram *)(const void *)((const char *)cells[k] + o->field), &sum);
    if (!histogram_count(&sum))
        return;
    metric_label(&l, "gen_ai_operation_name", cells[i]->operation);
    metric_label(&l, "gen_ai_provider_name", cells[i]->provider);
    metric_label(&l, "gen_ai_request_model", cells[i]->model);
    if (o->token_type)
        metric_label(&l, "gen_ai_token_type", o->token_type);
    metric_histogram(out, o->id, &l, o->bounds, &sum);
}

void metrics_write_cells(struct metrics *m, struct buf *out)
{
    struct metric_cell *cells[METRIC_CELLS_MAX], *c;
    int n = 0;

    for (size_t i = 0; i < METRIC_SLOTS; i++)
        if ((c = atomic_load_explicit(&m->cells[i], memory_order_acquire)) && n < METRIC_CELLS_MAX)
            cells[n++] = c;
    for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
        metric_head(out, families[f].id);
        for (int i = 0; i < n; i++)
            families[f].write(out, cells[i]);
    }
    for (size_t f = 0; f < sizeof otels / sizeof *otels; f++) {
        if (!f || otels[f].id != otels[f - 1].id)
            metric_head(out, otels[f].id);
        for (int i = 0; i < n; i++)
            if (is_first_of_operation(cells, i))
                write_operation(out, &otels[f], cells, n, i);
    }
}
