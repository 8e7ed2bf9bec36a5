/* SPDX-License-Identifier: MIT */
#include "ledger/replay.h"

#include <stdlib.h>

/* Room for one more behind n: it doubles whenever n is a power of two. */
static void *room(void *p, size_t n, size_t size)
{
    if (n == 0)
        return realloc(p, 16 * size);
    return n < 16 || n & (n - 1) ? p : realloc(p, n * 2 * size);
}

/* ---- loading ---- */

static struct replay_period *find(const struct replay *r, int64_t id)
{
    size_t low = 0, high = r->nperiods;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (r->periods[mid].id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low < r->nperiods && r->periods[low].id == id ? &r->periods[low] : NULL;
}

int replay_period(struct replay *r, int64_t id, nano_t archived, nano_t kept_spent,
                  nano_t kept_held, struct err *e)
{
    struct replay_period *all = room(r->periods, r->nperiods, sizeof *all);

    if (!all)
        return err_set(e, ERR_MEMORY, "no memory to verify");
    r->periods = all;
    all[r->nperiods++] = (struct replay_period){
        .id = id, .kept_spent = kept_spent, .kept_held = kept_held, .spent = archived};
    return 0;
}

int replay_cap(struct replay *r, int64_t period, int64_t seq, nano_t cap, struct err *e)
{
    struct replay_cap *all = room(r->caps, r->ncaps, sizeof *all);
    struct replay_period *p = find(r, period);

    if (!all)
        return err_set(e, ERR_MEMORY, "no memory to verify");
    r->caps = all;
    if (!p)
        return err_set(e, ERR_CORRUPT, "a limit belongs to no period");
    if (p->caps == 0)
        p->cap = r->ncaps;
    p->caps = r->ncaps + 1;
    all[r->ncaps++] = (struct replay_cap){seq, cap};
    return 0;
}

void replay_finish(struct replay *r)
{
    free(r->periods);
    free(r->caps);
    free(r->open);
}

/* ---- the heap of open holds ---- */

static int push(struct replay *r, const struct event *ev)
{
    size_t i = r->nopen;
    struct event *all = room(r->open, r->nopen, sizeof *all);

    if (!all)
        return -1;
    r->open = all;
    for (; i && all[(i - 1) / 2].end > ev->end; i = (i - 1) / 2)
        all[i] = all[(i - 1) / 2];
    all[i] = *ev;
    r->nopen++;
    return 0;
}

static struct event pop(struct replay *r)
{
    struct event top = r->open[0], last = r->open[--r->nopen];
    size_t i = 0, child;

    while ((child = 2 * i + 1) < r->nopen) {
        if (child + 1 < r->nopen && r->open[child + 1].end < r->open[child].end)
            child++;
        if (r->open[child].end >= last.end)
            break;
        r->open[i] = r->open[child];
        i = child;
    }
    r->open[i] = last;
    return top;
}

/* ---- events ---- */

static int settle(struct replay *r, const struct event *ev, struct err *e)
{
    if (ev->end == r->last_end)
        return err_set(e, ERR_CORRUPT, "two holds end as event %lld", (long long)ev->end);
    r->last_end = ev->end;
    for (int i = 0; i < ATS; i++) {
        struct replay_period *p = ev->at[i] ? find(r, ev->at[i]) : NULL;

        if (!p)
            continue;
        p->held -= ev->amount;
        if (__builtin_add_overflow(p->spent, ev->cost, &p->spent))
            return err_set(e, ERR_CORRUPT, "the amounts of period %lld overflow", (long long)p->id);
    }
    return 0;
}

static nano_t cap_at(const struct replay *r, struct replay_period *p, int64_t seq)
{
    while (p->cap + 1 < p->caps && r->caps[p->cap + 1].seq < seq)
        p->cap++;
    return p->cap < p->caps && r->caps[p->cap].seq < seq ? r->caps[p->cap].cap : -1;
}

static int admit(struct replay *r, struct replay_period *p, const struct event *ev, struct err *e)
{
    char spent[MONEY_LEN], held[MONEY_LEN], amount[MONEY_LEN], cap[MONEY_LEN];
    nano_t limit = cap_at(r, p, ev->id);

    p->held += ev->amount;
    if (ev->id < r->provable_from || (p->spent <= limit && p->held <= limit - p->spent))
        return 0;
    return err_set(e, ERR_CORRUPT,
                   "hold %lld of $%s was admitted to period %lld above its limit: $%s spent, $%s "
                   "held with it, limit $%s",
                   (long long)ev->id, money_fixed(ev->amount, amount), (long long)p->id,
                   money_fixed(p->spent, spent), money_fixed(p->held, held),
                   limit < 0 ? "unknown" : money_fixed(limit, cap));
}

int replay_event(struct replay *r, const struct event *ev, struct err *e)
{
    while (r->nopen && r->open[0].end < ev->id) {
        struct event over = pop(r);

        if (settle(r, &over, e) != 0)
            return -1;
    }
    for (int i = 0; i < ATS; i++) {
        struct replay_period *p = ev->at[i] ? find(r, ev->at[i]) : NULL;

        if (ev->at[i] && !p)
            return err_set(e, ERR_CORRUPT, "hold %lld counts against period %lld, which is missing",
                           (long long)ev->id, (long long)ev->at[i]);
        if (p && admit(r, p, ev, e) != 0)
            return -1;
    }
    r->checked += ev->id >= r->provable_from;
    return push(r, ev) == 0 ? 0 : err_set(e, ERR_MEMORY, "no memory to verify");
}

int replay_end(struct replay *r, struct err *e)
{
    while (r->nopen && r->open[0].end != INT64_MAX) {
        struct event over = pop(r);

        if (settle(r, &over, e) != 0)
            return -1;
    }
    for (size_t i = 0; i < r->nperiods; i++) {
        const struct replay_period *p = &r->periods[i];

        if (p->spent != p->kept_spent)
            return err_set(e, ERR_CORRUPT,
                           "period %lld keeps %lld nanodollars as spent, its rows sum to %lld",
                           (long long)p->id, (long long)p->kept_spent, (long long)p->spent);
        if (p->held != p->kept_held)
            return err_set(e, ERR_CORRUPT,
                           "period %lld keeps %lld nanodollars as held, its open holds sum to %lld",
                           (long long)p->id, (long long)p->kept_held, (long long)p->held);
    }
    return 0;
}
