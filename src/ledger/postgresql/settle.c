/* SPDX-License-Identifier: MIT */
#include "ledger/postgresql/settle.h"

#include <stdlib.h>

/* ---- rows ---- */

static void write_voided(struct group *g, const struct hold *h, int64_t lag)
{
    group_row(g, ROWS_VOIDED, h->id, lag, h->amount, h->at[0], h->at[1], h->at[2], h->at[3]);
}

static void write_usage(struct group *g, const struct hold *h, const struct ending *end,
                        int64_t lag, nano_t cost)
{
    const struct tokens_used t = ending_tokens(end, h->r.input_tokens, h->r.output_tokens);
    const struct usage_sums s = ending_sums(end, &t, cost, h->r.estimate);
    const struct reservation *r = &h->r;
    int64_t model = end->model[0] ? group_name(g, end->model) : h->model;

    group_row(g, ROWS_USAGE, h->id, span_of(r->request_id), h->project, r->token_id, h->provider,
              h->endpoint, model, h->at[0], h->at[1], h->at[2], h->at[3], lag, (int64_t)end->state,
              (int64_t)h->verdict.strict, (int64_t)end->streamed, (int64_t)end->status, h->amount,
              r->estimate, cost, r->input_tokens, r->output_tokens, t.kinds[0], t.kinds[1],
              t.kinds[2], t.kinds[3], t.kinds[4], t.kinds[5], t.kinds[6], t.kinds[7], t.kinds[8],
              end->reasoning, group_name(g, end->price_version), group_name(g, end->price_rule),
              group_name(g, end->confidence), r->now_ms, end->duration_ms, end->ttft_ms);
    group_row(g, ROWS_SUMS, h->id, h->project, r->now_ms, model, s.estimated, s.input, s.output,
              s.cached, s.written, s.reasoning, s.duration_ms, s.streams, s.ttft_ms, s.cost,
              s.predicted, s.saved);
}

/* ---- the operation ---- */

struct settle_op {
    struct pg_op pg;
    struct err own;
    int64_t hold_id;
    struct hold *other; /* a hold that is not among this daemon's; the waiter's */
    struct ending end;
    nano_t *remaining; /* of who waits, whether it asked or not; NULL: nobody waits */
    bool stray;        /* skip it when this daemon does have it */
    bool done;         /* it was open, and ended here */
};

static struct settle_op *settle_op_of(struct pg_op *o)
{
    return MAP_OWNER(o, struct settle_op, pg);
}

static struct hold *hold_of(const struct group *g, const struct settle_op *s)
{
    return s->other ? s->other : holds_find(&g->l->holds, s->hold_id);
}

/* A hold that was taken for a stray. */
static bool ours_after_all(const struct pg_ledger *l, const struct settle_op *s)
{
    return s->stray && holds_find(&l->holds, s->hold_id);
}

/* A settlement that is kept has no waiter any more. */
static bool asks(const struct settle_op *s)
{
    return s->pg.op.waiter && s->remaining;
}

static void want(struct group *g, struct pg_op *o)
{
    struct settle_op *s = settle_op_of(o);
    const struct hold *h = hold_of(g, s);

    if (!h || h->state != HOLD_OPEN || ours_after_all(g->l, s))
        return;
    group_want_hold(g, h);
    if (asks(s))
        group_want_budgets(g, &h->r);
    if (o->in_doubt)
        group_want_end(g, h->id);
    if (s->end.model[0])
        group_want_name(g, s->end.model);
    group_want_name(g, s->end.price_version);
    group_want_name(g, s->end.price_rule);
    group_want_name(g, s->end.confidence);
}

static int check_open(struct group *g, const struct hold *h, const struct settle_op *s,
                      struct err *e)
{
    if (hold_check_end(h, s->hold_id, s->end.state, e) != 0)
        return -1;
    for (int i = 0; i < ATS; i++) {
        const struct period *p = h->at[i] ? group_period(g, h->at[i]) : NULL;

        if (h->at[i] && !p) {
            pq_fail(g->q, PQ_FAULT, "a hold's period is missing");
            return -1;
        }
        if (p && p->now.spent > SPENT_MAX)
            return err_set(e, ERR_LIMIT, "the amount spent by a budget is out of range");
    }
    return 0;
}

static void end_hold(struct group *g, struct hold *h, const struct ending *end)
{
    nano_t cost = end->state == HOLD_VOIDED ? 0 : end->charge_hold ? h->amount : end->cost;
    int64_t lag = group_number(g) - h->id;

    group_row(g, ROWS_HOLD_END, h->id);
    if (end->state == HOLD_VOIDED)
        write_voided(g, h, lag);
    else
        write_usage(g, h, end, lag, cost);
    for (int i = 0; i < ATS; i++)
        if (h->at[i])
            group_figures(g, group_period(g, h->at[i]), cost, -h->amount, -h->r.estimate);
    if (h->verdict.strict && cost > h->amount)
        group_overrun(g, cost - h->amount);
}

/* Its row is gone. Our own first try, whose word was lost, or another daemon, after our lease. */
static int ended_already(struct group *g, struct hold *h, const struct settle_op *s, struct err *e)
{
    enum hold_state how = s->pg.in_doubt ? group_hold_end(g, h->id) : HOLD_OPEN;

    if (s->other)
        return 0;
    holds_end(&g->l->holds, h, how == s->end.state ? how : HOLD_INTERRUPTED);
    if (how == s->end.state)
        return 0;
    return err_set(e, ERR_EXISTS,
                   "hold %lld was ended by another daemon when this one's lease was over: its held "
                   "amount is charged",
                   (long long)h->id);
}

static int run_settle(struct ledger *base, struct op *op, struct err *e)
{
    struct pg_ledger *l = pg_of(base);
    struct settle_op *s = settle_op_of(pg_op_of(op));
    struct hold *h = hold_of(l->group, s);

    s->done = false;
    if (ours_after_all(l, s))
        return 0;
    if (check_open(l->group, h, s, e) != 0)
        return -1;
    if (!group_hold_is_open(l->group, h->id))
        return ended_already(l->group, h, s, e);
    end_hold(l->group, h, &s->end);
    s->done = true;
    if (!s->other)
        holds_end(&l->holds, h, s->end.state);
    return asks(s) ? pg_remaining(l->group, &h->r, s->end.now_ms, s->remaining) : 0;
}

static void release(struct op *op)
{
    free(settle_op_of(pg_op_of(op)));
}

static void fill(struct settle_op *s, int64_t hold_id)
{
    s->pg.op.run = run_settle;
    s->pg.op.settlement = true;
    s->pg.op.own = &s->own;
    s->pg.want = want;
    s->hold_id = hold_id;
}

int pg_settle(struct ledger *l, const struct settlement *s, bool wait, nano_t *remaining,
              struct err *e)
{
    struct settle_op *o = writer_room(l, sizeof *o);
    nano_t left = -1;
    int rc;

    if (!o)
        return err_set(e, ERR_IO, "the ledger cannot write");
    o->pg.op.release = release;
    fill(o, s->hold_id);
    ending_of(s, &o->end);
    if (!wait) {
        writer_queue(l, &o->pg.op);
        return 0;
    }
    o->remaining = wait ? &left : NULL;
    rc = writer_do(l, &o->pg.op, e);
    if (rc == 0 && remaining)
        *remaining = left;
    return rc;
}

struct other_op {
    struct settle_op s;
    struct waiter waiter;
};

int pg_end_others(struct ledger *l, struct other_end *others, int n, bool stray, struct err *e)
{
    struct other_op *ops = calloc((size_t)n, sizeof *ops);
    int rc = 0;

    if (!ops)
        return n ? err_set(e, ERR_MEMORY, "no memory to end %d holds", n) : 0;
    for (int i = n - 1; i >= 0; i--) {
        struct settle_op *s = &ops[i].s;

        fill(s, others[i].hold.id);
        s->pg.op.settlement = false; /* it is looked for again */
        s->pg.op.waiter = &ops[i].waiter;
        s->pg.op.next = i < n - 1 ? &ops[i + 1].s.pg.op : NULL;
        s->other = &others[i].hold;
        s->stray = stray;
        s->end = others[i].end;
    }
    if (n)
        writer_do_all(l, &ops[0].s.pg.op);
    for (int i = 0; i < n; i++) {
        others[i].done = ops[i].s.done && ops[i].waiter.rc == 0;
        if (rc == 0 && (rc = ops[i].waiter.rc) != 0)
            *e = ops[i].waiter.e;
    }
    free(ops);
    return rc;
}
