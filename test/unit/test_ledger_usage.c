/* SPDX-License-Identifier: MIT */
/* Totals, history and groups: what readers see of the rows. */
#include "ledger_fixture.h"

static void spend(struct fixture *f, const char *project, const char *model, nano_t cost,
                  int64_t now)
{
    struct reservation r = a_request(f, project, cost, cost);
    struct settlement s;

    r.now_ms = now;
    snprintf(r.model, sizeof r.model, "%s", model);
    s = an_end(reserve(f, &r).hold_id, HOLD_SETTLED, cost);
    snprintf(s.model, sizeof s.model, "%s", model);
    s.now_ms = now + 1000;
    must(f, ledger_settle(f->l, &s, false, NULL, &f->e));
}

static void totals_show_what_was_just_settled(void **state)
{
    struct fixture *f = *state;
    struct usage_total t;

    for (int i = 1; i <= 50; i++) {
        spend(f, "p", "gpt-4o", CENTS(1), T0);
        t = usage_of(f, "p"); /* though nobody waited for the settlement */
        assert_int_equal(t.requests, i);
        assert_int_equal(t.cost, CENTS(i));
        assert_int_equal(t.input_tokens, 100 * i);
        assert_int_equal(t.output_tokens, 150 * i);
    }
    t = usage_of(f, "never used");
    assert_int_equal(t.requests + t.cost + t.input_tokens, 0);
    fix_reopen(f);
    assert_int_equal(usage_of(f, "p").cost, CENTS(50));
}

struct rows {
    int n;
    struct usage_row row[64];
};

static void take(void *ctx, const struct usage_row *row)
{
    struct rows *r = ctx;

    assert_true(r->n < 64);
    r->row[r->n++] = *row;
}

static int history(struct fixture *f, const struct usage_query *q, struct rows *out)
{
    int n;

    out->n = 0;
    n = ledger_history(f->l, q, take, out, &f->e);
    if (n < 0)
        fail_msg("history: %s", f->e.msg);
    assert_int_equal(n, out->n);
    return n;
}

static void a_row_has_every_figure(void **state)
{
    struct fixture *f = *state;
    struct reservation r = a_request(f, "proj", CENTS(3), CENTS(5));
    struct settlement s;
    struct rows got;
    struct usage_row *row = &got.row[0];

    r.provider = "anthropic";
    r.endpoint = "messages";
    snprintf(r.model, sizeof r.model, "claude-latest");
    s = an_end(reserve(f, &r).hold_id, HOLD_SETTLED, CENTS(2) + 7);
    for (int k = 0; k < TOK_KINDS; k++)
        s.usage.parts[0].tokens[k] = k + 1;
    s.usage.nparts = 2;
    s.usage.parts[1].tokens[TOK_OUTPUT] = 1000;
    s.usage.reasoning = 77;
    snprintf(s.model, sizeof s.model, "claude-5");
    s.streamed = true;
    s.status = 201;
    must(f, ledger_settle(f->l, &s, true, NULL, &f->e));
    assert_int_equal(history(f, &(struct usage_query){.limit = 10}, &got), 1);
    assert_int_equal(row->id, s.hold_id);
    assert_string_equal(row->request_id, r.request_id);
    assert_string_equal(row->project, "proj");
    assert_string_equal(row->provider, "anthropic");
    assert_string_equal(row->endpoint, "messages");
    assert_string_equal(row->model, "claude-5");
    assert_string_equal(row->price_version, "2026-11-01");
    assert_int_equal(row->state, HOLD_SETTLED);
    assert_int_equal(row->created_ms, T0);
    assert_int_equal(row->duration_ms, 1000);
    assert_int_equal(row->ttft_ms, 200);
    assert_int_equal(row->input_tokens, 1 + 2 + 3 + 4 + 5 + 6 + 7);
    assert_int_equal(row->output_tokens, 8 + 9 + 1000);
    assert_int_equal(row->kinds[TOK_OUTPUT], 1008);
    assert_int_equal(row->kinds[TOK_CACHE_WRITE_12H], 6);
    assert_int_equal(row->reasoning, 77);
    assert_int_equal(row->estimated_input, 100);
    assert_int_equal(row->estimated_output, 200);
    assert_int_equal(row->cost, CENTS(2) + 7);
    assert_int_equal(row->estimate, CENTS(3));
    assert_int_equal(row->hold, CENTS(3));
    assert_int_equal(row->status, 201);
    assert_true(row->streamed);
}

static void unknown_usage_is_recorded_as_predicted(void **state)
{
    struct fixture *f = *state;
    struct settlement s = an_end(reserve_amount(f, "p", CENTS(3), T0).hold_id, HOLD_ESTIMATED, 0);
    struct rows got;

    s.charge_hold = true;
    s.usage = (struct usage){0};
    must(f, ledger_settle(f->l, &s, true, NULL, &f->e));
    history(f, &(struct usage_query){.limit = 10}, &got);
    assert_int_equal(got.row[0].state, HOLD_ESTIMATED);
    assert_int_equal(got.row[0].cost, CENTS(3));
    assert_int_equal(got.row[0].input_tokens, 100);
    assert_int_equal(got.row[0].output_tokens, 200);
}

static void voided_requests_leave_no_row(void **state)
{
    struct fixture *f = *state;
    struct rows got;

    settle(f, reserve_amount(f, "p", CENTS(3), T0).hold_id, HOLD_VOIDED, 0);
    assert_int_equal(history(f, &(struct usage_query){.limit = 10}, &got), 0);
    assert_int_equal(usage_of(f, "p").requests, 0);
}

static void odd_request_ids_come_back(void **state)
{
    static const char *const ids[] = {"req_0123456789abcdef0123456789abcdef", "x",
                                      "req_0123456789ABCDEF0123456789abcdef",
                                      "req_0123456789abcdef0123456789abcde!", "0123456789abcdef"};
    struct fixture *f = *state;
    struct rows got;

    for (int i = 0; i < 5; i++) {
        struct reservation r = a_request(f, "p", 1, 1);

        snprintf(r.request_id, sizeof r.request_id, "%s", ids[i]);
        settle(f, reserve(f, &r).hold_id, HOLD_SETTLED, 1);
    }
    assert_int_equal(history(f, &(struct usage_query){.limit = 10}, &got), 5);
    for (int i = 0; i < 5; i++)
        assert_string_equal(got.row[i].request_id, ids[4 - i]);
}

static void history_pages_and_filters(void **state)
{
    struct fixture *f = *state;
    struct rows got;
    int64_t cursor = 0;
    int seen = 0;

    for (int i = 0; i < 60; i++)
        spend(f, i % 2 ? "odd" : "even", i % 3 ? "gpt-4o" : "gpt-5", CENTS(i), T0 + i * 3 * HOUR);
    for (int page = 0; page < 9; page++) { /* 8 × 7 + 4 rows, newest first */
        struct usage_query q = {.before_id = cursor, .limit = 7};

        assert_int_equal(history(f, &q, &got), page < 8 ? 7 : 4);
        for (int i = 0; i < got.n; i++)
            assert_int_equal(got.row[i].cost, CENTS(59 - seen++));
        cursor = got.row[got.n - 1].id;
    }
    assert_int_equal(history(f, &(struct usage_query){.before_id = cursor, .limit = 7}, &got), 0);
    assert_int_equal(history(f, &(struct usage_query){.project = "odd", .limit = 64}, &got), 30);
    assert_int_equal(history(f, &(struct usage_query){.model = "gpt-5", .limit = 64}, &got), 20);
    assert_int_equal(
        history(f, &(struct usage_query){.project = "odd", .model = "gpt-5", .limit = 64}, &got),
        10);
    assert_int_equal(history(f, &(struct usage_query){.project = "nobody", .limit = 64}, &got), 0);
    assert_int_equal(history(f, &(struct usage_query){.model = "nothing", .limit = 64}, &got), 0);
    /* from inclusive, to exclusive */
    assert_int_equal(history(f,
                             &(struct usage_query){
                                 .from_ms = T0 + 9 * HOUR, .to_ms = T0 + 30 * HOUR, .limit = 64},
                             &got),
                     7);
    assert_int_equal(got.row[0].cost, CENTS(9));
    assert_int_equal(got.row[6].cost, CENTS(3));
    assert_int_equal(history(f,
                             &(struct usage_query){.project = "odd",
                                                   .from_ms = T0 + 9 * HOUR,
                                                   .to_ms = T0 + 30 * HOUR,
                                                   .limit = 2,
                                                   .before_id = got.row[0].id},
                             &got),
                     2);
    assert_int_equal(got.row[0].cost, CENTS(7));
    assert_int_equal(
        history(f, &(struct usage_query){.from_ms = T0 + 900 * DAY, .limit = 64}, &got), 0);
}

/* Rows whose time runs backwards, as after a clock that jumped, are found by their time. */
static void history_survives_clock_jumps(void **state)
{
    struct fixture *f = *state;
    struct rows got;

    for (int i = 0; i < 20; i++)
        spend(f, "p", "gpt-4o", CENTS(i), T0 - i * DAY);
    assert_int_equal(history(f, &(struct usage_query){.from_ms = T0 - 5 * DAY, .limit = 64}, &got),
                     6);
    assert_int_equal(got.row[0].cost, CENTS(5));
}

struct groups {
    int n;
    char text[512];
};

static void take_group(void *ctx, const char *key, const struct usage_total *t)
{
    struct groups *g = ctx;
    size_t at = strlen(g->text);

    g->n++;
    snprintf(g->text + at, sizeof g->text - at, "%s=%lld/%lld ", key, (long long)t->requests,
             (long long)(t->cost / CENTS(1)));
}

static const char *by(struct fixture *f, struct usage_query q, enum usage_group group)
{
    static struct groups g;

    g = (struct groups){0};
    must(f, ledger_usage_by(f->l, &q, group, take_group, &g, &f->e));
    return g.text;
}

static void groups_sum_the_roll_up(void **state)
{
    struct fixture *f = *state;

    spend(f, "a", "gpt-4o", CENTS(1), T0);
    spend(f, "a", "gpt-5", CENTS(10), T0);
    spend(f, "b", "gpt-4o", CENTS(100), T0 + DAY);
    spend(f, "b", "gpt-4o", CENTS(1000), T0 + 2 * DAY);
    assert_string_equal(by(f, (struct usage_query){0}, GROUP_MODEL), "gpt-4o=3/1101 gpt-5=1/10 ");
    assert_string_equal(by(f, (struct usage_query){0}, GROUP_PROJECT), "b=2/1100 a=2/11 ");
    assert_string_equal(by(f, (struct usage_query){0}, GROUP_DAY),
                        "2026-11-24=2/11 2026-11-25=1/100 2026-11-26=1/1000 ");
    assert_string_equal(by(f, (struct usage_query){.project = "b"}, GROUP_DAY),
                        "2026-11-25=1/100 2026-11-26=1/1000 ");
    assert_string_equal(
        by(f, (struct usage_query){.from_ms = T0 + DAY, .to_ms = T0 + DAY + 1}, GROUP_MODEL),
        "gpt-4o=1/100 ");
    assert_string_equal(by(f, (struct usage_query){.model = "gpt-5"}, GROUP_PROJECT), "a=1/10 ");
    assert_string_equal(by(f, (struct usage_query){.project = "none"}, GROUP_DAY), "");
}

static void see_value(void *ctx, const char *key, struct span value)
{
    buf_printf(ctx, "%s=%.*s ", key, SPAN_FMT(value));
}

static void expect_values(struct fixture *f, const char *prefix, const char *expected)
{
    struct buf seen;

    buf_init(&seen, 0);
    buf_str(&seen, "");
    must(f, ledger_state_each(f->l, prefix, see_value, &seen, &f->e));
    assert_string_equal(seen.p, expected);
    buf_finish(&seen);
}

static void small_values_of_other_rooms(void **state)
{
    struct fixture *f = *state;

    ledger_state_put(f->l, "a:1", SPAN("one"));
    ledger_state_put(f->l, "a:2", SPAN("two"));
    ledger_state_put(f->l, "b:1", SPAN("other"));
    ledger_state_put(f->l, "a:1", SPAN("uno"));
    expect_values(f, "a:", "a:1=uno a:2=two ");
    ledger_state_put(f->l, "a:1", SPAN(""));
    ledger_state_put(f->l, "a:3", SPAN(""));
    fix_reopen(f);
    expect_values(f, "a:", "a:2=two ");
    expect_values(f, "", "a:2=two b:1=other ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(totals_show_what_was_just_settled),
        LEDGER_TEST(a_row_has_every_figure),
        LEDGER_TEST(unknown_usage_is_recorded_as_predicted),
        LEDGER_TEST(voided_requests_leave_no_row),
        LEDGER_TEST(odd_request_ids_come_back),
        LEDGER_TEST(history_pages_and_filters),
        LEDGER_TEST(history_survives_clock_jumps),
        LEDGER_TEST(groups_sum_the_roll_up),
        LEDGER_TEST(small_values_of_other_rooms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
