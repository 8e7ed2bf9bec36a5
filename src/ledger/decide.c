/* SPDX-License-Identifier: MIT */
#include "ledger/decide.h"

#include "ledger/budget_rules.h"

bool scope_concerns(const struct reservation *r, enum scope s)
{
    return s == SCOPE_TOKEN ? r->token_id != 0 : s == SCOPE_RUN ? r->run[0] != '\0' : true;
}

int claims_gather(const struct reservation *r, int64_t now_ms,
                  int (*find)(void *ctx, const char *key, int64_t now_ms, struct claim *c),
                  void *ctx, struct claims *out)
{
    char key[ACCOUNT_KEY_MAX + 1];

    *out = (struct claims){0};
    for (enum scope s = SCOPE_GLOBAL; s <= SCOPE_RUN; s++) {
        struct claim *c = &out->at[out->n];
        bool brought = s == SCOPE_RUN && r->run_limit >= 0; /* by the request, unless it is there */

        if (!scope_concerns(r, s))
            continue;
        account_key(s, r->project, r->token_id, r->run, key);
        *c = (struct claim){.scope = s, .cap = r->run_limit, .per_request = -1};
        if (find(ctx, key, now_ms, c) != 0)
            return -1;
        if (!c->account && !brought)
            continue;
        out->new_run = out->new_run || !c->account;
        out->n++;
    }
    return 0;
}

int reservation_check(const struct reservation *r, struct err *e)
{
    if (!r->request_id[0] || !r->project[0])
        return err_set(e, ERR_INVALID, "a reservation needs a request id and a project");
    if (r->estimate < 0 || r->estimate > NANO_MAX || r->maximum < 0 || r->maximum > NANO_MAX ||
        r->run_limit > NANO_MAX || r->input_tokens < 0 || r->output_tokens < 0)
        return err_set(e, ERR_INVALID, "a reservation's amounts are out of range");
    return 0;
}

static bool is_strict(const struct claim *c, bool by_default)
{
    return c->enforcement == ENFORCE_DEFAULT ? by_default : c->enforcement == ENFORCE_STRICT;
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

void decide(const struct reservation *r, const struct claims *cs, bool strict, struct verdict *v)
{
    const struct claim *tight = tightest(cs);
    nano_t predicted;

    *v = (struct verdict){.strict = r->strict, .learned = is_learned(r, cs)};
    for (int i = 0; i < cs->n; i++)
        v->strict = v->strict || is_strict(&cs->at[i], strict);
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

nano_t claims_remaining(const struct claims *cs)
{
    const struct claim *tight = tightest(cs);

    return tight ? at_least_0(room(tight)) : -1;
}
