/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "ledger/sqlite/budgets.h"
#include "ledger/sqlite/inner.h"
#include "ledger/request_id.h"

static const char add_hold[] =
    "INSERT INTO hold VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,"
    " ?17)";

/* What one budget says about a request. */
struct claim {
    enum scope scope;
    struct account *account; /* NULL: a run's budget that this request brings along */
    nano_t cap, per_request;
    struct figures f;
    int64_t end;
    bool strict;
    enum predictor predictor;
};

struct claims {
    int n;
    struct claim at[ATS];
    bool new_run;
};

static bool concerns(const struct reservation *r, enum scope s)
{
    return s == SCOPE_TOKEN ? r->token_id != 0 : s == SCOPE_RUN ? r->run[0] != '\0' : true;
}

static bool is_strict(const struct sqlite_ledger *l, enum enforcement f)
{
    return f == ENFORCE_STRICT || (f == ENFORCE_DEFAULT && l->base.strict);
}

/* All budgets that concern the request, as they are now. */
static int gather(struct sqlite_ledger *l, const struct reservation *r, int64_t now,
                  struct claims *out)
{
    char key[ACCOUNT_KEY_MAX + 1];
    struct account *a;

    *out = (struct claims){0};
    for (enum scope s = SCOPE_GLOBAL; s <= SCOPE_RUN; s++) {
        struct claim *c = &out->at[out->n];

        if (!concerns(r, s))
            continue;
        account_key(s, r->project, r->token_id, r->run, key);
        if (book_account(&l->book, s, key, &a) != 0 || (a && book_roll(&l->book, a, now) != 0))
            return -1;
        if (a)
            *c = (struct claim){s,
                                a,
                                a->cap,
                                a->per_request,
                                a->running->now,
                                a->running->span.end,
                                is_strict(l, a->enforcement),
                                a->predictor};
        else if (s == SCOPE_RUN && r->run_limit >= 0)
            *c = (struct claim){s, NULL, r->run_limit, -1, {0}, 0, l->base.strict, PREDICT_DEFAULT};
        else
            continue;
        out->new_run = out->new_run || !a;
        out->n++;
    }
    return 0;
}

/* May be negative: a limit can be lowered, an actual can exceed its hold. */
static nano_t room(const struct claim *c)
{
    return c->cap - c->f.spent - c->f.held;
}

static nano_t at_least_0(nano_t v)
{
    return v > 0 ? v : 0;
}

static const struct claim *tightest(const struct claims *cs)
{
    const struct claim *tight = NULL;

    for (int i = 0; i < cs->n; i++)
        if (!tight || room(&cs->at[i]) < room(tight))
            tight = &cs->at[i];
    return tight;
}

static void show(const struct claim *c, struct verdict *v)
{
    v->has_budget = true;
    v->scope = c->scope;
    v->limit = c->cap;
    v->spent = c->f.spent;
    v->reserved = c->f.held;
    v->remaining = at_least_0(room(c));
    v->expected_free = at_least_0(c->cap - c->f.spent - c->f.likely);
    v->period_end = c->end;
}

/* The cap on a single request, as if it were a budget of its own. */
static bool over_per_request(const struct claims *cs, nano_t hold, struct verdict *v)
{
    nano_t least = -1;

    for (int i = 0; i < cs->n; i++)
        if (cs->at[i].per_request >= 0 && (least < 0 || cs->at[i].per_request < least))
            least = cs->at[i].per_request;
    if (least < 0 || hold <= least)
        return false;
    show(&(struct claim){.scope = SCOPE_REQUEST, .cap = least}, v);
    v->too_large = true;
    return true;
}

/* The most particular budget that says how it predicts has the last word. */
static bool is_learned(const struct reservation *r, const struct claims *cs)
{
    bool learn = r->learn;

    for (int i = 0; i < cs->n; i++)
        if (cs->at[i].predictor != PREDICT_DEFAULT)
            learn = cs->at[i].predictor == PREDICT_LEARNED;
    return learn && r->learned.known;
}

static void decide(const struct reservation *r, const struct claims *cs, struct verdict *v)
{
    const struct claim *tight = tightest(cs);
    nano_t predicted;

    *v = (struct verdict){.strict = r->strict, .learned = is_learned(r, cs)};
    for (int i = 0; i < cs->n; i++)
        v->strict = v->strict || cs->at[i].strict;
    predicted = v->learned ? r->learned.hold : r->estimate;
    v->hold = v->strict && r->maximum > predicted ? r->maximum : predicted;
    v->admitted = true;
    if (!tight)
        return;
    show(tight, v);
    if (v->strict && !r->bounded) {
        v->admitted = false;
        v->unbounded = true;
    } else if (over_per_request(cs, v->hold, v)) {
        v->admitted = false;
    } else if (v->hold > room(tight)) {
        v->admitted = false;
        v->too_large = v->hold > tight->cap;
    } else {
        v->reserved += v->hold;
        v->remaining -= v->hold;
        v->expected_free = at_least_0(v->expected_free - r->estimate);
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
               : gather(l, r, r->now_ms, cs);
}

static int insert_hold(struct book *b, const struct hold *h)
{
    const struct reservation *r = &h->r;
    struct request_id id;
    int64_t at[ATS];

    for (int i = 0; i < ATS; i++)
        at[i] = h->at[i] ? h->at[i]->id : 0;
    request_id_pack(r->request_id, &id);
    return db_run(b->db, add_hold, id.packed ? "ibiiiiiiiiiiiiiii" : "isiiiiiiiiiiiiiii", h->id,
                  id.bytes, h->project, r->token_id, h->provider, h->endpoint, h->model,
                  at[AT_GLOBAL], at[AT_PROJECT], at[AT_TOKEN], at[AT_RUN], h->amount, r->estimate,
                  (int64_t)h->verdict.strict, r->input_tokens, r->output_tokens, r->now_ms);
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
        h->at[cs->at[i].scope - SCOPE_GLOBAL] = cs->at[i].account->running;
    h->r = *o->r;
    h->r.provider = h->r.endpoint = NULL;
    if (o->v.learned) {
        h->r.estimate = o->r->learned.estimate;
        h->r.output_tokens = o->r->learned.output_tokens;
    }
    h->amount = o->v.hold;
    h->id = o->v.hold_id = book_seq(b);
    h->verdict = o->v;
    if (insert_hold(b, h) != 0)
        return -1;
    book_admit(b, h, false);
    o->taken = true;
    return 0;
}

static int run_reserve(struct ledger *base, struct op *op, struct err *e)
{
    struct sqlite_ledger *l = sqlite_of(base);
    struct reserve_op *o = MAP_OWNER(op, struct reserve_op, op);
    struct hold *known = book_request(&l->book, o->r->request_id);
    struct claims cs;

    (void)e;
    o->taken = false;
    if (known) {
        o->v = known->verdict;
        return 0;
    }
    if (gather(l, o->r, o->r->now_ms, &cs) != 0)
        return -1;
    decide(o->r, &cs, &o->v);
    return o->v.admitted ? admit(l, o, &cs) : 0;
}

static int check(const struct reservation *r, struct err *e)
{
    if (!r->request_id[0] || !r->project[0])
        return err_set(e, ERR_INVALID, "a reservation needs a request id and a project");
    if (r->estimate < 0 || r->estimate > NANO_MAX || r->maximum < 0 || r->maximum > NANO_MAX ||
        r->run_limit > NANO_MAX || r->input_tokens < 0 || r->output_tokens < 0)
        return err_set(e, ERR_INVALID, "a reservation's amounts are out of range");
    return 0;
}

int sqlite_reserve(struct ledger *l, const struct reservation *r, struct verdict *v, struct err *e)
{
    struct reserve_op o = {.op.run = run_reserve, .r = r};
    int rc;

    if (check(r, e) != 0)
        return -1;
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

    if (gather(l, r, now_ms, &cs) != 0)
        return -1;
    *out = cs.n ? at_least_0(room(tightest(&cs))) : -1;
    return 0;
}
