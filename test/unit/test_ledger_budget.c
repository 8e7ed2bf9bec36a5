/* SPDX-License-Identifier: MIT */
/* Budgets: the contract's table of events, row by row, and how periods follow each other. */
#include "ledger_fixture.h"

#define LIMIT CENTS(100)

/* A budget with 30 spent and one open hold of 20, made at T0, rolling by days. */
static int64_t busy_budget(struct fixture *f, int days)
{
    struct budget b = a_budget("p", LIMIT);

    if (days) {
        b.period = PERIOD_DAYS;
        b.period_days = days;
    }
    set_budget(f, &b, T0);
    settle(f, reserve_amount(f, "p", CENTS(40), T0).hold_id, HOLD_SETTLED, CENTS(30));
    return reserve_amount(f, "p", CENTS(20), T0).hold_id;
}

static void expect(struct fixture *f, int64_t now, nano_t spent, nano_t reserved)
{
    struct budget b = get_budget(f, "p", now);

    assert_int_equal(b.spent, spent);
    assert_int_equal(b.reserved, reserved);
}

static void a_new_budget(void **state)
{
    struct fixture *f = *state;
    struct budget b = a_budget("p", LIMIT), got;

    b.period = PERIOD_DAYS;
    b.period_days = 30;
    b.per_request = CENTS(7);
    b.enforcement = ENFORCE_STRICT;
    b.predictor = PREDICT_LEARNED;
    b.nalerts = 3;
    b.alert_percents[0] = 50;
    b.alert_percents[1] = 80;
    b.alert_percents[2] = 100;
    snprintf(b.alert_url, sizeof b.alert_url, "https://example.com/alert");
    for (int i = 0; i < 3; i++) {
        if (i == 0)
            got = set_budget(f, &b, T0);
        else
            got = get_budget(f, "p", T0 + 5);
        assert_int_equal(got.scope, SCOPE_PROJECT);
        assert_string_equal(got.project, "p");
        assert_int_equal(got.limit, LIMIT);
        assert_int_equal(got.per_request, CENTS(7));
        assert_int_equal(got.period, PERIOD_DAYS);
        assert_int_equal(got.period_days, 30);
        assert_int_equal(got.enforcement, ENFORCE_STRICT);
        assert_int_equal(got.predictor, PREDICT_LEARNED);
        assert_int_equal(got.nalerts, 3);
        assert_int_equal(got.alert_percents[2], 100);
        assert_string_equal(got.alert_url, b.alert_url);
        assert_int_equal(got.period_start, T0);
        assert_int_equal(got.period_end, T0 + 30 * DAY);
        assert_int_equal(got.spent, 0);
        if (i == 1)
            fix_reopen(f);
    }
}

static void none_set(void **state)
{
    struct fixture *f = *state;
    struct budget b;

    assert_int_equal(ledger_budget_get(f->l, SCOPE_PROJECT, "p", 0, T0, &b, &f->e), -1);
    assert_int_equal(f->e.code, ERR_NOT_FOUND);
    assert_string_equal(f->e.msg, "No budget set for this project");
    assert_int_equal(ledger_budget_reset(f->l, SCOPE_PROJECT, "p", 0, T0, &f->e), -1);
    assert_int_equal(f->e.code, ERR_NOT_FOUND);
    assert_int_equal(ledger_budget_delete(f->l, SCOPE_PROJECT, "p", 0, T0, &f->e), -1);
    assert_int_equal(f->e.code, ERR_NOT_FOUND);
    assert_string_equal(f->e.msg, "No budget found for this project");
}

/* ---- the table of events ---- */

static void post_again_keeps_spent_and_held(void **state)
{
    struct fixture *f = *state;
    int64_t open = busy_budget(f, 0);
    struct budget b = a_budget("p", 2 * LIMIT);

    set_budget(f, &b, T0 + 5);
    expect(f, T0 + 5, CENTS(30), CENTS(20));
    assert_int_equal(settle(f, open, HOLD_SETTLED, CENTS(15)), 2 * LIMIT - CENTS(45));
    expect(f, T0 + 5, CENTS(45), 0);
}

static void lowering_below_spent_and_held_is_no_violation(void **state)
{
    struct fixture *f = *state;
    int64_t open = busy_budget(f, 0);
    struct budget b = a_budget("p", CENTS(10));
    struct verdict v;

    set_budget(f, &b, T0 + 5);
    expect(f, T0 + 5, CENTS(30), CENTS(20));
    v = reserve_amount(f, "p", 1, T0 + 6);
    assert_false(v.admitted);
    assert_int_equal(v.remaining, 0);
    settle(f, open, HOLD_SETTLED, CENTS(25));
    expect(f, T0 + 7, CENTS(55), 0);
    b.limit = CENTS(60);
    set_budget(f, &b, T0 + 8);
    assert_true(reserve_amount(f, "p", CENTS(5), T0 + 9).admitted);
}

static void strict_switched_on_late_is_no_violation(void **state)
{
    struct fixture *f = *state;
    struct budget b = a_budget("p", LIMIT);
    struct reservation r = a_request(f, "p", CENTS(10), CENTS(90));
    int64_t open;

    set_budget(f, &b, T0);
    open = reserve(f, &r).hold_id;
    b.enforcement = ENFORCE_STRICT;
    set_budget(f, &b, T0 + 1);
    settle(f, open, HOLD_SETTLED, CENTS(130)); /* an estimate that was far too low */
    expect(f, T0 + 2, CENTS(130), 0);
    r = a_request(f, "p", 1, 1);
    assert_false(reserve(f, &r).admitted);
}

static void reset_starts_at_nothing_and_old_holds_stay_behind(void **state)
{
    struct fixture *f = *state;
    int64_t open = busy_budget(f, 30);
    struct budget b;

    must(f, ledger_budget_reset(f->l, SCOPE_PROJECT, "p", 0, T0 + DAY, &f->e));
    b = get_budget(f, "p", T0 + DAY);
    assert_int_equal(b.spent, 0);
    assert_int_equal(b.reserved, 0);
    assert_int_equal(b.period_start, T0 + DAY);
    assert_int_equal(b.period_end, T0 + 31 * DAY);
    assert_true(reserve_amount(f, "p", LIMIT, T0 + DAY).admitted);
    assert_int_equal(settle(f, open, HOLD_SETTLED, CENTS(20)), 0);
    expect(f, T0 + DAY, 0, LIMIT);
    assert_int_equal(usage_of(f, "p").cost, CENTS(50)); /* the old one is in the history */
}

static void a_period_ends_by_itself(void **state)
{
    struct fixture *f = *state;
    int64_t open = busy_budget(f, 30);
    int64_t later = T0 + 30 * DAY;
    struct verdict v;

    expect(f, later - 1, CENTS(30), CENTS(20));
    expect(f, later, 0, 0); /* before any request has come */
    v = reserve_amount(f, "p", LIMIT, later);
    assert_true(v.admitted);
    assert_int_equal(v.period_end, later + 30 * DAY);
    expect(f, later, 0, LIMIT);
    settle(f, open, HOLD_SETTLED, CENTS(20)); /* counts where it was made */
    expect(f, later, 0, LIMIT);
}

static void delete_leaves_the_usage_rows(void **state)
{
    struct fixture *f = *state;
    int64_t open = busy_budget(f, 0);
    struct budget b = a_budget("p", LIMIT);

    must(f, ledger_budget_delete(f->l, SCOPE_PROJECT, "p", 0, T0 + 1, &f->e));
    assert_int_equal(ledger_budget_get(f->l, SCOPE_PROJECT, "p", 0, T0, &b, &f->e), -1);
    assert_false(reserve_amount(f, "p", 1000 * LIMIT, T0 + 2).has_budget);
    assert_int_equal(settle(f, open, HOLD_SETTLED, CENTS(20)), -1);
    assert_int_equal(usage_of(f, "p").cost, CENTS(50));
    b = a_budget("p", LIMIT);
    set_budget(f, &b, T0 + 3); /* a new one knows nothing of the old one */
    expect(f, T0 + 3, 0, 0);
}

/* ---- periods ---- */

static void idle_periods_are_skipped_whole(void **state)
{
    struct fixture *f = *state;
    struct budget b;

    busy_budget(f, 7);
    b = get_budget(f, "p", T0 + 24 * DAY);
    assert_int_equal(b.period_start, T0 + 21 * DAY);
    assert_int_equal(b.period_end, T0 + 28 * DAY);
    reserve_amount(f, "p", 1, T0 + 24 * DAY);
    b = get_budget(f, "p", T0 + 24 * DAY);
    assert_int_equal(b.period_start, T0 + 21 * DAY);
    assert_int_equal(b.reserved, 1);
}

static void a_clock_that_jumps_never_reopens_a_period(void **state)
{
    struct fixture *f = *state;
    struct budget b;

    busy_budget(f, 30);
    assert_true(reserve_amount(f, "p", CENTS(60), T0 + 31 * DAY).admitted);
    b = get_budget(f, "p", T0 + 2 * DAY); /* back before its start */
    assert_int_equal(b.period_start, T0 + 30 * DAY);
    assert_int_equal(b.reserved, CENTS(60));
    assert_false(reserve_amount(f, "p", CENTS(50), T0 + 2 * DAY).admitted);
    assert_true(reserve_amount(f, "p", CENTS(40), T0 + 2 * DAY).admitted);
    expect(f, T0 + 2 * DAY, 0, LIMIT);
}

static void changing_the_period_keeps_what_was_spent(void **state)
{
    struct fixture *f = *state;
    struct budget b = a_budget("p", LIMIT), got;
    int64_t now = T0 + 20 * DAY;

    busy_budget(f, 30);
    b.period = PERIOD_DAYS;
    b.period_days = 7;
    got = set_budget(f, &b, now);
    assert_int_equal(got.period_start, T0);
    assert_int_equal(got.period_end, T0 + 21 * DAY);
    expect(f, now, CENTS(30), CENTS(20));
    expect(f, T0 + 21 * DAY, 0, 0);
    b.period = PERIOD_NONE;
    got = set_budget(f, &b, now);
    assert_int_equal(got.period_end, 0);
    expect(f, now + 1000 * DAY, CENTS(30), CENTS(20));
    b.period = PERIOD_DAY;
    got = set_budget(f, &b, now);
    assert_int_equal(got.period_end, now - now % DAY + DAY);
    expect(f, now, CENTS(30), CENTS(20));
}

static void a_set_after_the_end_starts_the_next_one(void **state)
{
    struct fixture *f = *state;
    struct budget b = a_budget("p", LIMIT), got;

    busy_budget(f, 30);
    b.period = PERIOD_DAYS;
    b.period_days = 30;
    got = set_budget(f, &b, T0 + 40 * DAY);
    assert_int_equal(got.spent, 0);
    assert_int_equal(got.period_start, T0 + 30 * DAY);
    assert_int_equal(got.period_end, T0 + 60 * DAY);
}

/* Whether it is asked what is left, or not. */
static void an_end_that_is_waited_for_starts_the_next_one(void **state)
{
    struct fixture *f = *state;
    struct settlement s = an_end(busy_budget(f, 30), HOLD_SETTLED, CENTS(10));
    struct budget b;

    s.now_ms = T0 + 40 * DAY;
    must(f, ledger_settle(f->l, &s, true, NULL, &f->e));
    b = get_budget(f, "p", T0); /* the clock went back: it does not reopen the first */
    assert_int_equal(b.period_start, T0 + 30 * DAY);
    assert_int_equal(b.period_end, T0 + 60 * DAY);
    assert_int_equal(b.spent, 0);
}

static void calendar_months_end_at_local_midnight(void **state)
{
    struct fixture *f = *state;
    struct budget b = a_budget("p", LIMIT), got;
    int64_t december = INT64_C(1796079600000); /* 2026-11-30T23:00Z: midnight in Paris */

    b.period = PERIOD_MONTH;
    snprintf(b.timezone, sizeof b.timezone, "Europe/Paris");
    got = set_budget(f, &b, T0);
    assert_int_equal(got.period_start, T0);
    assert_int_equal(got.period_end, december);
    assert_string_equal(got.timezone, "Europe/Paris");
    assert_true(reserve_amount(f, "p", LIMIT, december - 1).admitted);
    assert_false(reserve_amount(f, "p", LIMIT, december - 1).admitted);
    assert_true(reserve_amount(f, "p", LIMIT, december).admitted);
    got = get_budget(f, "p", december);
    assert_int_equal(got.period_start, december);
    assert_int_equal(got.period_end, december + 31 * DAY);
}

/* ---- the rest ---- */

static void every_scope_has_its_own(void **state)
{
    struct fixture *f = *state;
    struct token t = {.project = "p", .created_ms = T0};
    struct budget b = {.scope = SCOPE_GLOBAL, .limit = CENTS(1), .per_request = -1};
    char text[TOKEN_TEXT_MAX];

    set_budget(f, &b, T0);
    b.scope = SCOPE_TOKEN;
    b.token_id = 77;
    assert_int_equal(ledger_budget_set(f->l, &b, T0, NULL, &f->e), -1);
    assert_int_equal(f->e.code, ERR_INVALID);
    must(f, ledger_token_create(f->l, &t, text, &t, &f->e));
    b.token_id = t.id;
    b.limit = CENTS(2);
    set_budget(f, &b, T0);
    must(f, ledger_budget_get(f->l, SCOPE_GLOBAL, NULL, 0, T0, &b, &f->e));
    assert_int_equal(b.limit, CENTS(1));
    must(f, ledger_budget_get(f->l, SCOPE_TOKEN, NULL, t.id, T0, &b, &f->e));
    assert_int_equal(b.limit, CENTS(2));
    assert_int_equal(b.token_id, t.id);
    assert_int_equal(ledger_budget_get(f->l, SCOPE_PROJECT, "", 0, T0, &b, &f->e), -1);
}

struct seen {
    int n;
    char text[128];
};

static void see(void *ctx, const struct budget *b)
{
    struct seen *s = ctx;
    size_t at = strlen(s->text);

    s->n++;
    snprintf(s->text + at, sizeof s->text - at, "%s:%s ", scope_name(b->scope), b->project);
}

static void all_but_runs_are_listed(void **state)
{
    struct fixture *f = *state;
    struct budget b = {.scope = SCOPE_GLOBAL, .limit = 1, .per_request = -1};
    struct reservation r = a_request(f, "p", 0, 0);
    struct seen s = {0};

    set_budget(f, &b, T0);
    b = a_budget("b", 1);
    set_budget(f, &b, T0);
    b = a_budget("a", 1);
    set_budget(f, &b, T0);
    b = a_budget("gone", 1);
    set_budget(f, &b, T0);
    must(f, ledger_budget_delete(f->l, SCOPE_PROJECT, "gone", 0, T0, &f->e));
    snprintf(r.run, sizeof r.run, "run");
    r.run_limit = 1;
    assert_true(reserve(f, &r).admitted);
    must(f, ledger_budget_each(f->l, T0, see, &s, &f->e));
    assert_int_equal(s.n, 3);
    assert_string_equal(s.text, "global: project:a project:b ");
}

static void bad_budgets_are_refused(void **state)
{
    struct fixture *f = *state;
    struct budget good = a_budget("p", 1), all[12];
    size_t n = 0;

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        all[i] = good;
    all[n++].limit = -1;
    all[n++].limit = NANO_MAX + 1;
    all[n++].per_request = -2;
    all[n++].project[0] = '\0';
    all[n++].scope = SCOPE_RUN;
    all[n].period = PERIOD_DAYS;
    all[n++].period_days = 0;
    all[n].period = PERIOD_DAYS;
    all[n++].period_days = 1000000000;
    all[n].period = PERIOD_DAY;
    snprintf(all[n++].timezone, 64, "Europe/Atlantis");
    all[n].period = PERIOD_DAY;
    snprintf(all[n++].timezone, 64, "../../etc/passwd");
    all[n++].nalerts = ALERTS_MAX + 1;
    all[n].nalerts = 1;
    all[n++].alert_percents[0] = 0;
    all[n++].enforcement = (enum enforcement)9;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(ledger_budget_set(f->l, &all[i], T0, NULL, &f->e), -1);
        assert_int_equal(f->e.code, ERR_INVALID);
    }
    assert_int_equal(ledger_budget_get(f->l, SCOPE_PROJECT, "p", 0, T0, &good, &f->e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(a_new_budget),
        LEDGER_TEST(none_set),
        LEDGER_TEST(post_again_keeps_spent_and_held),
        LEDGER_TEST(lowering_below_spent_and_held_is_no_violation),
        LEDGER_TEST(strict_switched_on_late_is_no_violation),
        LEDGER_TEST(reset_starts_at_nothing_and_old_holds_stay_behind),
        LEDGER_TEST(a_period_ends_by_itself),
        LEDGER_TEST(delete_leaves_the_usage_rows),
        LEDGER_TEST(idle_periods_are_skipped_whole),
        LEDGER_TEST(a_clock_that_jumps_never_reopens_a_period),
        LEDGER_TEST(changing_the_period_keeps_what_was_spent),
        LEDGER_TEST(a_set_after_the_end_starts_the_next_one),
        LEDGER_TEST(an_end_that_is_waited_for_starts_the_next_one),
        LEDGER_TEST(calendar_months_end_at_local_midnight),
        LEDGER_TEST(every_scope_has_its_own),
        LEDGER_TEST(all_but_runs_are_listed),
        LEDGER_TEST(bad_budgets_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
