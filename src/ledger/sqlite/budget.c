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

#define PERCENT_MAX 1000

static void alerts_text(const struct budget *b, char out[8 * ALERTS_MAX])
{
    size_t n = 0;

    out[0] = '\0';
    for (int i = 0; i < b->nalerts; i++)
        n += (size_t)snprintf(out + n, 8, "%s%d", i ? "," : "", b->alert_percents[i]);
}

/* ---- checks ---- */

static int check_scope(const struct budget *b, struct err *e)
{
    switch (b->scope) {
    case SCOPE_GLOBAL:
        return 0;
    case SCOPE_PROJECT:
        return b->project[0] ? 0 : err_set(e, ERR_INVALID, "projectId: is missing");
    case SCOPE_TOKEN:
        return b->token_id > 0 ? 0 : err_set(e, ERR_INVALID, "tokenId: is missing");
    default:
        return err_set(e, ERR_INVALID, "scope: must be global, project or token");
    }
}

static int check(const struct budget *b, struct err *e)
{
    struct period_rule rule = {b->period, b->period_days, b->timezone};

    if (check_scope(b, e) != 0)
        return -1;
    if (b->limit < 0 || b->limit > NANO_MAX)
        return err_set(e, ERR_INVALID, "limitUsd: must be 0 to 1000000000");
    if (b->per_request < -1 || b->per_request > NANO_MAX)
        return err_set(e, ERR_INVALID, "perRequestUsd: must be 0 to 1000000000");
    if (b->enforcement < ENFORCE_DEFAULT || b->enforcement > ENFORCE_STRICT)
        return err_set(e, ERR_INVALID, "enforcement: must be estimate or strict");
    if (b->predictor < PREDICT_DEFAULT || b->predictor > PREDICT_LEARNED)
        return err_set(e, ERR_INVALID, "predict: must be rule or learned");
    if (b->nalerts < 0 || b->nalerts > ALERTS_MAX)
        return err_set(e, ERR_INVALID, "alertPercents: at most %d", ALERTS_MAX);
    for (int i = 0; i < b->nalerts; i++)
        if (b->alert_percents[i] < 1 || b->alert_percents[i] > PERCENT_MAX)
            return err_set(e, ERR_INVALID, "alertPercents: each must be 1 to %d", PERCENT_MAX);
    return period_check(&rule, e);
}

/* ---- set ---- */

struct budget_op {
    struct op op;
    enum scope scope;
    const char *project;
    int64_t token_id, now_ms;
    char key[ACCOUNT_KEY_MAX + 1];
    struct budget b;
};

int budget_insert(struct book *b, const struct budget *set, const char *key,
                  struct period_span first)
{
    int64_t id = book_id(b), period;
    char alerts[8 * ALERTS_MAX];

    alerts_text(set, alerts);
    if (db_run(b->db, add_budget, "iitiiiitiitt", id, (int64_t)set->scope, key, set->limit,
               set->per_request, (int64_t)set->period, (int64_t)set->period_days, set->timezone,
               (int64_t)set->enforcement, (int64_t)set->predictor, alerts, set->alert_url) != 0)
        return -1;
    book_account_changed(b, set->scope, key);
    return book_period_new(b, id, first, set->limit, &period);
}

static int update(struct book *b, struct account *a, const struct budget *set, int64_t end)
{
    char alerts[8 * ALERTS_MAX];

    alerts_text(set, alerts);
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
    struct period_rule rule = {o->b.period, o->b.period_days, o->b.timezone};
    struct period_span first = {o->now_ms, 0};

    if (token_known(b, &o->b, e) != 0 ||
        period_end(&rule, o->now_ms, o->now_ms, &first.end, e) != 0)
        return -1;
    return budget_insert(b, &o->b, o->key, first);
}

static int change(struct book *b, struct account *a, struct budget_op *o, struct err *e)
{
    struct period_rule rule = {o->b.period, o->b.period_days, o->b.timezone};
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
    o->b.spent = a->running->now.spent;
    o->b.reserved = a->running->now.held;
    o->b.period_start = a->running->span.start;
    o->b.period_end = a->running->span.end;
    return 0;
}

int sqlite_budget_set(struct ledger *l, const struct budget *b, int64_t now_ms, struct budget *out,
                      struct err *e)
{
    struct budget_op o = {.op.run = run_set, .scope = b->scope, .now_ms = now_ms, .b = *b};

    if (check(b, e) != 0)
        return -1;
    account_key(b->scope, b->project, b->token_id, "", o.key);
    if (writer_do(l, &o.op, e) != 0)
        return -1;
    if (out)
        *out = o.b;
    return 0;
}

/* ---- reset, delete ---- */

static int no_budget(const struct budget_op *o, struct err *e)
{
    switch (o->scope) {
    case SCOPE_PROJECT:
        return err_set(e, ERR_NOT_FOUND, "No budget found for this project");
    case SCOPE_TOKEN:
        return err_set(e, ERR_NOT_FOUND, "No budget found for this token");
    default:
        return err_set(e, ERR_NOT_FOUND, "No global budget found");
    }
}

static int run_reset(struct ledger *base, struct op *op, struct err *e)
{
    struct sqlite_ledger *l = sqlite_of(base);
    struct budget_op *o = MAP_OWNER(op, struct budget_op, op);
    struct book *b = &l->book;
    struct period_span span = {o->now_ms, 0};
    struct account *a;
    int64_t id;

    if (book_account(b, o->scope, o->key, &a) != 0)
        return -1;
    if (!a)
        return no_budget(o, e);
    struct period_rule rule = {a->kind, a->days, a->zone};
    if (period_end(&rule, o->now_ms, o->now_ms, &span.end, e) != 0)
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
        return no_budget(o, e);
    if (db_run(b->db, delete_budget, "ii", a->id, o->now_ms > 0 ? o->now_ms : 1) != 0)
        return -1;
    book_account_changed(b, o->scope, o->key);
    return 0;
}

static int change_one(struct ledger *l, int (*run)(struct ledger *, struct op *, struct err *),
                      enum scope scope, const char *project, int64_t token_id, int64_t now_ms,
                      struct err *e)
{
    struct budget_op o = {.op.run = run, .scope = scope, .now_ms = now_ms};

    account_key(scope, project ? project : "", token_id, "", o.key);
    return writer_do(l, &o.op, e);
}

int sqlite_budget_reset(struct ledger *l, enum scope scope, const char *project, int64_t token_id,
                        int64_t now_ms, struct err *e)
{
    return change_one(l, run_reset, scope, project, token_id, now_ms, e);
}

int sqlite_budget_delete(struct ledger *l, enum scope scope, const char *project, int64_t token_id,
                         int64_t now_ms, struct err *e)
{
    return change_one(l, run_delete, scope, project, token_id, now_ms, e);
}
