/* SPDX-License-Identifier: MIT */
#include "ledger_everything.h"

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

    use_everything(f);
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
