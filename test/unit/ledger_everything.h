/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_EVERYTHING_H
#define LEDGER_EVERYTHING_H

#include "ledger_fixture.h"

/* Everything that is asked of a ledger while it runs, once. */

static inline void ignore_group(void *ctx, const char *key, const struct usage_total *t)
{
    (void)ctx;
    (void)key;
    (void)t;
}

static inline void ignore_row(void *ctx, const struct usage_row *row)
{
    (void)ctx;
    (void)row;
}

static inline void ignore_point(void *ctx, int64_t start_ms, const char *key,
                                const struct usage_sums *t)
{
    (void)ctx;
    (void)start_ms;
    (void)key;
    (void)t;
}

static inline void ignore_budget(void *ctx, const struct budget *b)
{
    (void)ctx;
    (void)b;
}

static inline void ignore_token(void *ctx, const struct token *t)
{
    (void)ctx;
    (void)t;
}

static inline void ignore_state(void *ctx, const char *key, struct span value)
{
    (void)ctx;
    (void)key;
    (void)value;
}

static inline void spend(struct fixture *f)
{
    struct budget b = a_budget("a", CENTS(1000));
    struct verdict v;
    struct reservation r = a_request(f, "a", CENTS(1), CENTS(1));

    set_budget(f, &b, T0);
    snprintf(r.run, sizeof r.run, "run");
    r.run_limit = CENTS(100);
    v = reserve(f, &r);
    settle(f, v.hold_id, HOLD_SETTLED, CENTS(1));
    settle(f, reserve_amount(f, "b", CENTS(1), T0 + DAY).hold_id, HOLD_VOIDED, 0);
    settle(f, reserve_amount(f, "b", CENTS(1), T0 + DAY).hold_id, HOLD_ESTIMATED, CENTS(1));
}

static inline void read_usage(struct fixture *f)
{
    static const char *const names[][2] = {
        {NULL, NULL}, {"a", NULL}, {NULL, "gpt-4o"}, {"a", "gpt-4o"}};

    usage_of(f, "a");
    for (int i = 0; i < 8; i++) {
        struct usage_query q = {.project = names[i / 2][0], .model = names[i / 2][1], .limit = 20};

        if (i % 2)
            q.from_ms = T0, q.to_ms = T0 + 3 * DAY;
        assert_true(ledger_history(f->l, &q, ignore_row, NULL, &f->e) >= 0);
        for (int group = GROUP_MODEL; group <= GROUP_PROJECT; group++)
            must(f, ledger_usage_by(f->l, &q, (enum usage_group)group, ignore_group, NULL, &f->e));
    }
    for (int i = 0; i < 3; i++) {
        struct series_query q = {.project = i == 2 ? "a" : NULL,
                                 .by_project = i == 1,
                                 .from_ms = T0,
                                 .to_ms = T0 + DAY,
                                 .hours = 1};

        must(f, ledger_series(f->l, &q, ignore_point, NULL, &f->e));
    }
}

static inline void use_the_rest(struct fixture *f)
{
    struct alert a = {.id = "1",
                      .scope = SCOPE_PROJECT,
                      .key = "a",
                      .period_ms = T0,
                      .threshold = 50,
                      .created_ms = T0,
                      .next_ms = T0,
                      .url = "https://example.com",
                      .body = "{}"};
    struct token t = {.project = "a", .created_ms = T0};
    char text[TOKEN_TEXT_MAX];
    bool is;

    must(f, ledger_budget_each(f->l, T0, ignore_budget, NULL, &f->e));
    get_budget(f, "a", T0);
    must(f, ledger_alert_add(f->l, &a, &is, &f->e));
    must(f, ledger_alert_known(f->l, &a, &is, &f->e));
    must(f, ledger_alert_next(f->l, &a, &f->e));
    must(f, ledger_alert_tried(f->l, a.id, true, 0, &f->e));
    must(f, ledger_token_create(f->l, &t, text, &t, &f->e));
    must(f, ledger_token_each(f->l, ignore_token, NULL, &f->e));
    must(f, ledger_token_revoke(f->l, t.id, T0, &f->e));
    ledger_state_put(f->l, "key", SPAN("value"));
    must(f, ledger_state_each(f->l, "k", ignore_state, NULL, &f->e));
    must(f, ledger_budget_reset(f->l, SCOPE_PROJECT, "a", 0, T0 + 1, &f->e));
    must(f, ledger_budget_delete(f->l, SCOPE_PROJECT, "a", 0, T0 + 2, &f->e));
}

static inline void use_everything(struct fixture *f)
{
    spend(f);
    read_usage(f);
    use_the_rest(f);
}

#endif
