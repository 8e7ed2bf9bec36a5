/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "ledger/postgresql/inner.h"

bool pg_leased(const struct pg_ledger *l)
{
    return clock_mono_ns() < atomic_load(&l->leased_until_ns);
}

static int not_leased(struct err *e)
{
    return err_set(
        e, ERR_BUSY,
        "this daemon's lease at the ledger's database is over: nothing is admitted until "
        "it has a new one");
}

static int find(void *ctx, const char *key, int64_t now_ms, struct claim *c)
{
    struct group *g = ctx;
    struct account *a = group_account(g, c->scope, key);

    if (a && group_roll(g, a, now_ms) != 0)
        return -1;
    if (a)
        *c = (struct claim){
            .scope = c->scope,
            .account = a,
            .cap = a->b.limit,
            .per_request = a->b.per_request,
            .f = a->running->now,
            .end = a->running->span.end,
            .enforcement = a->b.enforcement,
            .predictor = a->b.predictor,
        };
    return 0;
}

int pg_remaining(struct group *g, const struct reservation *r, int64_t now_ms, nano_t *out)
{
    struct claims cs;

    if (claims_gather(r, now_ms, find, g, &cs) != 0)
        return -1;
    *out = claims_remaining(&cs);
    return 0;
}

/* ---- the operation ---- */

struct reserve_op {
    struct pg_op pg;
    const struct reservation *r;
    struct hold *hold;
    bool taken;     /* the ledger owns hold now */
    int64_t daemon; /* whose lease it was tried under; in doubt it cannot be tried under another:
                     * the hold may have been there, and charged when the first one was over */
    struct verdict v;
};

static struct reserve_op *reserve_op_of(struct pg_op *o)
{
    return MAP_OWNER(o, struct reserve_op, pg);
}

static void want(struct group *g, struct pg_op *o)
{
    const struct reservation *r = reserve_op_of(o)->r;

    group_want_budgets(g, r);
    group_want_name(g, r->project);
    group_want_name(g, r->provider);
    group_want_name(g, r->endpoint);
    group_want_name(g, r->model);
    group_want_numbers(g, r->run_limit >= 0 ? 4 : 1); /* a run: its budget, period and limit */
    if (o->in_doubt)
        group_want_request(g, r->request_id);
}

/* A run's budget comes into being with its first admitted request. */
static int make_run(struct group *g, const struct reservation *r, struct claims *cs)
{
    struct budget b = {.scope = SCOPE_RUN, .limit = r->run_limit, .per_request = -1};
    char key[ACCOUNT_KEY_MAX + 1];

    account_key(SCOPE_RUN, r->project, 0, r->run, key);
    if (!group_budget_new(g, &b, key, (struct period_span){r->now_ms, 0}))
        return -1;
    return claims_gather(r, r->now_ms, find, g, cs);
}

static void write_hold(struct group *g, const struct hold *h)
{
    const struct reservation *r = &h->r;

    group_row(g, ROWS_HOLD, h->id, span_of(r->request_id), g->l->daemon, h->project, r->token_id,
              h->provider, h->endpoint, h->model, h->at[AT_GLOBAL], h->at[AT_PROJECT],
              h->at[AT_TOKEN], h->at[AT_RUN], h->amount, r->estimate, (int64_t)h->verdict.strict,
              r->input_tokens, r->output_tokens, r->now_ms);
}

/* What a hold remembers of its request. */
static void fill(struct group *g, struct reserve_op *o)
{
    struct hold *h = o->hold;
    const struct reservation *r = o->r;

    h->project = group_name(g, r->project);
    h->provider = group_name(g, r->provider);
    h->endpoint = group_name(g, r->endpoint);
    h->model = group_name(g, r->model);
    hold_fill(h, r, &o->v);
}

static int admit(struct group *g, struct reserve_op *o, struct claims *cs)
{
    struct hold *h = o->hold;

    if (cs->new_run && make_run(g, o->r, cs) != 0)
        return -1;
    fill(g, o);
    memset(h->at, 0, sizeof h->at);
    for (int i = 0; i < cs->n; i++) {
        struct period *p = ((struct account *)cs->at[i].account)->running;

        h->at[cs->at[i].scope - SCOPE_GLOBAL] = p->id;
        group_figures(g, p, 0, o->v.hold, h->r.estimate);
    }
    h->amount = o->v.hold;
    h->id = o->v.hold_id = group_number(g);
    h->verdict = o->v;
    write_hold(g, h);
    holds_admit(&g->l->holds, h);
    o->taken = true;
    return 0;
}

/* The first try was committed after all, only the word was lost. */
static int take_up(struct group *g, struct reserve_op *o, struct err *e)
{
    struct hold *h = o->hold;

    fill(g, o);
    if (group_request_held(g, o->r->request_id, h) == HELD_BY_ANOTHER)
        return err_set(e, ERR_EXISTS, "request %s is held by another daemon", o->r->request_id);
    o->v.admitted = true;
    o->v.hold_id = h->id;
    o->v.hold = h->amount;
    h->verdict = o->v;
    holds_admit(&g->l->holds, h);
    o->taken = true;
    return 0;
}

static int run_reserve(struct ledger *base, struct op *op, struct err *e)
{
    struct pg_ledger *l = pg_of(base);
    struct reserve_op *o = reserve_op_of(pg_op_of(op));
    struct hold *known = holds_find_request(&l->holds, o->r->request_id);
    struct claims cs;

    o->taken = false;
    if (known) {
        o->v = known->verdict;
        return 0;
    }
    if (!o->pg.in_doubt)
        o->daemon = l->daemon;
    if (!group_leased(l->group) || o->daemon != l->daemon) {
        if (o->pg.in_doubt)
            pg_doubt(l);
        return not_leased(e);
    }
    if (claims_gather(o->r, o->r->now_ms, find, l->group, &cs) != 0)
        return -1;
    if (o->pg.in_doubt && group_request_held(l->group, o->r->request_id, o->hold) != NOT_HELD)
        return take_up(l->group, o, e);
    decide(o->r, &cs, base->strict, &o->v);
    return o->v.admitted ? admit(l->group, o, &cs) : 0;
}

static void take_back(struct ledger *l, int64_t hold_id, int64_t now_ms)
{
    struct settlement s = {.hold_id = hold_id, .state = HOLD_VOIDED, .now_ms = now_ms};
    struct err e;

    if (pg_settle(l, &s, false, NULL, &e) != 0)
        log_error("%s", e.msg);
}

int pg_reserve(struct ledger *base, const struct reservation *r, struct verdict *v, struct err *e)
{
    struct pg_ledger *l = pg_of(base);
    struct reserve_op o = {.pg = {.op.run = run_reserve, .want = want}, .r = r};
    int rc;

    if (!pg_leased(l))
        return not_leased(e);
    o.hold = calloc(1, sizeof *o.hold);
    if (!o.hold)
        return err_set(e, ERR_MEMORY, "no memory for a hold");
    rc = writer_do(base, &o.pg.op, e);
    if (rc != 0 || !o.taken)
        free(o.hold);
    if (rc == 0 && o.v.admitted && !pg_leased(l)) { /* too late: it must not be used */
        take_back(base, o.v.hold_id, r->now_ms);
        return not_leased(e);
    }
    if (rc == 0)
        *v = o.v;
    return rc;
}
