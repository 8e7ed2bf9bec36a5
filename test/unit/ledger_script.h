/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_SCRIPT_H
#define LEDGER_SCRIPT_H

#include "ledger_fixture.h"

/*
 * A script that uses every part of a ledger, remembers what was acknowledged, and can tell
 * afterwards whether the ledger remembers it too: nothing acknowledged may be missing, nothing
 * refused may count.
 */

#define SCRIPT_REQUESTS 12

struct script_request {
    char id[REQUEST_ID_LEN + 1];
    bool tried, held; /* held: acknowledged */
    int64_t hold_id;
    nano_t amount;
    bool end_tried, ended; /* ended: acknowledged */
    enum hold_state end;
    nano_t cost;
    bool found; /* when checking */
};

struct script {
    struct fixture *f;
    struct script_request r[SCRIPT_REQUESTS];
    int failures;
    enum err_code codes[64];
};

static inline bool script_ok(struct script *s, int rc)
{
    if (rc == 0)
        return true;
    if (s->failures < 64)
        s->codes[s->failures] = s->f->e.code;
    s->failures++;
    return false;
}

static inline void script_reserve(struct script *s, int i)
{
    struct script_request *q = &s->r[i];
    struct reservation r = a_request(s->f, i % 2 ? "p" : "q", CENTS(2 + i % 3), CENTS(5));
    struct verdict v;

    if (i % 4 == 0) {
        snprintf(r.run, sizeof r.run, "run-%d", i);
        r.run_limit = CENTS(50);
    }
    if (i % 3 == 0)
        snprintf(r.model, sizeof r.model, "model-%d", i);
    r.now_ms = T0 + i * HOUR;
    memcpy(q->id, r.request_id, sizeof q->id);
    q->tried = true;
    if (!script_ok(s, ledger_reserve(s->f->l, &r, &v, &s->f->e)) || !v.admitted)
        return;
    q->held = true;
    q->hold_id = v.hold_id;
    q->amount = v.hold;
}

static inline void script_settle(struct script *s, int i)
{
    static const enum hold_state ends[] = {HOLD_SETTLED, HOLD_VOIDED, HOLD_ESTIMATED};
    struct script_request *q = &s->r[i];
    struct settlement end = an_end(q->hold_id, ends[i % 3], CENTS(1) + i);

    if (!q->held)
        return;
    q->end_tried = true;
    q->end = end.state;
    q->cost = end.state == HOLD_VOIDED ? 0 : end.cost;
    q->ended = script_ok(s, ledger_settle(s->f->l, &end, true, NULL, &s->f->e));
}

static inline void script_ignore_row(void *ctx, const struct usage_row *row)
{
    (void)ctx;
    (void)row;
}

static inline void script_ignore_total(void *ctx, const char *key, const struct usage_total *t)
{
    (void)ctx;
    (void)key;
    (void)t;
}

static inline void script_run(struct script *s)
{
    struct fixture *f = s->f;
    struct budget b = {.scope = SCOPE_GLOBAL, .limit = CENTS(1000), .per_request = -1};
    struct token t = {.project = "p", .created_ms = T0}, got;
    struct usage_query q = {.limit = 100};
    char text[TOKEN_TEXT_MAX] = "";
    struct usage_total total;

    script_ok(s, ledger_budget_set(f->l, &b, T0, NULL, &f->e));
    b = a_budget("p", CENTS(100));
    b.period = PERIOD_DAYS;
    b.period_days = 1;
    script_ok(s, ledger_budget_set(f->l, &b, T0, NULL, &f->e));
    if (script_ok(s, ledger_token_create(f->l, &t, text, &t, &f->e))) {
        if (ledger_token_find(f->l, span_of(text), T0, &got, &f->e) != 0)
            fail_msg("an acknowledged token is unknown");
        if (script_ok(s, ledger_token_revoke(f->l, t.id, T0, &f->e)) &&
            ledger_token_find(f->l, span_of(text), T0, &got, &f->e) == 0)
            fail_msg("a revoked token is known");
    }
    for (int i = 0; i < SCRIPT_REQUESTS; i++) {
        script_reserve(s, i);
        if (i >= 3)
            script_settle(s, i - 3);
        if (i == 5)
            script_ok(s, ledger_usage(f->l, "p", &total, &f->e));
        if (i == 6)
            script_ok(s, ledger_budget_get(f->l, SCOPE_PROJECT, "p", 0, T0, &b, &f->e));
        if (i == 7)
            script_ok(s, ledger_history(f->l, &q, script_ignore_row, NULL, &f->e) < 0 ? -1 : 0);
        if (i == 8)
            script_ok(s, ledger_usage_by(f->l, &q, GROUP_MODEL, script_ignore_total, NULL, &f->e));
        if (i == 9)
            script_ok(s, ledger_budget_reset(f->l, SCOPE_PROJECT, "p", 0, T0 + i * HOUR, &f->e));
    }
    script_ok(s, ledger_budget_delete(f->l, SCOPE_GLOBAL, NULL, 0, T0, &f->e));
}

static inline void script_row(void *ctx, const struct usage_row *row)
{
    struct script *s = ctx;

    for (int i = 0; i < SCRIPT_REQUESTS; i++) {
        struct script_request *q = &s->r[i];

        if (strcmp(q->id, row->request_id) != 0)
            continue;
        if (q->found)
            fail_msg("%s is there twice", q->id);
        q->found = true;
        if (q->ended)
            assert_int_equal(row->state, q->end);
        else if (row->state != HOLD_INTERRUPTED && !(q->end_tried && row->state == q->end))
            fail_msg("%s ended as %d though nobody asked for it", q->id, (int)row->state);
        assert_int_equal(row->cost, row->state == HOLD_INTERRUPTED ? row->hold : q->cost);
        if (q->held)
            assert_int_equal(row->hold, q->amount);
        return;
    }
    fail_msg("%s was never asked for", row->request_id);
}

/* After a restart. in_doubt: what was refused may be there, because the failure left that open. */
static inline void script_check(struct script *s, bool in_doubt)
{
    struct usage_query q = {.limit = 1000};

    for (int i = 0; i < SCRIPT_REQUESTS; i++)
        s->r[i].found = false;
    if (ledger_history(s->f->l, &q, script_row, s, &s->f->e) < 0)
        fail_msg("history: %s", s->f->e.msg);
    for (int i = 0; i < SCRIPT_REQUESTS; i++) {
        const struct script_request *r = &s->r[i];
        bool voided = r->end_tried && r->end == HOLD_VOIDED;

        if (r->held && !r->found && !voided)
            fail_msg("request %d was acknowledged and is lost", i);
        if (r->ended && voided && r->found)
            fail_msg("request %d was voided and is charged", i);
        if (!r->held && r->found && !in_doubt)
            fail_msg("request %d was refused and is there", i);
    }
}

#endif
