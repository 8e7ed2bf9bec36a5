/* SPDX-License-Identifier: MIT */
#include "proxy/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proxy/upstream.h"
#include "ledger/ledger.h"

_Static_assert(SCOPE_REQUEST < METRIC_SCOPES, "every scope has a counter");
_Static_assert(UPSTREAM_ENDS <= METRIC_UPSTREAMS, "every end has a counter");

const struct metric metric_table[METRICS_ALL] = {
#define X(field, name, kind, places, help) {name, #kind, help, places},
    METRIC_COUNTS(X)
#undef X
#define X(id, name, kind, places, help) {name, #kind, help, places},
    METRIC_FAMILIES(X)
#undef X
};

/* ---- the text format ---- */

static void append(struct metric_labels *l, const char *s, size_t n)
{
    if (l->n + n >= sizeof l->text)
        return;
    memcpy(l->text + l->n, s, n);
    l->n += n;
    l->text[l->n] = '\0';
}

void metric_label(struct metric_labels *l, const char *name, const char *value)
{
    if (l->n)
        append(l, ",", 1);
    append(l, name, strlen(name));
    append(l, "=\"", 2);
    for (; *value; value++) {
        if (*value == '\n')
            append(l, "\\n", 2);
        else if (*value == '"' || *value == '\\')
            append(l, (char[]){'\\', *value}, 2);
        else
            append(l, value, 1);
    }
    append(l, "\"", 1);
}

/* An integer with its decimals, exact and without zeros at its end. */
static void number(struct buf *out, int64_t v, int places)
{
    uint64_t whole = v < 0 ? -(uint64_t)v : (uint64_t)v, unit = 1;
    char fraction[24];
    int n;

    for (int i = 0; i < places; i++)
        unit *= 10;
    buf_printf(out, "%s%" PRIu64, v < 0 ? "-" : "", whole / unit);
    if (whole % unit == 0)
        return;
    n = snprintf(fraction, sizeof fraction, "%0*" PRIu64, places, whole % unit);
    while (fraction[n - 1] == '0')
        fraction[--n] = '\0';
    buf_printf(out, ".%s", fraction);
}

void metric_head(struct buf *out, enum metric_id id)
{
    const struct metric *m = &metric_table[id];

    buf_printf(out, "# HELP %s %s.\n# TYPE %s %s\n", m->name, m->help, m->name, m->kind);
}

static void sample(struct buf *out, enum metric_id id, const char *suffix,
                   const struct metric_labels *labels, int64_t value, int places)
{
    buf_printf(out, "%s%s", metric_table[id].name, suffix);
    if (labels && labels->n)
        buf_printf(out, "{%s}", labels->text);
    buf_char(out, ' ');
    number(out, value, places);
    buf_char(out, '\n');
}

void metric_sample(struct buf *out, enum metric_id id, const char *suffix,
                   const struct metric_labels *labels, int64_t value)
{
    bool count = strcmp(suffix, "_count") == 0;

    sample(out, id, suffix, labels, value, count ? 0 : metric_table[id].places);
}

void metric_single(struct buf *out, enum metric_id id, int64_t value)
{
    metric_head(out, id);
    metric_sample(out, id, "", NULL, value);
}

void metric_histogram(struct buf *out, enum metric_id id, const struct metric_labels *labels,
                      const struct histogram_bounds *bounds, const struct histogram_copy *h)
{
    int64_t below = 0;

    for (int i = 0; i <= bounds->n; i++) {
        struct metric_labels l = {.n = 0};
        struct buf le;

        if (labels)
            l = *labels;
        buf_init(&le, 64);
        if (i < bounds->n)
            number(&le, bounds->le[i], metric_table[id].places);
        else
            buf_str(&le, "+Inf");
        metric_label(&l, "le", le.p ? le.p : "");
        buf_finish(&le);
        below += h->buckets[i];
        sample(out, id, "_bucket", &l, below, 0);
    }
    metric_sample(out, id, "_sum", labels, h->sum);
    metric_sample(out, id, "_count", labels, below);
}

/* ---- what struct metrics holds, but for the cells ---- */

static const char *const ends[UPSTREAM_ENDS] = {
    [UPSTREAM_WHOLE] = "whole",           [UPSTREAM_UNRESOLVED] = "unresolved",
    [UPSTREAM_REFUSED] = "refused",       [UPSTREAM_SLOW_CONNECT] = "slow_connect",
    [UPSTREAM_TLS] = "tls",               [UPSTREAM_LOST] = "lost",
    [UPSTREAM_BROKEN] = "broken",         [UPSTREAM_SILENT] = "silent",
    [UPSTREAM_STALLED] = "stalled",       [UPSTREAM_TOO_LARGE] = "too_large",
    [UPSTREAM_CUT] = "cut",               [UPSTREAM_OURS] = "ours",
};

static void labelled(struct buf *out, enum metric_id id, const char *label, const char *value,
                     int64_t count)
{
    struct metric_labels l = {.n = 0};

    metric_label(&l, label, value);
    metric_sample(out, id, "", &l, count);
}

static void write_refusals(struct metrics *m, struct buf *out)
{
    metric_head(out, METRIC_REFUSALS);
    for (int i = 0; i < REFUSAL_KINDS; i++)
        if (metric_get(&m->refusals[i]))
            labelled(out, METRIC_REFUSALS, "code", refusal_code((enum refusal_kind)i),
                     metric_get(&m->refusals[i]));
    metric_head(out, METRIC_BUDGET_REFUSALS);
    for (int i = SCOPE_GLOBAL; i <= SCOPE_REQUEST; i++)
        labelled(out, METRIC_BUDGET_REFUSALS, "scope", scope_name((enum scope)i),
                 metric_get(&m->budget_refusals[i]));
    metric_head(out, METRIC_BUDGET_REFUSED);
    for (int i = SCOPE_GLOBAL; i <= SCOPE_REQUEST; i++)
        labelled(out, METRIC_BUDGET_REFUSED, "scope", scope_name((enum scope)i),
                 metric_get(&m->budget_refused[i]));
}

void metrics_write(struct metrics *m, struct buf *out)
{
    struct histogram_copy wait = {0};

#define X(field, ...) metric_single(out, METRIC_count_##field, metric_get(&m->field));
    METRIC_COUNTS(X)
#undef X
    write_refusals(m, out);
    metric_head(out, METRIC_UPSTREAM_ERRORS);
    for (int i = UPSTREAM_WHOLE + 1; i < UPSTREAM_ENDS; i++)
        labelled(out, METRIC_UPSTREAM_ERRORS, "reason", ends[i], metric_get(&m->upstream_errors[i]));
    metric_head(out, METRIC_QUEUE_WAIT);
    histogram_add(&m->queue_wait, &wait);
    metric_histogram(out, METRIC_QUEUE_WAIT, NULL, &bounds_wait, &wait);
    metrics_write_cells(m, out);
}
