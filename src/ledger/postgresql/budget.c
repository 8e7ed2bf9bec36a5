/* SPDX-License-Identifier: MIT */
#include "ledger/postgresql/inner.h"

static const char find_token[] = "SELECT 1 FROM tokencap.token WHERE id = $1::bigint";

struct budget_op {
    struct pg_op pg;
    enum scope scope;
    int64_t now_ms;
    char key[ACCOUNT_KEY_MAX + 1];
    struct budget b;
    bool token_known;
};

static struct budget_op *budget_op_of(struct pg_op *o)
{
    return MAP_OWNER(o, struct budget_op, pg);
}

static void want(struct group *g, struct pg_op *o)
{
    struct budget_op *b = budget_op_of(o);

    group_want_budget(g, b->scope, b->key);
    group_want_numbers(g, 4); /* a budget, its period, and two limits */
}

static struct account *find(struct ledger *l, const struct budget_op *o)
{
    return group_account(pg_of(l)->group, o->scope, o->key);
}

/* ---- set ---- */

static void ask_token(struct pq *q, struct pg_op *o)
{
    pq_ask(q, find_token, "i", budget_op_of(o)->b.token_id);
}

static void hear_token(struct pg_op *o, const PGresult *res)
{
    budget_op_of(o)->token_known = PQntuples(res) == 1;
}

static int create(struct group *g, struct budget_op *o, struct err *e)
{
    struct period_rule rule = budget_rule(&o->b);
    struct period_span first;

    if (o->scope == SCOPE_TOKEN && !o->token_known)
        return err_set(e, ERR_INVALID, "tokenId: there is no token %lld", (long long)o->b.token_id);
    if (period_first(&rule, o->now_ms, &first, e) != 0)
        return -1;
    return group_budget_new(g, &o->b, o->key, first) ? 0 : -1;
}

static int change(struct group *g, struct account *a, struct budget_op *o, struct err *e)
{
    struct period_rule rule = budget_rule(&o->b);
    int64_t end;

    if (group_roll(g, a, o->now_ms) != 0 ||
        period_end(&rule, a->running->span.start, o->now_ms, &end, e) != 0)
        return -1;
    if (o->b.limit != a->b.limit)
        group_cap(g, a->running->id, o->b.limit);
    a->b = o->b;
    group_changed(g, a);
    a->running->span.end = end;
    group_figures(g, a->running, 0, 0, 0);
    return 0;
}

static int run_set(struct ledger *l, struct op *op, struct err *e)
{
    struct budget_op *o = budget_op_of(pg_op_of(op));
    struct group *g = pg_of(l)->group;
    struct account *a = find(l, o);

    if ((a ? change(g, a, o, e) : create(g, o, e)) != 0)
        return -1;
    a = find(l, o);
    if (!a)
        return -1;
    budget_fill(&o->b, &a->running->now, a->running->span);
    return 0;
}

int pg_budget_set(struct ledger *l, const struct budget *b, int64_t now_ms, struct budget *out,
                  struct err *e)
{
    struct budget_op o = {
        .pg = {.op.run = run_set, .want = want}, .scope = b->scope, .now_ms = now_ms, .b = *b};

    if (b->scope == SCOPE_TOKEN) {
        o.pg.ask = ask_token;
        o.pg.hear = hear_token;
    }
    account_key(b->scope, b->project, b->token_id, "", o.key);
    if (writer_do(l, &o.pg.op, e) != 0)
        return -1;
    if (out)
        *out = o.b;
    return 0;
}

/* ---- reset, delete ---- */

static int run_reset(struct ledger *l, struct op *op, struct err *e)
{
    struct budget_op *o = budget_op_of(pg_op_of(op));
    struct period_span span;
    struct account *a = find(l, o);
    struct period_rule rule;

    if (!a)
        return budget_missing(o->scope, e);
    rule = budget_rule(&a->b);
    if (period_first(&rule, o->now_ms, &span, e) != 0)
        return -1;
    return group_period_new(pg_of(l)->group, a, span);
}

static int run_delete(struct ledger *l, struct op *op, struct err *e)
{
    struct budget_op *o = budget_op_of(pg_op_of(op));
    struct account *a = find(l, o);

    if (!a && o->pg.in_doubt)
        return 0; /* our first try did it */
    if (!a)
        return budget_missing(o->scope, e);
    a->deleted = o->now_ms > 0 ? o->now_ms : 1;
    group_changed(pg_of(l)->group, a);
    return 0;
}

static int change_one(struct ledger *l, int (*run)(struct ledger *, struct op *, struct err *),
                      enum scope scope, const char *key, int64_t now_ms, struct err *e)
{
    struct budget_op o = {.pg = {.op.run = run, .want = want}, .scope = scope, .now_ms = now_ms};

    str_copy(o.key, sizeof o.key, span_of(key));
    return writer_do(l, &o.pg.op, e);
}

int pg_budget_reset(struct ledger *l, enum scope scope, const char *key, int64_t now_ms,
                    struct err *e)
{
    return change_one(l, run_reset, scope, key, now_ms, e);
}

int pg_budget_delete(struct ledger *l, enum scope scope, const char *key, int64_t now_ms,
                     struct err *e)
{
    return change_one(l, run_delete, scope, key, now_ms, e);
}
