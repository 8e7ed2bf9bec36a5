/* SPDX-License-Identifier: MIT */
#include "ledger_fixture.h"

#include <sqlite3.h>

static void spend(struct fixture *f, const char *project, const char *model, nano_t cost, int64_t at)
{
    struct reservation r = a_request(f, project, cost * 2, cost * 2);
    struct settlement s;

    r.now_ms = at;
    s = an_end(reserve(f, &r).hold_id, HOLD_SETTLED, cost);
    snprintf(s.model, sizeof s.model, "%s", model);
    s.streamed = true;
    s.saved = CENTS(3);
    s.premium = CENTS(1);
    must(f, ledger_settle(f->l, &s, true, NULL, &f->e));
}

struct point {
    int64_t start;
    char key[64];
    struct usage_sums sums;
};

struct points {
    struct point list[64];
    int n;
};

static void take(void *ctx, int64_t start_ms, const char *key, const struct usage_sums *t)
{
    struct points *p = ctx;
    struct point *one = &p->list[p->n++];

    one->start = start_ms;
    snprintf(one->key, sizeof one->key, "%s", key);
    one->sums = *t;
}

static struct points read_series(struct fixture *f, struct series_query q)
{
    struct points p = {.n = 0};

    must(f, ledger_series(f->l, &q, take, &p, &f->e));
    return p;
}

static const struct point *find(const struct points *p, int64_t start, const char *key)
{
    for (int i = 0; i < p->n; i++)
        if (p->list[i].start == start && !strcmp(p->list[i].key, key))
            return &p->list[i];
    fail_msg("no %s at %lld among %d", key, (long long)start, p->n);
    return NULL;
}

#define H0 (T0 / HOUR * HOUR)
#define D0 (T0 / DAY * DAY)

static void fill(struct fixture *f)
{
    spend(f, "a", "gpt-4o", CENTS(1), T0);
    spend(f, "a", "gpt-4o", CENTS(2), T0 + 1);
    spend(f, "a", "claude", CENTS(4), T0 + HOUR);
    spend(f, "b", "gpt-4o", CENTS(8), T0 + HOUR);
    spend(f, "b", "gpt-4o", CENTS(16), T0 + DAY);
}

static void hours_by_model(void **state)
{
    struct fixture *f = *state;
    struct points p;
    const struct usage_sums *t;

    fill(f);
    p = read_series(f, (struct series_query){.from_ms = T0, .to_ms = T0 + 2 * HOUR, .hours = 1});
    assert_int_equal(p.n, 3);
    t = &find(&p, H0, "gpt-4o")->sums;
    assert_int_equal(t->requests, 2);
    assert_int_equal(t->cost, CENTS(3));
    assert_int_equal(t->predicted, CENTS(6));
    assert_int_equal(t->input, 200);
    assert_int_equal(t->output, 300);
    assert_int_equal(t->cached, 20);
    assert_int_equal(t->saved, CENTS(4));
    assert_int_equal(t->streams, 2);
    assert_int_equal(t->ttft_ms, 400);
    assert_int_equal(t->duration_ms, 2000);
    assert_int_equal(t->estimated, 0);
    assert_int_equal(find(&p, H0 + HOUR, "gpt-4o")->sums.cost, CENTS(8));
    assert_int_equal(find(&p, H0 + HOUR, "claude")->sums.cost, CENTS(4));
}

static void days_by_project_and_models_of_one(void **state)
{
    struct fixture *f = *state;
    struct points p;

    fill(f);
    p = read_series(f, (struct series_query){.by_project = true, .from_ms = D0, .to_ms = D0 + 2 * DAY,
                                             .hours = 24});
    assert_int_equal(p.n, 3);
    assert_int_equal(find(&p, D0, "a")->sums.cost, CENTS(7));
    assert_int_equal(find(&p, D0, "b")->sums.cost, CENTS(8));
    assert_int_equal(find(&p, D0 + DAY, "b")->sums.cost, CENTS(16));
    p = read_series(f, (struct series_query){.project = "a", .from_ms = 0, .to_ms = T0 + 9 * DAY,
                                             .hours = 24});
    assert_int_equal(p.n, 2);
    assert_int_equal(find(&p, D0, "claude")->sums.cost, CENTS(4));
    p = read_series(f, (struct series_query){.project = "never", .to_ms = T0 + DAY, .hours = 24});
    assert_int_equal(p.n, 0);
}

static void charged_holds_count_as_estimated(void **state)
{
    struct fixture *f = *state;
    struct points p;

    reserve_amount(f, "a", CENTS(5), T0);
    fix_reopen(f); /* as after a crash */
    p = read_series(f, (struct series_query){.from_ms = T0, .to_ms = T0 + HOUR, .hours = 1});
    assert_int_equal(p.n, 1);
    assert_int_equal(p.list[0].sums.estimated, 1);
    assert_int_equal(p.list[0].sums.cost, CENTS(5));
    assert_int_equal(p.list[0].sums.duration_ms, 0);
}

/* The proof at the end of each test compares the hours with the totals; here that it would notice. */
static void a_wrong_hour_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct buf summary;
    sqlite3 *db;

    sqlite_only();
    fill(f);
    fix_close(f);
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE series SET cost = cost + 1 WHERE view = -1 AND key ="
                                      " (SELECT min(key) FROM series WHERE view = -1)", NULL, NULL, NULL),
                     SQLITE_OK);
    buf_init(&summary, 0);
    assert_int_equal(ledger_verify(f->path, NULL, &summary, &f->e), -1);
    assert_int_equal(f->e.code, ERR_CORRUPT);
    assert_non_null(strstr(f->e.msg, "hourly sums"));
    assert_int_equal(sqlite3_exec(db, "UPDATE series SET cost = cost - 1 WHERE view = -1 AND key ="
                                      " (SELECT min(key) FROM series WHERE view = -1)", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    buf_finish(&summary);
}

static void alerts_are_sent_once(void **state)
{
    struct fixture *f = *state;
    struct alert a = {.id = "alert_1", .scope = SCOPE_PROJECT, .key = "a", .period_ms = T0, .threshold = 80,
                      .created_ms = T0 + 5, .url = "https://example.org/x", .body = "{}"}, got;
    bool added, known;

    must(f, ledger_alert_known(f->l, &a, &known, &f->e));
    assert_false(known);
    must(f, ledger_alert_add(f->l, &a, &added, &f->e));
    assert_true(added);
    strcpy(a.id, "alert_2");
    must(f, ledger_alert_add(f->l, &a, &added, &f->e));
    assert_false(added);
    must(f, ledger_alert_known(f->l, &a, &known, &f->e));
    assert_true(known);
    fix_reopen(f); /* it waits through a restart */
    must(f, ledger_alert_next(f->l, &got, &f->e));
    assert_string_equal(got.id, "alert_1");
    assert_string_equal(got.url, a.url);
    assert_int_equal(got.next_ms, T0 + 5);
    must(f, ledger_alert_tried(f->l, got.id, false, T0 + 99, &f->e));
    must(f, ledger_alert_next(f->l, &got, &f->e));
    assert_int_equal(got.tries, 1);
    assert_int_equal(got.next_ms, T0 + 99);
    must(f, ledger_alert_tried(f->l, got.id, true, 0, &f->e));
    assert_int_equal(ledger_alert_next(f->l, &got, &f->e), -1);
    assert_int_equal(f->e.code, ERR_NOT_FOUND);
    a.period_ms += DAY; /* the next period's is another */
    strcpy(a.id, "alert_3");
    must(f, ledger_alert_add(f->l, &a, &added, &f->e));
    assert_true(added);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(hours_by_model),
        LEDGER_TEST(days_by_project_and_models_of_one),
        LEDGER_TEST(charged_holds_count_as_estimated),
        LEDGER_TEST(a_wrong_hour_is_noticed),
        LEDGER_TEST(alerts_are_sent_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
