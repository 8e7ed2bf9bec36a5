/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/sqlite/budgets.h"
#include "ledger/sqlite/inner.h"

static const char add_budget[] =
    "INSERT INTO budget VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 0, 0)";
static const char set_budget[] =
    "UPDATE budget SET cap = ?2, per_request = ?3, period_kind = ?4, period_days = ?5, zone = ?6,"
    " enforcement = ?7, predictor = ?8, alerts = ?9, alert_url = ?10 WHERE id = ?1";
static const char delete_budget[] = "UPDATE budget SET deleted = ?2 WHERE id = ?1";
static const char find_token[] = "SELECT id FROM token WHERE id = ?1";

/* ---- set ---- */

struct budget_op {
    struct op op;
    enum scope scope;
    int64_t now_ms;
    char key[ACCOUNT_KEY_MAX + 1];
    struct budget b;
};

int budget_insert(struct book *b, const struct budget *set, const char *key,
                  struct period_span first)
{
    int64_t id = book_id(b), period;
    char alerts[ALERTS_TEXT_MAX];

    budget_alerts_write(set, alerts);
    if (db_run(b->db, add_budget, "iitiiiitiitt", id, (int64_t)set->scope, key, set->limit,
               set->per_request, (int64_t)set->period, (int64_t)set->period_days, set->timezone,
               (int64_t)set->enforcement, (int64_t)set->predictor, alerts, set->alert_url) != 0)
        return -1;
    book_account_changed(b, set->scope, key);
    return book_period_new(b, id, first, set->limit, &period);
}

static int update(struct book *b, struct account *a, const struct budget *set, int64_t end)
{
    char alerts[ALERTS_TEXT_MAX];

    budget_alerts_write(set, alerts);
    if (db_run(b->db, set_budget, "iiiiitiitt", a->id, set->limit, set->per_request,
               (int64_t)set->period, (int64_t)set->period_days, set->timezone,
               (int64_t)set->enforcement, (int64_t)set->predictor, alerts, set->alert_url) != 0)
        return -1;
    if (set->limit != a->cap && book_cap(b, a->running->id, set->limit) != 0)
        return -1;
    book_period_end(b, a->running, end);
    book_account_changed(b, a->scope, a->key);
    return 0;
}

static int token_known(struct book *b, const struct budget *set, struct err *e)
{
    bool found = true;
    int64_t id;

    if (set->scope != SCOPE_TOKEN)
        return 0;
    if (db_int(b->db, &id, &found, find_token, "i", set->token_id) != 0)
        return -1;
    return found ? 0
                 : err_set(e, ERR_INVALID, "tokenId: there is no token %lld",
                           (long long)set->token_id);
}

static int create(struct book *b, struct budget_op *o, struct err *e)
{
    struct period_rule rule = budget_rule(&o->b);
    struct period_span first;

    if (token_known(b, &o->b, e) != 0 || period_first(&rule, o->now_ms, &first, e) != 0)
        return -1;
    return budget_insert(b, &o->b, o->key, first);
}

static int change(struct book *b, struct account *a, struct budget_op *o, struct err *e)
{
    struct period_rule rule = budget_rule(&o->b);
    int64_t end;

    if (book_roll(b, a, o->now_ms) != 0 ||
        period_end(&rule, a->running->span.start, o->now_ms, &end, e) != 0)
        return -1;
    return update(b, a, &o->b, end);
}

static int run_set(struct ledger *base, struct op *op, struct err *e)
{
    struct sqlite_ledger *l = sqlite_of(base);
    struct budget_op *o = MAP_OWNER(op, struct budget_op, op);
    struct book *b = &l->book;
    struct account *a;

    if (book_account(b, o->scope, o->key, &a) != 0)
        return -1;
    if ((a ? change(b, a, o, e) : create(b, o, e)) != 0)
        return -1;
    if (book_account(b, o->scope, o->key, &a) != 0 || !a)
        return -1;
    budget_fill(&o->b, &a->running->now, a->running->span);
    return 0;
}

int sqlite_budget_set(struct ledger *l, const struct budget *b, int64_t now_ms, struct budget *out,
                      struct err *e)
{
    struct budget_op o = {.op.run = run_set, .scope = b->scope, .now_ms = now_ms, .b = *b};

    account_key(b->scope, b->project, b->token_id, "", o.key);
    if (writer_do(l, &o.op, e) != 0)
        return -1;
    if (out)
        *out = o.b;
    return 0;
}

/* ---- reset, delete ---- */

static int run_reset(struct ledger *base, struct op *op, struct err *e)
{
    struct sqlite_ledger *l = sqlite_of(base);
    struct budget_op *o = MAP_OWNER(op, struct budget_op, op);
    struct book *b = &l->book;
    struct period_span span;
    struct account *a;
    int64_t id;

    if (book_account(b, o->scope, o->key, &a) != 0)
        return -1;
    if (!a)
        return budget_missing(o->scope, e);
    struct period_rule rule = {a->kind, a->days, a->zone};
    if (period_first(&rule, o->now_ms, &span, e) != 0)
        return -1;
    if (book_period_new(b, a->id, span, a->cap, &id) != 0)
        return -1;
    book_account_changed(b, o->scope, o->key);
    return 0;
}

static int run_delete(struct ledger *base, struct op *op, struct err *e)
{
    struct sqlite_ledger *l = sqlite_of(base);
    struct budget_op *o = MAP_OWNER(op, struct budget_op, op);
    struct book *b = &l->book;
    struct account *a;

    if (book_account(b, o->scope, o->key, &a) != 0)
        return -1;
    if (!a)
        return budget_missing(o->scope, e);
    if (db_run(b->db, delete_budget, "ii", a->id, o->now_ms > 0 ? o->now_ms : 1) != 0)
        return -1;
    book_account_changed(b, o->scope, o->key);
    return 0;
}

static int change_one(struct ledger *l, int (*run)(struct ledger *, struct op *, struct err *),
                      enum scope scope, const char *key, int64_t now_ms, struct err *e)
{
    struct budget_op o = {.op.run = run, .scope = scope, .now_ms = now_ms};

    str_copy(o.key, sizeof o.key, span_of(key));
    return writer_do(l, &o.op, e);
}

int sqlite_budget_reset(struct ledger *l, enum scope scope, const char *key, int64_t now_ms,
                        struct err *e)
{
    return change_one(l, run_reset, scope, key, now_ms, e);
}

int sqlite_budget_delete(struct ledger *l, enum scope scope, const char *key, int64_t now_ms,
                         struct err *e)
{
    return change_one(l, run_delete, scope, key, now_ms, e);
}
