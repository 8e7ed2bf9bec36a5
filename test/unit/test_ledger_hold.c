/* SPDX-License-Identifier: MIT */
/* Holds: what is admitted, by which budget, and how each one ends. */
#include "ledger_fixture.h"

#include "ledger/ending.h"

static void without_a_budget_all_is_admitted(void **state)
{
    struct fixture *f = *state;
    struct verdict v = reserve_amount(f, "p", CENTS(100), T0);

    assert_true(v.admitted);
    assert_false(v.has_budget);
    assert_int_equal(v.hold, CENTS(100));
    assert_int_equal(settle(f, v.hold_id, HOLD_SETTLED, CENTS(90)), -1);
    assert_int_equal(usage_of(f, "p").cost, CENTS(90));
}

static void the_limit_is_reached_exactly(void **state)
{
    struct fixture *f = *state;
    struct budget b = a_budget("p", CENTS(10));
    struct verdict v;

    set_budget(f, &b, T0);
    for (int i = 0; i < 5; i++) {
        v = reserve_amount(f, "p", CENTS(2), T0);
        assert_true(v.admitted);
        assert_int_equal(v.reserved, CENTS(2 * (i + 1)));
        assert_int_equal(v.remaining, CENTS(8 - 2 * i));
    }
    v = reserve_amount(f, "p", 1, T0);
    assert_false(v.admitted);
    assert_int_equal(v.scope, SCOPE_PROJECT);
    assert_int_equal(v.limit, CENTS(10));
    assert_int_equal(v.reserved, CENTS(10));
    assert_int_equal(v.remaining, 0);
    assert_false(v.too_large);
    v = reserve_amount(f, "p", 0, T0);
    assert_true(v.admitted);
    assert_true(reserve_amount(f, "another", CENTS(50), T0).admitted);
}

static void an_end_frees_or_spends(void **state)
{
    static const struct {
        enum hold_state end;
        nano_t cost, spent;
    } rows[] = {
        {HOLD_SETTLED, CENTS(1), CENTS(1)},
        {HOLD_SETTLED, CENTS(7), CENTS(7)},
        {HOLD_VOIDED, CENTS(1), 0},
        {HOLD_ESTIMATED, CENTS(3), CENTS(3)},
        {HOLD_INTERRUPTED, CENTS(2), CENTS(2)},
    };
    struct fixture *f = *state;
    nano_t spent = 0;

    set_budget(f,
               &(struct budget){
                   .scope = SCOPE_PROJECT, .project = "p", .limit = CENTS(100), .per_request = -1},
               T0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct verdict v = reserve_amount(f, "p", CENTS(4), T0);

        spent += rows[i].spent;
        assert_int_equal(settle(f, v.hold_id, rows[i].end, rows[i].cost), CENTS(100) - spent);
        assert_int_equal(get_budget(f, "p", T0).spent, spent);
        assert_int_equal(get_budget(f, "p", T0).reserved, 0);
    }
    assert_int_equal(usage_of(f, "p").requests, 4); /* the voided one never was */
}

static void charge_hold_charges_the_held_amount(void **state)
{
    struct fixture *f = *state;
    struct verdict v = reserve_amount(f, "p", CENTS(4), T0);
    struct settlement s = an_end(v.hold_id, HOLD_ESTIMATED, CENTS(99));

    s.charge_hold = true;
    must(f, ledger_settle(f->l, &s, true, NULL, &f->e));
    assert_int_equal(usage_of(f, "p").cost, CENTS(4));
}

static void the_table_of_successors(void **state)
{
    (void)state;
    for (int from = HOLD_OPEN; from <= HOLD_INTERRUPTED; from++)
        for (int to = HOLD_OPEN; to <= HOLD_INTERRUPTED; to++)
            assert_int_equal(hold_may_become((enum hold_state)from, (enum hold_state)to),
                             from == HOLD_OPEN && to != HOLD_OPEN);
}

static void a_hold_ends_once(void **state)
{
    struct fixture *f = *state;
    struct verdict v = reserve_amount(f, "p", CENTS(4), T0);

    settle(f, v.hold_id, HOLD_SETTLED, CENTS(3));
    for (int to = HOLD_SETTLED; to <= HOLD_INTERRUPTED; to++) {
        struct settlement s = an_end(v.hold_id, (enum hold_state)to, CENTS(1));

        assert_int_equal(ledger_settle(f->l, &s, true, NULL, &f->e), -1);
        assert_int_equal(f->e.code, ERR_EXISTS);
        assert_non_null(strstr(f->e.msg, "is settled and cannot become"));
    }
    assert_int_equal(usage_of(f, "p").cost, CENTS(3));
}

static void bad_ends_are_refused(void **state)
{
    struct fixture *f = *state;
    struct verdict v = reserve_amount(f, "p", CENTS(4), T0);
    struct settlement s = an_end(v.hold_id + 1000, HOLD_SETTLED, 1);

    assert_int_equal(ledger_settle(f->l, &s, true, NULL, &f->e), -1);
    assert_int_equal(f->e.code, ERR_NOT_FOUND);
    s = an_end(v.hold_id, HOLD_OPEN, 1);
    assert_int_equal(ledger_settle(f->l, &s, true, NULL, &f->e), -1);
    assert_int_equal(f->e.code, ERR_INTERNAL);
    s = an_end(v.hold_id, HOLD_SETTLED, -1);
    assert_int_equal(ledger_settle(f->l, &s, true, NULL, &f->e), -1);
    s = an_end(v.hold_id, HOLD_SETTLED, NANO_MAX + 1);
    assert_int_equal(ledger_settle(f->l, &s, true, NULL, &f->e), -1);
    s = an_end(v.hold_id, HOLD_SETTLED, 1);
    s.usage.parts[0].tokens[TOK_OUTPUT] = -5;
    assert_int_equal(ledger_settle(f->l, &s, true, NULL, &f->e), -1);
    assert_int_equal(f->e.code, ERR_INVALID);
    settle(f, v.hold_id, HOLD_VOIDED, 0);
}

static void a_repeated_request_gets_the_first_verdict(void **state)
{
    struct fixture *f = *state;
    struct budget b = a_budget("p", CENTS(10));
    struct reservation r = a_request(f, "p", CENTS(4), CENTS(4));
    struct verdict first, again;

    set_budget(f, &b, T0);
    first = reserve(f, &r);
    again = reserve(f, &r);
    assert_int_equal(again.hold_id, first.hold_id);
    assert_int_equal(again.remaining, first.remaining);
    assert_int_equal(get_budget(f, "p", T0).reserved, CENTS(4));
    settle(f, first.hold_id, HOLD_SETTLED, CENTS(4));
    again = reserve(f, &r);
    assert_int_equal(again.hold_id, first.hold_id);
    assert_int_equal(usage_of(f, "p").requests, 1);
}

static void a_request_is_known_after_a_restart(void **state)
{
    struct fixture *f = *state;
    struct reservation r = a_request(f, "p", CENTS(4), CENTS(4));
    int64_t hold = reserve(f, &r).hold_id;

    settle(f, hold, HOLD_SETTLED, CENTS(3));
    fix_reopen(f);
    assert_int_equal(reserve(f, &r).hold_id, hold);
    assert_int_equal(usage_of(f, "p").requests, 1);
    assert_int_equal(usage_of(f, "p").cost, CENTS(3));
    fix_reopen(f);
    assert_int_equal(f->found.holds, 0);
}

/* Two daemons on one ledger: what the one has open, the other does not hold as well; what had ended
 * when the other started is known to it. */
static void another_daemon_does_not_hold_it_as_well(void **state)
{
    struct fixture *f = *state;
    struct reservation r = a_request(f, "p", CENTS(4), CENTS(4));
    struct budget b = a_budget("p", CENTS(10));
    struct ledger *other;
    struct verdict v, again;

    if (!fix_server())
        skip();
    set_budget(f, &b, T0);
    v = reserve(f, &r);
    must(f, ledger_open(&f->o, NULL, &other, &f->e));
    assert_int_equal(ledger_reserve(other, &r, &again, &f->e), -1);
    assert_int_equal(f->e.code, ERR_EXISTS);
    assert_int_equal(get_budget(f, "p", T0).reserved, CENTS(4));
    settle(f, v.hold_id, HOLD_SETTLED, CENTS(4));
    ledger_close(other);
    must(f, ledger_open(&f->o, NULL, &other, &f->e));
    must(f, ledger_reserve(other, &r, &again, &f->e));
    assert_int_equal(again.hold_id, v.hold_id);
    ledger_close(other);
    assert_int_equal(get_budget(f, "p", T0).reserved, 0);
    assert_int_equal(usage_of(f, "p").requests, 1);
}

static void strict_holds_the_maximum(void **state)
{
    struct fixture *f = *state;
    struct budget b = a_budget("p", CENTS(10));
    struct reservation r = a_request(f, "p", CENTS(1), CENTS(6));
    struct verdict v;

    set_budget(f, &b, T0);
    assert_int_equal(reserve(f, &r).hold, CENTS(1));
    b.enforcement = ENFORCE_STRICT;
    set_budget(f, &b, T0);
    r = a_request(f, "p", CENTS(1), CENTS(6));
    v = reserve(f, &r);
    assert_true(v.admitted && v.strict);
    assert_int_equal(v.hold, CENTS(6));
    assert_int_equal(v.remaining, CENTS(3));
    assert_int_equal(v.expected_free, CENTS(8));
    r = a_request(f, "p", CENTS(1), CENTS(6));
    v = reserve(f, &r);
    assert_false(v.admitted || v.too_large || v.unbounded);
    assert_int_equal(v.hold, CENTS(6));
    assert_int_equal(v.remaining, CENTS(3));
    assert_int_equal(v.expected_free, CENTS(8)); /* so waiting helps */
}

static void strict_demands_a_bound(void **state)
{
    struct fixture *f = *state;
    struct budget b = a_budget("p", CENTS(10));
    struct reservation r = a_request(f, "p", CENTS(1), CENTS(1));
    struct verdict v;

    r.bounded = false;
    r.strict = true;
    assert_true(reserve(f, &r).admitted); /* nothing is capped, so nothing to prove */
    set_budget(f, &b, T0);
    r = a_request(f, "p", CENTS(1), CENTS(1));
    r.bounded = false;
    assert_true(reserve(f, &r).admitted);
    r = a_request(f, "p", CENTS(1), CENTS(1));
    r.bounded = false;
    r.strict = true;
    v = reserve(f, &r);
    assert_true(!v.admitted && v.unbounded && v.strict);
}

static void strict_by_option(void **state)
{
    struct fixture *f = *state;
    struct budget b = a_budget("p", CENTS(10));
    struct reservation r = a_request(f, "p", CENTS(1), CENTS(6));

    fix_close(f);
    f->o.strict = true;
    fix_open(f);
    set_budget(f, &b, T0);
    assert_int_equal(reserve(f, &r).hold, CENTS(6));
    b.enforcement = ENFORCE_ESTIMATE;
    set_budget(f, &b, T0);
    r = a_request(f, "p", CENTS(1), CENTS(6));
    assert_int_equal(reserve(f, &r).hold, CENTS(1));
}

static void too_large_says_so(void **state)
{
    struct fixture *f = *state;
    struct budget b = a_budget("p", CENTS(10));
    struct verdict v;

    b.per_request = CENTS(3);
    set_budget(f, &b, T0);
    v = reserve_amount(f, "p", CENTS(3), T0);
    assert_true(v.admitted);
    v = reserve_amount(f, "p", CENTS(3) + 1, T0);
    assert_true(!v.admitted && v.too_large);
    assert_int_equal(v.scope, SCOPE_REQUEST);
    assert_int_equal(v.limit, CENTS(3));
    assert_int_equal(v.remaining, CENTS(3));
    b.per_request = -1;
    set_budget(f, &b, T0);
    v = reserve_amount(f, "p", CENTS(10) + 1, T0);
    assert_true(!v.admitted && v.too_large);
    assert_int_equal(v.scope, SCOPE_PROJECT);
    v = reserve_amount(f, "p", CENTS(8), T0);
    assert_true(!v.admitted && !v.too_large);
}

static int64_t make_token(struct fixture *f)
{
    struct token t = {.project = "p", .created_ms = T0}, out;
    char text[TOKEN_TEXT_MAX];

    must(f, ledger_token_create(f->l, &t, text, &out, &f->e));
    return out.id;
}

static void all_scopes_or_none(void **state)
{
    struct fixture *f = *state;
    int64_t token = make_token(f);
    struct budget all[] = {
        {.scope = SCOPE_GLOBAL, .limit = CENTS(100), .per_request = -1},
        {.scope = SCOPE_PROJECT, .project = "p", .limit = CENTS(100), .per_request = -1},
        {.scope = SCOPE_TOKEN, .token_id = token, .limit = CENTS(100), .per_request = -1},
    };
    struct budget got;

    for (int i = 0; i < 3; i++)
        set_budget(f, &all[i], T0);
    for (int tight = 0; tight < 4; tight++) {
        struct reservation r = a_request(f, "p", CENTS(2), CENTS(2));
        struct verdict v;

        for (int i = 0; i < 3; i++) {
            all[i].limit = i == tight ? CENTS(1) : CENTS(100);
            set_budget(f, &all[i], T0);
        }
        r.token_id = token;
        snprintf(r.run, sizeof r.run, "run-%d", tight);
        r.run_limit = tight == 3 ? CENTS(1) : CENTS(50);
        v = reserve(f, &r);
        assert_false(v.admitted);
        assert_int_equal(v.scope, SCOPE_GLOBAL + tight);
        assert_int_equal(v.limit, CENTS(1));
        for (int i = 0; i < 3; i++) {
            must(f, ledger_budget_get(f->l, all[i].scope, "p", token, T0, &got, &f->e));
            assert_int_equal(got.reserved, 0);
        }
    }
}

static void a_run_has_the_budget_of_its_first_request(void **state)
{
    struct fixture *f = *state;
    struct reservation r = a_request(f, "p", CENTS(4), CENTS(4));
    struct verdict v;

    snprintf(r.run, sizeof r.run, "r1");
    v = reserve(f, &r); /* a run without a limit is only a name */
    assert_true(v.admitted && !v.has_budget);

    r = a_request(f, "p", CENTS(4), CENTS(4));
    snprintf(r.run, sizeof r.run, "r2");
    r.run_limit = CENTS(10);
    v = reserve(f, &r);
    assert_true(v.admitted && v.has_budget);
    assert_int_equal(v.scope, SCOPE_RUN);
    assert_int_equal(v.remaining, CENTS(6));

    r = a_request(f, "p", CENTS(7), CENTS(7));
    snprintf(r.run, sizeof r.run, "r2");
    r.run_limit = CENTS(1000); /* not the first: without effect */
    v = reserve(f, &r);
    assert_false(v.admitted);
    assert_int_equal(v.scope, SCOPE_RUN);
    assert_int_equal(v.remaining, CENTS(6));

    r = a_request(f, "q", CENTS(7), CENTS(7)); /* another project's run of the same name */
    snprintf(r.run, sizeof r.run, "r2");
    assert_true(reserve(f, &r).admitted);
    fix_reopen(f);
    r = a_request(f, "p", CENTS(7), CENTS(7));
    snprintf(r.run, sizeof r.run, "r2");
    assert_false(reserve(f, &r).admitted); /* the 4 were interrupted, and charged */
}

static void a_refused_first_request_makes_no_run(void **state)
{
    struct fixture *f = *state;
    struct reservation r = a_request(f, "p", CENTS(4), CENTS(4));

    snprintf(r.run, sizeof r.run, "r");
    r.run_limit = CENTS(3);
    assert_false(reserve(f, &r).admitted);
    r = a_request(f, "p", CENTS(4), CENTS(4));
    snprintf(r.run, sizeof r.run, "r");
    r.run_limit = CENTS(30);
    assert_true(reserve(f, &r).admitted);
}

static void overrun_counts_actuals_above_strict_holds(void **state)
{
    struct fixture *f = *state;
    struct budget b = a_budget("p", CENTS(100));
    struct reservation r = a_request(f, "p", CENTS(1), CENTS(2));
    struct ledger_stats s;

    b.enforcement = ENFORCE_STRICT;
    set_budget(f, &b, T0);
    settle(f, reserve(f, &r).hold_id, HOLD_SETTLED, CENTS(2));
    ledger_stats(f->l, &s);
    assert_int_equal(s.overrun, 0);
    r = a_request(f, "p", CENTS(1), CENTS(2));
    settle(f, reserve(f, &r).hold_id, HOLD_SETTLED, CENTS(5));
    settle(f, reserve_amount(f, "other", CENTS(1), T0).hold_id, HOLD_SETTLED, CENTS(9));
    ledger_stats(f->l, &s);
    assert_int_equal(s.overrun, CENTS(3));
    fix_reopen(f);
    ledger_stats(f->l, &s);
    assert_int_equal(s.overrun, CENTS(3));
}

static void stats_tell_what_is_open(void **state)
{
    struct fixture *f = *state;
    struct ledger_stats s;
    int64_t first = reserve_amount(f, "p", CENTS(4), T0).hold_id;
    int64_t second = reserve_amount(f, "p", CENTS(5), T0).hold_id;

    ledger_stats(f->l, &s);
    assert_int_equal(s.holds_open, 2);
    assert_int_equal(s.held, CENTS(9));
    assert_true(s.commits > 0 && s.writes >= 2 && s.commit_ns > 0);
    settle(f, first, HOLD_SETTLED, CENTS(4));
    settle(f, second, HOLD_VOIDED, 0);
    ledger_stats(f->l, &s);
    assert_int_equal(s.holds_open, 0);
    assert_int_equal(s.held, 0);
    assert_int_equal(s.oldest_hold_ms, 0);
    assert_false(ledger_failed(f->l));
}

/* Whether an end that nobody waits for is written with the next hold or after it, that hold is told of it. */
static void the_next_hold_is_told_what_ended(void **state)
{
    struct fixture *f = *state;
    struct budget b = a_budget("p", CENTS(1000));
    struct verdict v;

    set_budget(f, &b, T0);
    for (int ended = 0; ended < 200; ended++) {
        v = reserve_amount(f, "p", CENTS(4), T0);
        assert_true(v.admitted);
        assert_int_equal(v.spent, CENTS(ended));
        assert_int_equal(v.reserved, CENTS(4));
        assert_int_equal(v.remaining, CENTS(1000 - ended - 4));
        settle_later(f, v.hold_id);
    }
    assert_int_equal(get_budget(f, "p", T0).spent, CENTS(200));
    assert_int_equal(get_budget(f, "p", T0).reserved, 0);
}

static void copy(const char *from, const char *to)
{
    static char bytes[1 << 20];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    size_t n;

    assert_true(in && out);
    while ((n = fread(bytes, 1, sizeof bytes, in)))
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    fclose(in);
    fclose(out);
}

/* Opens the ledger as a crash at this moment would leave it: copied at once, for what nobody waits for
 * is written soon. */
static void crash(struct fixture *f)
{
    char then[128], wal[128], then_wal[128];

    snprintf(then, sizeof then, "%s.then", f->path);
    snprintf(wal, sizeof wal, "%s-wal", f->path);
    snprintf(then_wal, sizeof then_wal, "%s.then-wal", f->path);
    copy(wal, then_wal);
    copy(f->path, then);
    fix_close(f);
    assert_int_equal(rename(then, f->path), 0);
    assert_int_equal(rename(then_wal, wal), 0);
    fix_open(f);
}

/* A hold that fits only because another has ended is never on disk without that end. */
static void a_hold_is_not_ahead_of_the_end_that_it_needs(void **state)
{
    struct fixture *f = *state;
    struct budget b = a_budget("p", CENTS(10));

    sqlite_only();
    set_budget(f, &b, T0);
    for (int i = 0; i < 2; i++) {
        struct verdict v = reserve_amount(f, "p", CENTS(8), T0);

        assert_true(v.admitted);
        assert_int_equal(v.remaining, CENTS(2 - i));
        if (i == 0)
            settle_later(f, v.hold_id);
    }
    crash(f);
    assert_int_equal(f->found.holds, 1);
    assert_int_equal(get_budget(f, "p", T0).spent, CENTS(9)); /* 1, and 8 that were interrupted */
}

static void bad_reservations_are_refused(void **state)
{
    struct fixture *f = *state;
    struct reservation good = a_request(f, "p", 1, 1), r;
    struct verdict v;

    for (int i = 0; i < 6; i++) {
        r = good;
        if (i == 0)
            r.estimate = -1;
        else if (i == 1)
            r.maximum = NANO_MAX + 1;
        else if (i == 2)
            r.project[0] = '\0';
        else if (i == 3)
            r.request_id[0] = '\0';
        else if (i == 4)
            r.input_tokens = -1;
        else
            r.run_limit = NANO_MAX + 1;
        assert_int_equal(ledger_reserve(f->l, &r, &v, &f->e), -1);
        assert_int_equal(f->e.code, ERR_INVALID);
    }
}

static void a_spent_budget_stays_spent_when_actuals_exceed_it(void **state)
{
    struct fixture *f = *state;
    struct budget b = a_budget("p", CENTS(10));
    struct verdict v;

    set_budget(f, &b, T0);
    v = reserve_amount(f, "p", CENTS(10), T0);
    assert_int_equal(settle(f, v.hold_id, HOLD_SETTLED, CENTS(15)), 0);
    v = reserve_amount(f, "p", 0, T0);
    assert_false(v.admitted);
    assert_int_equal(v.spent, CENTS(15));
    assert_int_equal(v.remaining, 0);
}

/* Amounts that no sum can hold: each request is fine or refused, and what was recorded stays right. */
static void absurd_amounts_do_not_overflow(void **state)
{
    struct fixture *f = *state;
    int settled = 0;

    for (int i = 0; i < 12; i++) {
        struct verdict v = reserve_amount(f, "p", NANO_MAX, T0);
        struct settlement s = an_end(v.hold_id, HOLD_SETTLED, NANO_MAX);

        if (ledger_settle(f->l, &s, true, NULL, &f->e) == 0)
            settled++;
        else
            must(f, (s.state = HOLD_VOIDED, ledger_settle(f->l, &s, true, NULL, &f->e)));
    }
    assert_int_equal(settled, 9);
    assert_true(usage_of(f, "p").cost == 9 * NANO_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(without_a_budget_all_is_admitted),
        LEDGER_TEST(the_limit_is_reached_exactly),
        LEDGER_TEST(an_end_frees_or_spends),
        LEDGER_TEST(charge_hold_charges_the_held_amount),
        cmocka_unit_test(the_table_of_successors),
        LEDGER_TEST(a_hold_ends_once),
        LEDGER_TEST(bad_ends_are_refused),
        LEDGER_TEST(a_repeated_request_gets_the_first_verdict),
        LEDGER_TEST(a_request_is_known_after_a_restart),
        LEDGER_TEST(another_daemon_does_not_hold_it_as_well),
        LEDGER_TEST(strict_holds_the_maximum),
        LEDGER_TEST(strict_demands_a_bound),
        LEDGER_TEST(strict_by_option),
        LEDGER_TEST(too_large_says_so),
        LEDGER_TEST(all_scopes_or_none),
        LEDGER_TEST(a_run_has_the_budget_of_its_first_request),
        LEDGER_TEST(a_refused_first_request_makes_no_run),
        LEDGER_TEST(overrun_counts_actuals_above_strict_holds),
        LEDGER_TEST(stats_tell_what_is_open),
        LEDGER_TEST(the_next_hold_is_told_what_ended),
        LEDGER_TEST(a_hold_is_not_ahead_of_the_end_that_it_needs),
        LEDGER_TEST(bad_reservations_are_refused),
        LEDGER_TEST(absurd_amounts_do_not_overflow),
        LEDGER_TEST(a_spent_budget_stays_spent_when_actuals_exceed_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
