/* SPDX-License-Identifier: MIT */
/* Random operations against a model that is short enough to be right. The seed is printed; SEED=…
 * repeats a run, OPS=… makes it longer. */
#include "ledger_fixture.h"

#include <time.h>

#define PROJECTS 3
#define TOKENS   2
#define RUNS     4
#define BUDGETS  (1 + PROJECTS + TOKENS + PROJECTS * RUNS)
#define HOLDS    64

/* ---- the reference model ---- */

struct model_budget {
    bool there, strict;
    nano_t limit, per_request, spent, held;
    int64_t end, length; /* 0: no end */
    int epoch;           /* which period of which life */
};

struct model_hold {
    bool open;
    int64_t id, token;
    nano_t amount, estimate, maximum;
    int n, budget[4], epoch[4];
    int nscopes, scopes[4]; /* what would concern it, whether there is a budget or not */
    char project[8];
};

struct model {
    struct model_budget b[BUDGETS];
    struct model_hold h[HOLDS];
    nano_t cost[PROJECTS], overrun;
    int64_t requests[PROJECTS];
};

static void model_roll(struct model_budget *b, int64_t now)
{
    if (!b->there || !b->end || now < b->end)
        return;
    b->end += ((now - b->end) / b->length + 1) * b->length;
    b->spent = b->held = 0;
    b->epoch++;
}

/* The whole rule of admission. */
static bool model_admits(const struct model *m, const struct model_hold *h, bool strict,
                         bool bounded, nano_t *amount)
{
    for (int i = 0; i < h->n; i++)
        strict = strict || m->b[h->budget[i]].strict;
    *amount = strict && h->maximum > h->estimate ? h->maximum : h->estimate;
    for (int i = 0; i < h->n; i++) {
        const struct model_budget *b = &m->b[h->budget[i]];

        if ((strict && !bounded) || (b->per_request >= 0 && *amount > b->per_request) ||
            b->spent + b->held + *amount > b->limit)
            return false;
    }
    return true;
}

static void model_hold(struct model *m, struct model_hold *h)
{
    h->open = true;
    for (int i = 0; i < h->n; i++) {
        m->b[h->budget[i]].held += h->amount;
        h->epoch[i] = m->b[h->budget[i]].epoch;
    }
}

/* An end that is waited for looks at the budgets of now, which may start their next periods by that. */
static void model_end(struct model *m, struct model_hold *h, nano_t cost, bool waited, int64_t now)
{
    h->open = false;
    for (int i = 0; i < h->n; i++) {
        struct model_budget *b = &m->b[h->budget[i]];

        if (b->epoch != h->epoch[i])
            continue;
        b->held -= h->amount;
        b->spent += cost;
    }
    for (int i = 0; waited && i < h->nscopes; i++)
        model_roll(&m->b[h->scopes[i]], now);
}

/* ---- the world ---- */

struct world {
    struct fixture *f;
    struct model m;
    uint64_t random;
    int64_t now, tokens[TOKENS];
    long op, admitted, refused, crashes;
};

static uint64_t next(struct world *w)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return w->random;
}

static int64_t pick(struct world *w, int64_t n)
{
    return (int64_t)(next(w) >> 11) % n;
}

static int budget_of_run(int project, int run)
{
    return 1 + PROJECTS + TOKENS + project * RUNS + run;
}

static void to_budget(const struct world *w, int i, struct budget *b)
{
    *b = (struct budget){.scope = SCOPE_GLOBAL, .per_request = -1};
    if (i >= 1 + PROJECTS) {
        b->scope = SCOPE_TOKEN;
        b->token_id = w->tokens[i - 1 - PROJECTS];
    } else if (i >= 1) {
        b->scope = SCOPE_PROJECT;
        snprintf(b->project, sizeof b->project, "p%d", i - 1);
    }
}

static void set(struct world *w)
{
    int i = (int)pick(w, 1 + PROJECTS + TOKENS);
    struct model_budget *mb = &w->m.b[i];
    struct budget b, got;
    int days = (int)pick(w, 4);

    to_budget(w, i, &b);
    b.limit = CENTS(pick(w, i ? 3000 : 20000));
    b.per_request = pick(w, 3) ? -1 : CENTS(pick(w, 30));
    b.enforcement = pick(w, 3) ? ENFORCE_ESTIMATE : ENFORCE_STRICT;
    b.period = days ? PERIOD_DAYS : PERIOD_NONE;
    b.period_days = days;
    got = set_budget(w->f, &b, w->now);
    model_roll(mb, w->now);
    if (!mb->there) {
        *mb = (struct model_budget){.there = true, .epoch = mb->epoch + 1};
        mb->end = days ? w->now + days * DAY : 0;
    }
    mb->limit = b.limit;
    mb->per_request = b.per_request;
    mb->strict = b.enforcement == ENFORCE_STRICT;
    mb->length = days * DAY;
    mb->end = got.period_end; /* the rule of ends has its own tests */
    assert_int_equal(got.spent, mb->spent);
    assert_int_equal(got.reserved, mb->held);
    assert_true(!days == !got.period_end);
    assert_true(!days || got.period_end > w->now || got.period_start > w->now);
}

static void reset_or_delete(struct world *w, bool delete)
{
    int i = (int)pick(w, 1 + PROJECTS + TOKENS);
    struct model_budget *mb = &w->m.b[i];
    struct budget b;
    int rc;

    to_budget(w, i, &b);
    rc = (delete ? ledger_budget_delete : ledger_budget_reset)(w->f->l, b.scope, b.project,
                                                               b.token_id, w->now, &w->f->e);
    assert_int_equal(rc, mb->there ? 0 : -1);
    if (!mb->there)
        return;
    mb->spent = mb->held = 0;
    mb->epoch++;
    mb->there = !delete;
    mb->end = mb->length ? w->now + mb->length : 0;
}

static void concern(struct world *w, struct model_hold *h, int i)
{
    model_roll(&w->m.b[i], w->now);
    h->scopes[h->nscopes++] = i;
    if (w->m.b[i].there)
        h->budget[h->n++] = i;
}

static void try_reserve(struct world *w)
{
    int slot = (int)pick(w, HOLDS), project = (int)pick(w, PROJECTS), token, run;
    struct model_hold *h = &w->m.h[slot];
    struct reservation r = a_request(w->f, "p", 0, 0);
    struct model_budget *new_run = NULL;
    struct verdict v;
    bool admits;

    if (h->open)
        return;
    *h = (struct model_hold){.estimate = CENTS(pick(w, 20))};
    h->maximum = h->estimate + CENTS(pick(w, 20));
    snprintf(h->project, sizeof h->project, "p%d", project);
    concern(w, h, 0);
    concern(w, h, 1 + project);
    token = (int)pick(w, TOKENS + 1) - 1;
    if (token >= 0) {
        r.token_id = w->tokens[token];
        concern(w, h, 1 + PROJECTS + token);
    }
    run = (int)pick(w, 3 * RUNS);
    if (run < RUNS) {
        snprintf(r.run, sizeof r.run, "run-%d", run);
        r.run_limit = pick(w, 4) ? CENTS(pick(w, 2000)) : -1;
        new_run = &w->m.b[budget_of_run(project, run)];
        if (!new_run->there && r.run_limit >= 0)
            *new_run =
                (struct model_budget){.there = true, .limit = r.run_limit, .per_request = -1};
        else
            new_run = NULL;
        concern(w, h, budget_of_run(project, run));
    }
    snprintf(r.project, sizeof r.project, "%s", h->project);
    r.estimate = h->estimate;
    r.maximum = h->maximum;
    r.strict = pick(w, 5) == 0;
    r.bounded = pick(w, 10) != 0;
    r.now_ms = w->now;
    v = reserve(w->f, &r);
    admits = model_admits(&w->m, h, r.strict, r.bounded, &h->amount);
    if (v.admitted != admits)
        fail_msg("op %ld: admitted %d, the model says %d", w->op, v.admitted, admits);
    assert_int_equal(v.hold, h->amount);
    assert_int_equal(v.has_budget, h->n > 0);
    if (admits) {
        h->id = v.hold_id;
        model_hold(&w->m, h);
        w->admitted++;
    } else {
        w->refused++;
        if (new_run)
            new_run->there = false;
    }
}

/* How an exchange can end: answered, cancelled with or without usage, refused upstream, lost. */
static void try_settle(struct world *w)
{
    struct model_hold *h = &w->m.h[pick(w, HOLDS)];
    enum hold_state ends[] = {HOLD_SETTLED, HOLD_SETTLED, HOLD_SETTLED, HOLD_ESTIMATED,
                              HOLD_VOIDED};
    struct settlement s;
    int project = h->project[1] - '0';
    nano_t cost;
    bool wait;

    if (!h->open)
        return;
    s = an_end(h->id, ends[pick(w, 5)], pick(w, h->amount + CENTS(3)));
    s.now_ms = w->now;
    s.charge_hold = s.state == HOLD_ESTIMATED && pick(w, 2);
    wait = pick(w, 2);
    must(w->f, ledger_settle(w->f->l, &s, wait, NULL, &w->f->e));
    cost = s.state == HOLD_VOIDED ? 0 : s.charge_hold ? h->amount : s.cost;
    model_end(&w->m, h, cost, wait, w->now);
    if (s.state != HOLD_VOIDED) {
        w->m.cost[project] += cost;
        w->m.requests[project]++;
    }
}

static void crash(struct world *w)
{
    nano_t held = 0;
    int n = 0;

    for (int i = 0; i < HOLDS; i++) {
        struct model_hold *h = &w->m.h[i];

        if (!h->open)
            continue;
        n++;
        held += h->amount;
        w->m.cost[h->project[1] - '0'] += h->amount;
        w->m.requests[h->project[1] - '0']++;
        h->open = false; /* recovery rolls nothing over: a hold ends where it was made */
        for (int k = 0; k < h->n; k++) {
            struct model_budget *b = &w->m.b[h->budget[k]];

            if (b->epoch == h->epoch[k]) {
                b->held -= h->amount;
                b->spent += h->amount;
            }
        }
    }
    fix_reopen(w->f);
    assert_int_equal(w->f->found.holds, n);
    assert_int_equal(w->f->found.amount, held);
    w->crashes++;
}

static void compare(struct world *w)
{
    for (int i = 0; i < 1 + PROJECTS + TOKENS; i++) {
        struct model_budget shown = w->m.b[i], *mb = &shown; /* who only reads starts no period */
        struct budget b;
        int rc;

        model_roll(mb, w->now);
        to_budget(w, i, &b);
        rc = ledger_budget_get(w->f->l, b.scope, b.project, b.token_id, w->now, &b, &w->f->e);
        assert_int_equal(rc, mb->there ? 0 : -1);
        if (rc != 0)
            continue;
        if (b.spent != mb->spent || b.reserved != mb->held || b.period_end != mb->end)
            fail_msg(
                "op %ld, budget %d: %lld spent, %lld held, end %lld; the model has %lld, %lld, "
                "%lld",
                w->op, i, (long long)b.spent, (long long)b.reserved, (long long)b.period_end,
                (long long)mb->spent, (long long)mb->held, (long long)mb->end);
    }
    for (int i = 0; i < PROJECTS; i++) {
        char project[8];
        struct usage_total t;

        snprintf(project, sizeof project, "p%d", i);
        t = usage_of(w->f, project);
        assert_int_equal(t.cost, w->m.cost[i]);
        assert_int_equal(t.requests, w->m.requests[i]);
    }
}

/* Mostly forward; now and then a jump, in both directions. */
static void pass_time(struct world *w)
{
    int64_t kind = pick(w, 1000);

    if (kind == 0)
        w->now -= pick(w, 3 * DAY);
    else if (kind == 1)
        w->now += pick(w, 10 * DAY);
    else
        w->now += pick(w, HOUR / 20);
}

static void step(struct world *w)
{
    int64_t kind = pick(w, 1000);

    if (kind < 480)
        try_reserve(w);
    else if (kind < 950)
        try_settle(w);
    else if (kind < 975)
        set(w);
    else if (kind < 982)
        reset_or_delete(w, false);
    else if (kind < 987)
        reset_or_delete(w, true);
    else if (kind < 998)
        compare(w);
    else
        crash(w);
    pass_time(w);
}

static void the_ledger_is_as_the_model(void **state)
{
    const char *seed = getenv("SEED"), *ops = getenv("OPS");
    long n = ops ? atol(ops) : 6000;
    static struct world w;
    char text[TOKEN_TEXT_MAX];

    w = (struct world){.f = *state, .now = T0};
    w.random = seed && *seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL) * 2654435761u;
    w.random = w.random * 2 + 1;
    print_message("           SEED=%llu OPS=%ld\n", (unsigned long long)(w.random >> 1), n);
    fix_close(w.f);
    w.f->o.durable = false;
    fix_open(w.f);
    for (int i = 0; i < TOKENS; i++) {
        struct token t = {.project = "p0", .created_ms = T0};

        must(w.f, ledger_token_create(w.f->l, &t, text, &t, &w.f->e));
        w.tokens[i] = t.id;
    }
    for (w.op = 0; w.op < n; w.op++)
        step(&w);
    compare(&w);
    print_message("           %ld admitted, %ld refused, %ld restarts with open holds\n",
                  w.admitted, w.refused, w.crashes);
    assert_true(w.admitted > n / 20 && w.refused > n / 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {LEDGER_TEST(the_ledger_is_as_the_model)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
