/* SPDX-License-Identifier: MIT */
#include "ledger_fixture.h"

#include "ledger/sqlite/inner.h"

/*
 * How SQLite would run each statement that the ledger has prepared: what grows with the requests is
 * never read from one end to the other.
 */

/* Read whole on purpose: one row in all; one row a project, a token, an alert, an hour that was
 * asked for; what was gathered from a few rows. */
static const char *const may_scan[] = {"ledger", "sqlite_master", "CONSTANT ROW", "t",
                                       "token",  "alert",         "hours",        "(subquery"};

/* Walks along a table's own order that end after a row, or so many: by their table. */
static const char *const walks[][2] = {
    {"series", "SELECT hour FROM series ORDER BY hour"},
    {"usage", "FROM usage ORDER BY id DESC LIMIT"},
};

/* Whether a step of a statement's plan reads all of a table that it may not. */
static bool is_bad(const char *sql, const char *step)
{
    const char *table = step + strlen("SCAN ");

    if (strncmp(step, "SCAN ", 5) != 0)
        return false;
    for (size_t i = 0; i < sizeof walks / sizeof *walks; i++)
        if (strcmp(table, walks[i][0]) == 0 && strstr(sql, walks[i][1]))
            return false;
    for (size_t i = 0; i < sizeof may_scan / sizeof *may_scan; i++) {
        size_t n = strlen(may_scan[i]);

        if (strncmp(table, may_scan[i], n) == 0 && strchr(" -", table[n]))
            return false;
    }
    return true;
}

/* The first bad step of its plan into `bad`, "" when there is none. */
static void plan(sqlite3 *conn, const char *sql, char bad[256])
{
    char *explain = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);
    sqlite3_stmt *st;

    assert_non_null(explain);
    if (sqlite3_prepare_v2(conn, explain, -1, &st, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(conn));
    *bad = '\0';
    while (!*bad && sqlite3_step(st) == SQLITE_ROW) {
        const char *step = (const char *)sqlite3_column_text(st, 3);

        if (is_bad(sql, step))
            snprintf(bad, 256, "%s", step);
    }
    sqlite3_finalize(st);
    sqlite3_free(explain);
}

/* ---- everything that is asked of a ledger while it runs ---- */

static void ignore_group(void *ctx, const char *key, const struct usage_total *t)
{
    (void)ctx;
    (void)key;
    (void)t;
}

static void ignore_row(void *ctx, const struct usage_row *row)
{
    (void)ctx;
    (void)row;
}

static void ignore_point(void *ctx, int64_t start_ms, const char *key, const struct usage_sums *t)
{
    (void)ctx;
    (void)start_ms;
    (void)key;
    (void)t;
}

static void ignore_budget(void *ctx, const struct budget *b)
{
    (void)ctx;
    (void)b;
}

static void ignore_token(void *ctx, const struct token *t)
{
    (void)ctx;
    (void)t;
}

static void ignore_state(void *ctx, const char *key, struct span value)
{
    (void)ctx;
    (void)key;
    (void)value;
}

static void spend(struct fixture *f)
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

static void read_usage(struct fixture *f)
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

static void use_the_rest(struct fixture *f)
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

static int check(struct db *db)
{
    char bad[256];
    int n = 0;

    for (size_t i = 0; i < DB_SLOTS; i++) {
        if (!db->slots[i].sql)
            continue;
        n++;
        plan(db->conn, db->slots[i].sql, bad);
        if (*bad)
            fail_msg("%s\n   of: %s", bad, db->slots[i].sql);
    }
    return n;
}

static void no_statement_scans(void **state)
{
    struct fixture *f = *state;
    struct sqlite_ledger *l = sqlite_of(f->l);
    int read = 0, written;

    spend(f);
    read_usage(f);
    use_the_rest(f);
    for (int i = 0; i < READERS_MAX; i++)
        if (l->readers.slots[i].open)
            read += check(&l->readers.slots[i].db);
    written = check(&l->db);
    print_message("%d statements that read, %d that write\n", read, written);
    assert_true(read >= 20 && written >= 20);
}

/* The check itself finds what it is for. */
static void scans_are_noticed(void **state)
{
    static const char *const statements[] = {
        "SELECT count(*) FROM usage WHERE cost > 5",
        "SELECT u.id FROM usage u ORDER BY u.created DESC LIMIT 20",
        "SELECT id FROM usage WHERE cost > 5 ORDER BY id DESC LIMIT 20",
        "SELECT sum(cost) FROM series",
        "SELECT d.day FROM daily d WHERE d.day > 5",
        "DELETE FROM usage WHERE created < 5",
        "SELECT id FROM budget WHERE scope <> 4",
    };
    struct fixture *f = *state;
    char bad[256];

    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        plan(sqlite_of(f->l)->db.conn, statements[i], bad);
        assert_string_not_equal(bad, "");
    }
    plan(sqlite_of(f->l)->db.conn, "SELECT cost FROM usage WHERE id = 5", bad);
    assert_string_equal(bad, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {LEDGER_TEST(no_statement_scans),
                                       LEDGER_TEST(scans_are_noticed)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
