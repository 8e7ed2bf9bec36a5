/* SPDX-License-Identifier: MIT */
#include "ledger/postgresql/group.h"

#include <stdio.h>
#include <stdlib.h>

#include "ledger/postgresql/inner.h"
#include "ledger/postgresql/statements.h"

/* The first half of a group: what is wanted, asked, found. */

#define MEMORY_MAX (64 << 20)
#define NAMES_MAX  65536 /* kept; beyond it they are read again */

/* ---- life ---- */

int group_create(struct pg_ledger *l, struct group **out, struct err *e)
{
    struct group *g = calloc(1, sizeof *g);

    if (!g)
        return err_set(e, ERR_MEMORY, "no memory for the ledger");
    g->l = l;
    g->q = &l->q;
    pq_keep(g->q, group_statements, STATEMENTS);
    arena_init(&g->memory, MEMORY_MAX);
    if (map_init(&g->names, e) != 0 || map_init(&g->accounts, e) != 0 ||
        map_init(&g->periods, e) != 0) {
        group_destroy(g);
        return -1;
    }
    *out = g;
    return 0;
}

static void leave(void *ctx, struct map_node *node)
{
    (void)ctx;
    (void)node;
}

void group_reset(struct group *g)
{
    map_drain(&g->accounts, leave, NULL);
    map_drain(&g->periods, leave, NULL);
    arena_reset(&g->memory);
    if (g->names.n > NAMES_MAX)
        group_forget_names(g);
    for (int i = 0; i < WANTS; i++) {
        buf_clear(&g->want[i]);
        array_open(&g->want[i]);
    }
    for (int i = 0; i < ROWS_ALL; i++) {
        for (size_t c = 0; c < COLUMNS_MAX; c++)
            buf_clear(&g->rows[i].columns[c]);
        g->rows[i].n = 0;
    }
    PQclear(g->found_holds);
    PQclear(g->found_ends);
    PQclear(g->found_requests);
    g->found_holds = g->found_ends = g->found_requests = NULL;
    g->account_list = NULL;
    g->period_list = NULL;
    g->numbers = g->next_number = g->last_number = 0;
    g->number = NULL;
    g->leased = g->changed = false;
    g->overrun = 0;
}

void group_destroy(struct group *g)
{
    if (!g)
        return;
    if (g->periods.chains)
        group_reset(g);
    for (int i = 0; i < WANTS; i++)
        buf_finish(&g->want[i]);
    for (int i = 0; i < ROWS_ALL; i++)
        for (size_t c = 0; c < COLUMNS_MAX; c++)
            buf_finish(&g->rows[i].columns[c]);
    if (g->names.chains)
        group_forget_names(g);
    map_finish(&g->names);
    map_finish(&g->accounts);
    map_finish(&g->periods);
    arena_finish(&g->memory);
    free(g);
}

static void *allocate(struct group *g, size_t n)
{
    void *p = arena_alloc(&g->memory, n);

    if (!p)
        pq_fail(g->q, PQ_BUSY, "no memory for so large a group");
    return p;
}

/* ---- wants ---- */

static uint64_t key_hash(enum scope scope, const char *key)
{
    return map_hash(100 + (uint64_t)scope, span_of(key));
}

static struct account *find_account(const struct group *g, enum scope scope, const char *key)
{
    for (struct map_node *n = map_find(&g->accounts, key_hash(scope, key)); n; n = map_again(n)) {
        struct account *a = MAP_OWNER(n, struct account, node);

        if (a->b.scope == scope && strcmp(a->key, key) == 0)
            return a;
    }
    return NULL;
}

static struct account *add_account(struct group *g, enum scope scope, const char *key)
{
    struct account *a = allocate(g, sizeof *a);

    if (!a)
        return NULL;
    a->b.scope = scope;
    snprintf(a->key, sizeof a->key, "%s", key);
    map_add(&g->accounts, &a->node, key_hash(scope, key));
    a->next = g->account_list;
    g->account_list = a;
    return a;
}

void group_want_budget(struct group *g, enum scope scope, const char *key)
{
    if (find_account(g, scope, key) || !add_account(g, scope, key))
        return;
    array_int(&g->want[WANT_SCOPES], scope);
    array_text(&g->want[WANT_KEYS], span_of(key));
    g->numbers += 2; /* the next period, and its limit */
}

void group_want_budgets(struct group *g, const struct reservation *r)
{
    char key[ACCOUNT_KEY_MAX + 1];

    for (enum scope s = SCOPE_GLOBAL; s <= SCOPE_RUN; s++) {
        if (!scope_concerns(r, s))
            continue;
        account_key(s, r->project, r->token_id, r->run, key);
        group_want_budget(g, s, key);
    }
}

void group_want_hold(struct group *g, const struct hold *h)
{
    array_int(&g->want[WANT_HOLDS], h->id);
    for (int i = 0; i < ATS; i++)
        if (h->at[i])
            array_int(&g->want[WANT_PERIODS], h->at[i]);
    g->numbers++;
}

void group_want_end(struct group *g, int64_t hold_id)
{
    array_int(&g->want[WANT_ENDS], hold_id);
}

void group_want_request(struct group *g, const char *request_id)
{
    array_text(&g->want[WANT_REQUESTS], span_of(request_id));
}

void group_want_numbers(struct group *g, int n)
{
    g->numbers += n;
}

/* ---- the first round trip ---- */

static bool any(const struct group *g, enum want w)
{
    return g->want[w].n > sizeof "{}" - 1; /* they are closed */
}

/* Which of the answers come. Asking and hearing walk the same conditions. */
struct parts {
    bool budgets, holds, ends, requests, numbers;
};

static struct parts parts_of(const struct group *g)
{
    return (struct parts){
        .budgets = any(g, WANT_SCOPES) || any(g, WANT_PERIODS),
        .holds = any(g, WANT_HOLDS),
        .ends = any(g, WANT_ENDS),
        .requests = any(g, WANT_REQUESTS),
        .numbers = g->numbers > 0,
    };
}

void group_ask(struct group *g, struct op *ops)
{
    struct pq *q = g->q;
    struct parts p;

    for (int i = WANT_NAMES + 1; i < WANTS; i++)
        array_close(&g->want[i]);
    p = parts_of(g);
    pq_ask(q, "BEGIN", "");
    g->preparing = pq_ask_to_keep(q);
    pq_ask_kept(q, SETTINGS, "");
    pq_ask_kept(q, SHARE_LEASE, "i", g->l->daemon);
    if (p.budgets) {
        pq_ask_kept(q, LOCK_BUDGETS, "aaa", &g->want[WANT_SCOPES], &g->want[WANT_KEYS],
                    &g->want[WANT_PERIODS]);
        pq_ask_kept(q, LOCK_PERIODS, "aaa", &g->want[WANT_SCOPES], &g->want[WANT_KEYS],
                    &g->want[WANT_PERIODS]);
    }
    if (p.holds)
        pq_ask_kept(q, LOCK_HOLDS, "a", &g->want[WANT_HOLDS]);
    if (p.ends)
        pq_ask_kept(q, FIND_ENDS, "a", &g->want[WANT_ENDS]);
    if (p.requests)
        pq_ask_kept(q, FIND_REQUESTS, "a", &g->want[WANT_REQUESTS]);
    if (p.numbers)
        pq_ask_kept(q, TAKE_NUMBERS, "i", g->numbers);
    for (struct op *op = ops; op; op = op->next)
        if (pg_op_of(op)->ask)
            pg_op_of(op)->ask(q, pg_op_of(op));
    pq_send(q);
}

/* ---- what was found ---- */

struct period *group_period(struct group *g, int64_t id)
{
    for (struct map_node *n = map_find(&g->periods, map_hash_int(id)); n; n = map_again(n)) {
        struct period *p = MAP_OWNER(n, struct period, node);

        if (p->id == id)
            return p;
    }
    return NULL;
}

static struct period *add_period(struct group *g, int64_t id, int64_t budget,
                                 struct period_span span)
{
    struct period *p = allocate(g, sizeof *p);

    if (!p)
        return NULL;
    p->id = id;
    p->budget = budget;
    p->span = span;
    map_add(&g->periods, &p->node, map_hash_int(id));
    p->next = g->period_list;
    g->period_list = p;
    return p;
}

static void hear_budgets(struct group *g, const PGresult *res, int64_t *running)
{
    for (int i = 0; i < PQntuples(res); i++) {
        struct account *a = find_account(g, (enum scope)pq_int(res, i, 1), PQgetvalue(res, i, 2));

        running[i] = 0;
        if (!a || pq_int(res, i, 13) != 0)
            continue;
        a->id = pq_int(res, i, 0);
        a->b.limit = pq_int(res, i, 3);
        a->b.per_request = pq_int(res, i, 4);
        a->b.period = (enum period_kind)pq_int(res, i, 5);
        a->b.period_days = (int)pq_int(res, i, 6);
        pq_copy(a->b.timezone, sizeof a->b.timezone, res, i, 7);
        a->b.enforcement = (enum enforcement)pq_int(res, i, 8);
        a->b.predictor = (enum predictor)pq_int(res, i, 9);
        budget_alerts_read(PQgetvalue(res, i, 10), &a->b);
        pq_copy(a->b.alert_url, sizeof a->b.alert_url, res, i, 11);
        running[i] = pq_int(res, i, 12);
    }
}

static void hear_periods(struct group *g, const PGresult *res)
{
    for (int i = 0; i < PQntuples(res); i++) {
        struct period_span span = {pq_int(res, i, 2), pq_int(res, i, 3)};
        struct period *p = add_period(g, pq_int(res, i, 0), pq_int(res, i, 1), span);

        if (p)
            p->now = (struct figures){pq_int(res, i, 4), pq_int(res, i, 5), pq_int(res, i, 6)};
    }
}

static void join(struct group *g, const PGresult *budgets, const int64_t *running)
{
    for (int i = 0; i < PQntuples(budgets); i++) {
        struct account *a = running[i] ? find_account(g, (enum scope)pq_int(budgets, i, 1),
                                                      PQgetvalue(budgets, i, 2))
                                       : NULL;

        if (a && !(a->running = group_period(g, running[i])))
            pq_fail(g->q, PQ_FAULT, "a budget's period is missing");
    }
}

static void hear_money(struct group *g)
{
    PGresult *budgets = pq_take(g->q), *periods = pq_take(g->q);
    int64_t *running =
        budgets && periods ? allocate(g, sizeof *running * (size_t)(PQntuples(budgets) + 1)) : NULL;

    if (running) {
        hear_budgets(g, budgets, running);
        hear_periods(g, periods);
        join(g, budgets, running);
    }
    PQclear(budgets);
    PQclear(periods);
}

static void hear_numbers(struct group *g)
{
    PGresult *res = pq_take(g->q);

    g->number = res ? allocate(g, sizeof *g->number * (size_t)(PQntuples(res) + 1)) : NULL;
    for (int i = 0; g->number && i < PQntuples(res); i++)
        g->number[g->last_number++] = pq_int(res, i, 0);
    PQclear(res);
}

void group_hear(struct group *g, struct op *ops)
{
    struct parts p = parts_of(g);
    PGresult *res;

    for (int i = 0; i < 2 + g->preparing; i++) /* BEGIN and the settings */
        PQclear(pq_take(g->q));
    res = pq_take(g->q);
    g->leased = res && PQntuples(res) == 1;
    PQclear(res);
    if (p.budgets)
        hear_money(g);
    if (p.holds)
        g->found_holds = pq_take(g->q);
    if (p.ends)
        g->found_ends = pq_take(g->q);
    if (p.requests)
        g->found_requests = pq_take(g->q);
    if (p.numbers)
        hear_numbers(g);
    for (struct op *op = ops; op; op = op->next) {
        if (!pg_op_of(op)->ask)
            continue;
        res = pq_take(g->q);
        g->changed = true;
        if (res)
            pg_op_of(op)->hear(pg_op_of(op), res);
        PQclear(res);
    }
}

/* The row whose column 0 is id, where they ascend; -1: none. */
static int row_of(const PGresult *res, int64_t id)
{
    int low = 0, high = res ? PQntuples(res) : 0;

    while (low < high) {
        int mid = low + (high - low) / 2;

        if (pq_int(res, mid, 0) < id)
            low = mid + 1;
        else
            high = mid;
    }
    return res && low < PQntuples(res) && pq_int(res, low, 0) == id ? low : -1;
}

bool group_hold_is_open(struct group *g, int64_t id)
{
    return row_of(g->found_holds, id) >= 0;
}

enum hold_state group_hold_end(struct group *g, int64_t id)
{
    int i = row_of(g->found_ends, id);

    return i < 0 ? HOLD_OPEN : (enum hold_state)pq_int(g->found_ends, i, 1);
}

enum held group_request_held(struct group *g, const char *request_id, struct hold *h)
{
    const PGresult *res = g->found_requests;

    for (int i = 0; res && i < PQntuples(res); i++) {
        if (strcmp(PQgetvalue(res, i, 0), request_id) != 0)
            continue;
        if (pq_int(res, i, 1) != g->l->daemon)
            return HELD_BY_ANOTHER;
        h->id = pq_int(res, i, 2);
        h->amount = pq_int(res, i, 3);
        h->r.estimate = pq_int(res, i, 4);
        h->verdict.strict = pq_int(res, i, 5) != 0;
        h->r.output_tokens = pq_int(res, i, 6);
        for (int k = 0; k < ATS; k++)
            h->at[k] = pq_int(res, i, 7 + k);
        return HELD_BY_US;
    }
    return NOT_HELD;
}

bool group_leased(struct group *g)
{
    return g->leased && pg_leased(g->l);
}

struct account *group_account(struct group *g, enum scope scope, const char *key)
{
    struct account *a = find_account(g, scope, key);

    return a && a->id && !a->deleted ? a : NULL;
}

int64_t group_number(struct group *g)
{
    if (g->next_number >= g->last_number) {
        pq_fail(g->q, PQ_FAULT, "a group has run out of event numbers");
        return 0;
    }
    return g->number[g->next_number++];
}

/* ---- changes ---- */

void group_changed(struct group *g, struct account *a)
{
    g->changed = a->dirty = true;
}

void group_figures(struct group *g, struct period *p, nano_t spent, nano_t held, nano_t likely)
{
    p->now.spent += spent;
    p->now.held += held;
    p->now.likely += likely;
    g->changed = p->dirty = true;
}

void group_overrun(struct group *g, nano_t overrun)
{
    g->overrun += overrun;
}

void group_cap(struct group *g, int64_t period, nano_t cap)
{
    group_row(g, ROWS_CAP, period, group_number(g), cap);
}

int group_period_new(struct group *g, struct account *a, struct period_span span)
{
    struct period *p = add_period(g, group_number(g), a->id, span);

    if (!p)
        return -1;
    p->fresh = true;
    a->running = p;
    group_changed(g, a);
    group_cap(g, p->id, a->b.limit);
    return 0;
}

int group_roll(struct group *g, struct account *a, int64_t now)
{
    struct period_rule rule = budget_rule(&a->b);

    if (!period_over(a->running->span, now))
        return 0;
    return group_period_new(g, a, period_after(&rule, a->running->span, now));
}

struct account *group_budget_new(struct group *g, const struct budget *b, const char *key,
                                 struct period_span first)
{
    struct account *a = find_account(g, b->scope, key);

    if (!a || a->id) { /* none was wanted, or one was deleted in this group: stands before it */
        a = add_account(g, b->scope, key);
        if (!a)
            return NULL;
    }
    a->b = *b;
    a->id = group_number(g);
    a->fresh = true;
    return group_period_new(g, a, first) == 0 ? a : NULL;
}
