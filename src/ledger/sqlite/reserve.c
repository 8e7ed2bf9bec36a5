/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "ledger/sqlite/budgets.h"
#include "ledger/sqlite/inner.h"
#include "ledger/request_id.h"

static const char add_hold[] =
    "INSERT INTO hold VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,"
    " ?17)";

static int find(void *ctx, const char *key, int64_t now_ms, struct claim *c)
{
    struct book *b = ctx;
    struct account *a;

    if (book_account(b, c->scope, key, &a) != 0 || (a && book_roll(b, a, now_ms) != 0))
        return -1;
    if (a)
        *c = (struct claim){
            .scope = c->scope,
            .account = a,
            .cap = a->cap,
            .per_request = a->per_request,
            .f = a->running->now,
            .end = a->running->span.end,
            .enforcement = a->enforcement,
            .predictor = a->predictor,
        };
    return 0;
}

/* As they will be once what stays behind the group has ended. */
static void look_ahead(struct claims *cs)
{
    for (int i = 0; i < cs->n; i++) {
        const struct account *a = cs->at[i].account;
        struct figures *f = &cs->at[i].f;

        if (!a)
            continue;
        f->spent += a->running->noted.spent;
        f->held += a->running->noted.held;
        f->likely += a->running->noted.likely;
    }
}

/* ---- the operation ---- */

struct reserve_op {
    struct op op;
    const struct reservation *r;
    struct hold *hold;
    bool taken; /* the book owns hold now */
    struct verdict v;
};

static int names(struct book *b, const struct reservation *r, struct hold *h)
{
    if (book_name(b, r->project, &h->project) != 0 ||
        book_name(b, r->provider, &h->provider) != 0 ||
        book_name(b, r->endpoint, &h->endpoint) != 0 || book_name(b, r->model, &h->model) != 0)
        return -1;
    return 0;
}

/* A run's budget comes into being with its first admitted request. */
static int make_run(struct sqlite_ledger *l, const struct reservation *r, struct claims *cs)
{
    struct budget b = {.scope = SCOPE_RUN, .limit = r->run_limit, .per_request = -1};
    char key[ACCOUNT_KEY_MAX + 1];

    account_key(SCOPE_RUN, r->project, 0, r->run, key);
    return budget_insert(&l->book, &b, key, (struct period_span){r->now_ms, 0}) != 0
               ? -1
               : claims_gather(r, r->now_ms, find, &l->book, cs);
}

static int insert_hold(struct book *b, const struct hold *h)
{
    const struct reservation *r = &h->r;
    struct request_id id;

    request_id_pack(r->request_id, &id);
    return db_run(b->db, add_hold, id.packed ? "ibiiiiiiiiiiiiiii" : "isiiiiiiiiiiiiiii", h->id,
                  id.bytes, h->project, r->token_id, h->provider, h->endpoint, h->model,
                  h->at[AT_GLOBAL], h->at[AT_PROJECT], h->at[AT_TOKEN], h->at[AT_RUN], h->amount,
                  r->estimate, (int64_t)h->verdict.strict, r->input_tokens, r->output_tokens,
                  r->now_ms);
}

static int admit(struct sqlite_ledger *l, struct reserve_op *o, struct claims *cs)
{
    struct book *b = &l->book;
    struct hold *h = o->hold;

    if (cs->new_run && make_run(l, o->r, cs) != 0)
        return -1;
    if (names(b, o->r, h) != 0)
        return -1;
    memset(h->at, 0, sizeof h->at);
    for (int i = 0; i < cs->n; i++)
        h->at[cs->at[i].scope - SCOPE_GLOBAL] = ((struct account *)cs->at[i].account)->running->id;
    hold_fill(h, o->r, &o->v);
    h->amount = o->v.hold;
    h->id = o->v.hold_id = book_seq(b);
    h->verdict = o->v;
    if (insert_hold(b, h) != 0 || book_admit(b, h, false) != 0)
        return -1;
    o->taken = true;
    return 0;
}

/* A hold goes ahead of settlements that are not written yet only where it would be admitted without
 * them, for they may be lost in a crash; what is told of the budget counts them. */
static void decide_ahead(struct sqlite_ledger *l, struct reserve_op *o, struct claims *cs)
{
    decide(o->r, cs, l->base.strict, &o->v);
    if (!l->base.writer.left)
        return;
    look_ahead(cs);
    if (o->v.admitted)
        decide(o->r, cs, l->base.strict, &o->v);
    l->needs_behind = l->needs_behind || !o->v.admitted;
}

static int run_reserve(struct ledger *base, struct op *op, struct err *e)
{
    struct sqlite_ledger *l = sqlite_of(base);
    struct reserve_op *o = MAP_OWNER(op, struct reserve_op, op);
    struct hold *known = holds_find_request(&l->book.holds, o->r->request_id);
    struct claims cs;

    (void)e;
    o->taken = false;
    if (known) {
        o->v = known->verdict;
        return 0;
    }
    if (claims_gather(o->r, o->r->now_ms, find, &l->book, &cs) != 0)
        return -1;
    decide_ahead(l, o, &cs);
    return o->v.admitted ? admit(l, o, &cs) : 0;
}

int sqlite_reserve(struct ledger *l, const struct reservation *r, struct verdict *v, struct err *e)
{
    struct reserve_op o = {.op = {.run = run_reserve, .ahead = true}, .r = r};
    int rc;

    o.hold = calloc(1, sizeof *o.hold);
    if (!o.hold)
        return err_set(e, ERR_MEMORY, "no memory for a hold");
    rc = writer_do(l, &o.op, e);
    if (rc == 0)
        *v = o.v;
    if (rc != 0 || !o.taken)
        free(o.hold);
    return rc;
}

int reserve_remaining(struct sqlite_ledger *l, const struct reservation *r, int64_t now_ms,
                      nano_t *out)
{
    struct claims cs;

    if (claims_gather(r, now_ms, find, &l->book, &cs) != 0)
        return -1;
    *out = claims_remaining(&cs);
    return 0;
}
