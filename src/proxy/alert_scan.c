/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/map.h"
#include "proxy/alert.h"

/* Which alerts there are to be sent. */

#define HOUR_MS    INT64_C(3600000)
#define DAY_MS     (24 * HOUR_MS)
#define WEEK_HOURS 168
#define LEAST_HOURS 24 /* of a past to compare with */
#define LEAST_PART  20 /* a spike is at least a twentieth of the limit */

/* ---- what is known already ---- */

static uint64_t mark_of(const struct alert *a)
{
    const int64_t numbers[] = {a->scope, a->period_ms, a->threshold};
    uint64_t h = map_hash(0, (struct span){(const char *)numbers, sizeof numbers});

    h = map_hash(h, span_of(a->key));
    return h ? h : 1;
}

/* Where it is, or belongs. */
static size_t place_of(const struct alert_seen *seen, uint64_t mark)
{
    size_t i = mark % ALERTS_SEEN;

    while (seen->marks[i] && seen->marks[i] != mark)
        i = (i + 1) % ALERTS_SEEN;
    return i;
}

static void note(struct alert_seen *seen, uint64_t mark)
{
    if (seen->n >= ALERTS_SEEN * 3 / 4)
        memset(seen, 0, sizeof *seen); /* the ledger knows them */
    seen->marks[place_of(seen, mark)] = mark;
    seen->n++;
}

/* ---- budgets ---- */

struct found {
    struct budget *list;
    size_t n, cap;
    bool failed;
};

/* The ledger is read here: what is to be written waits until that is over. */
static void collect(void *ctx, const struct budget *b)
{
    struct found *f = ctx;
    struct budget *more;

    if (!*b->alert_url)
        return;
    if (f->n == f->cap) {
        more = realloc(f->list, (f->cap * 2 + 16) * sizeof *more);
        if (!more) {
            f->failed = true;
            return;
        }
        f->list = more;
        f->cap = f->cap * 2 + 16;
    }
    f->list[f->n++] = *b;
}

struct scan {
    struct ledger *ledger;
    const struct alert_rules *rules;
    struct alert_seen *seen;
    int64_t now_ms;
};

static int add(const struct scan *s, const struct budget *b, int threshold, int64_t period_ms, nano_t hour,
               nano_t usual, struct err *e)
{
    struct alert a = {.scope = b->scope, .period_ms = period_ms, .threshold = threshold, .created_ms = s->now_ms};
    bool known, added;
    uint64_t mark;

    if (b->scope == SCOPE_TOKEN)
        snprintf(a.key, sizeof a.key, "%" PRId64, b->token_id);
    else
        snprintf(a.key, sizeof a.key, "%s", b->scope == SCOPE_PROJECT ? b->project : "");
    mark = mark_of(&a);
    if (s->seen->marks[place_of(s->seen, mark)])
        return 0;
    if (ledger_alert_known(s->ledger, &a, &known, e))
        return -1;
    snprintf(a.url, sizeof a.url, "%s", b->alert_url);
    if (!known && (alert_write(&a, b, s->rules, hour, usual, e) || ledger_alert_add(s->ledger, &a, &added, e)))
        return -1;
    note(s->seen, mark);
    return 0;
}

static int check_thresholds(const struct scan *s, const struct budget *b, struct err *e)
{
    for (int i = 0; i < b->nalerts; i++) {
        __int128 reached = (__int128)b->spent * 100;

        if (b->spent > 0 && reached >= (__int128)b->limit * b->alert_percents[i] &&
            add(s, b, b->alert_percents[i], b->period_start, 0, 0, e))
            return -1;
    }
    return 0;
}

/* ---- spikes: this hour beside those of the last week ---- */

struct hours {
    int64_t now;   /* the running hour */
    int64_t first; /* that had any cost */
    nano_t running, before;
};

static void take_hour(void *ctx, int64_t start_ms, const char *key, const struct usage_sums *t)
{
    struct hours *h = ctx;
    int64_t hour = start_ms / HOUR_MS;

    (void)key;
    if (hour >= h->now) {
        h->running += t->cost;
        return;
    }
    h->before += t->cost;
    if (t->cost && (!h->first || hour < h->first))
        h->first = hour;
}

static int check_spike(const struct scan *s, const struct budget *b, struct err *e)
{
    struct hours h = {.now = s->now_ms / HOUR_MS};
    struct series_query q = {
        .project = b->scope == SCOPE_PROJECT ? b->project : NULL,
        .from_ms = (h.now - WEEK_HOURS) * HOUR_MS,
        .to_ms = s->now_ms + 1,
        .hours = 1,
    };
    int64_t past;
    nano_t usual;

    if (b->scope == SCOPE_TOKEN) /* no sums are kept by token */
        return 0;
    if (ledger_series(s->ledger, &q, take_hour, &h, e))
        return -1;
    past = h.first ? h.now - h.first : 0;
    if (past < LEAST_HOURS)
        return 0;
    usual = h.before / past;
    if (h.running <= usual * s->rules->spike || h.running < b->limit / LEAST_PART)
        return 0;
    return add(s, b, 0, s->now_ms / DAY_MS * DAY_MS, h.running, usual, e);
}

int alert_scan(struct ledger *l, const struct alert_rules *rules, struct alert_seen *seen, bool spikes,
               int64_t now_ms, bool *any, struct err *e)
{
    struct scan s = {l, rules, seen, now_ms};
    struct found f = {.list = NULL};
    int r = ledger_budget_each(l, now_ms, collect, &f, e);

    if (r == 0 && f.failed)
        r = err_set(e, ERR_MEMORY, "no memory to look for alerts");
    for (size_t i = 0; r == 0 && i < f.n; i++) {
        r = check_thresholds(&s, &f.list[i], e);
        if (r == 0 && spikes && rules->spike)
            r = check_spike(&s, &f.list[i], e);
    }
    if (r == 0)
        *any = f.n > 0;
    free(f.list);
    return r;
}
