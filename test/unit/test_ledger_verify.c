/* SPDX-License-Identifier: MIT */
/* The proof finds every way in which a ledger can be wrong; the copy is whole. */
#include "ledger_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <sys/stat.h>

static int verify(struct fixture *f, struct buf *summary)
{
    int rc;

    buf_init(summary, 0);
    rc = ledger_verify(f->path, NULL, summary, &f->e);
    return rc;
}

/* A bit of everything, settled and open. */
static void live(struct fixture *f)
{
    struct budget b = a_budget("p", CENTS(100));
    struct reservation r;

    b.enforcement = ENFORCE_STRICT;
    b.period = PERIOD_DAYS;
    b.period_days = 1;
    set_budget(f, &b, T0);
    for (int day = 0; day < 3; day++)
        for (int i = 0; i < 10; i++) {
            struct verdict v = reserve_amount(f, "p", CENTS(5), T0 + day * DAY + i);

            settle(f, v.hold_id, i % 3 ? HOLD_SETTLED : HOLD_VOIDED, CENTS(4));
        }
    settle(f, reserve_amount(f, "q", CENTS(5), T0).hold_id, HOLD_ESTIMATED, CENTS(5));
    reserve_amount(f, "p", CENTS(7), T0 + 2 * DAY);
    r = a_request(f, "p", CENTS(1), CENTS(2));
    r.now_ms = T0 + 2 * DAY;
    settle(f, reserve(f, &r).hold_id, HOLD_SETTLED, CENTS(3)); /* an overrun of 1 */
}

static void a_sound_ledger_live_and_stopped(void **state)
{
    struct fixture *f = *state;
    struct buf summary;

    must(f, verify(f, &summary));
    buf_finish(&summary);
    live(f);
    must(f, verify(f, &summary));
    assert_string_equal(summary.p,
                        "20 usage rows, 12 voided, 1 open holds, 3 periods; 33 admissions "
                        "replayed against their limits\n");
    buf_finish(&summary);
    fix_close(f);
    must(f, verify(f, &summary));
    buf_finish(&summary);
}

/* Each row is one lie told to the database; verify names it. */
static const struct {
    const char *lie, *found;
} lies[] = {
    {"UPDATE period SET spent = spent + 1 WHERE id = 2", "period 2 keeps"},
    {"UPDATE period SET spent = spent - 1 WHERE id = 3", "period 3 keeps"},
    {"UPDATE period SET held = held + 1 WHERE id = 4", "as held"},
    {"UPDATE period SET held = 0", "as held"},
    {"DELETE FROM hold", "as held"},
    {"UPDATE usage SET cost = cost + 1 WHERE id = (SELECT max(id) FROM usage)", "keeps"},
    {"UPDATE usage SET cost = -1 WHERE id = (SELECT max(id) FROM usage)", "CHECK constraint"},
    {"UPDATE usage SET t0 = -1 WHERE id = (SELECT max(id) FROM usage)", "negative figure"},
    {"UPDATE usage SET state = 2 WHERE id = (SELECT max(id) FROM usage)", "the state 2"},
    {"UPDATE usage SET state = 0 WHERE id = (SELECT max(id) FROM usage)", "the state 0"},
    {"DELETE FROM usage WHERE id = (SELECT max(id) FROM usage)", "keeps"},
    {"DELETE FROM usage WHERE at2 = 0", "not the sum of its rows"},
    {"UPDATE usage SET created = created + 86400000 WHERE at2 = 0", "is not the sum"},
    {"UPDATE usage SET t7 = t7 + 1 WHERE at2 = 0", "is not the sum"},
    {"INSERT INTO voided SELECT id, lag, amount, at1, at2, at3, at4 FROM usage LIMIT 1",
     "ended more than once"},
    {"INSERT INTO voided SELECT id, 1, amount, at1, at2, at3, at4 FROM hold",
     "ended more than once"},
    {"UPDATE usage SET lag = 0 WHERE id = (SELECT min(id) FROM usage)", "order of events"},
    {"UPDATE usage SET lag = 9999 WHERE id = (SELECT min(id) FROM usage)", "order of events"},
    {"UPDATE ledger SET seq = seq - 1", "order of events"},
    {"UPDATE usage SET lag = lag + 2 WHERE id = (SELECT min(id) FROM usage)", "end as event"},
    {"UPDATE daily SET cost = cost + 1", "the roll-up of project"},
    {"UPDATE daily SET last = 0", "the roll-up of project"},
    {"DELETE FROM daily WHERE rowid_is_none", "no such column"},
    {"DELETE FROM daily", "missing in the roll-up"},
    {"UPDATE total SET requests = requests + 1", "the hourly sums"},
    {"DELETE FROM total", "the hourly sums"},
    {"DELETE FROM total WHERE project = (SELECT min(project) FROM total)", "the hourly sums"},
    {"UPDATE total SET output = output + 1", "the total of project"},
    {"UPDATE series SET cost = cost + 1 WHERE view = 0", "hourly sums (view 0)"},
    {"UPDATE series SET requests = requests + 1 WHERE view = -1", "hourly sums (view 1)"},
    {"DELETE FROM series WHERE view > 0", "hourly sums (view 2)"},
    {"INSERT INTO archive SELECT project, day, model, requests, input, output, cost FROM daily "
     "LIMIT 1",
     "is not the sum"},
    {"UPDATE ledger SET overrun = 0", "overrun"},
    {"UPDATE period_cap SET cap = 200000000 WHERE period = 3", "above its limit"},
    {"UPDATE usage SET amount = 2000000000 WHERE id = (SELECT max(id) FROM usage)",
     "above its limit"},
    {"UPDATE budget SET cap = cap + 1", "limit of budget 1 is not the one on record"},
    {"DELETE FROM period_cap WHERE period = 2", "no limit on record"},
    {"UPDATE budget SET period = 99", "no running period"},
    {"DELETE FROM budget", "belongs to no budget"},
    {"UPDATE usage SET at1 = 77 WHERE id = (SELECT max(id) FROM usage)", "which is missing"},
    {"UPDATE period SET archived = 1 WHERE id = 2", "keeps"},
    {"UPDATE period SET end = 5 WHERE id = 2", "impossible figures"},
    {"UPDATE ledger SET ids = 0", "never given"},
    {"DELETE FROM ledger", "own row is missing"},
};

/* Applies a lie inside a transaction of its own copy; what SQLite itself refuses counts as found.
 */
static void tell(struct fixture *f, size_t i)
{
    struct buf summary;
    char *why = NULL;
    sqlite3 *db;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    if (sqlite3_exec(db, lies[i].lie, NULL, NULL, &why) != SQLITE_OK) {
        if (!strstr(why, lies[i].found))
            fail_msg("%s: %s", lies[i].lie, why);
        sqlite3_free(why);
        sqlite3_close(db);
        return;
    }
    sqlite3_close(db);
    if (verify(f, &summary) == 0)
        fail_msg("not found: %s", lies[i].lie);
    buf_finish(&summary);
    if (!strstr(f->e.msg, lies[i].found))
        fail_msg("%s: %s", lies[i].lie, f->e.msg);
    assert_int_equal(f->e.code, ERR_CORRUPT);
}

static void copy_file(const char *from, const char *to)
{
    char cmd[512];

    snprintf(cmd, sizeof cmd, "cp '%s' '%s'", from, to);
    assert_int_equal(system(cmd), 0);
}

static void every_lie_is_found(void **state)
{
    struct fixture *f = *state;
    char keep[128];

    live(f);
    fix_close(f);
    snprintf(keep, sizeof keep, "%s/keep.db", f->dir);
    copy_file(f->path, keep);
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        tell(f, i);
        copy_file(keep, f->path);
    }
}

static void not_a_ledger(void **state)
{
    struct fixture *f = *state, other = *f;
    struct buf summary;
    sqlite3 *db;

    snprintf(other.path, sizeof other.path, "%.64s/none.db", f->dir);
    assert_int_equal(verify(&other, &summary), -1);
    assert_int_equal(other.e.code, ERR_IO);
    assert_int_equal(sqlite3_open(other.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE song(title)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(verify(&other, &summary), -1);
    assert_int_equal(other.e.code, ERR_CORRUPT);
}

static void damaged_pages_are_found_or_harmless(void **state)
{
    struct fixture *f = *state;
    char keep[128], garbage[1024];
    struct buf summary;
    struct stat st;
    int found = 0;

    live(f);
    fix_close(f);
    snprintf(keep, sizeof keep, "%s/keep.db", f->dir);
    copy_file(f->path, keep);
    assert_int_equal(stat(f->path, &st), 0);
    memset(garbage, 0xa5, sizeof garbage);
    for (off_t at = 0; at < st.st_size; at += 1024) {
        int fd = open(f->path, O_WRONLY);

        assert_int_equal(pwrite(fd, garbage, sizeof garbage, at), sizeof garbage);
        close(fd);
        found += verify(f, &summary) != 0;
        buf_finish(&summary);
        copy_file(keep, f->path);
    }
    assert_true(found >= 20);
}

static void progress_is_told_and_stops(void **state)
{
    struct fixture *f = *state;
    struct impatient i = {.patience = INT_MAX};
    struct onlooker o = {see_or_stop, &i};
    struct buf summary;

    live(f);
    buf_init(&summary, 0);
    must(f, ledger_verify(f->path, &o, &summary, &f->e));
    assert_true(i.seen >= 1);
    i = (struct impatient){.patience = 0};
    assert_int_equal(ledger_verify(f->path, &o, &summary, &f->e), -1);
    assert_int_equal(f->e.code, ERR_STOPPED);
    buf_finish(&summary);
}

static void a_backup_of_a_live_ledger_is_whole(void **state)
{
    struct fixture *f = *state, copy = *f;
    char to[128];
    struct stat st;

    live(f);
    snprintf(to, sizeof to, "%s/copy.db", f->dir);
    must(f, ledger_backup(f->path, to, NULL, &f->e));
    assert_int_equal(stat(to, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    reserve_amount(f, "p", CENTS(1), T0 + 2 * DAY); /* the original goes on */
    snprintf(copy.path, sizeof copy.path, "%.90s", to);
    copy.o.address = to;
    fix_open(&copy);
    assert_int_equal(copy.found.holds, 1);
    assert_int_equal(usage_of(&copy, "q").cost, CENTS(5));
    fix_close(&copy);
    assert_int_equal(ledger_backup(f->path, to, NULL, &f->e), -1);
    assert_int_equal(f->e.code, ERR_EXISTS);
    assert_int_equal(ledger_backup(f->path, "/nonexistent/copy.db", NULL, &f->e), -1);
    assert_int_equal(f->e.code, ERR_IO);
    fix_close(f);
    unlink(to);
    must(f, ledger_backup(f->path, to, NULL, &f->e));
}

static int entries(const char *dir)
{
    DIR *d = opendir(dir);
    int n = 0;

    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* Stopped at any step, a copy leaves nothing behind. */
static void a_backup_stops_when_told(void **state)
{
    struct fixture *f = *state;
    char to[128];
    int before, steps = 0;

    for (int i = 0; i < 8000; i++)
        settle_later(f, reserve_amount(f, "p", CENTS(1), T0 + i * HOUR).hold_id);
    snprintf(to, sizeof to, "%s/copy.db", f->dir);
    usage_of(f, "p"); /* all is written */
    before = entries(f->dir);
    for (;; steps++) {
        struct impatient i = {.patience = steps};
        struct onlooker o = {see_or_stop, &i};

        if (ledger_backup(f->path, to, &o, &f->e) == 0)
            break;
        assert_int_equal(f->e.code, ERR_STOPPED);
        assert_int_equal(entries(f->dir), before);
    }
    assert_true(steps >= 1);
    assert_int_equal(entries(f->dir), before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(a_sound_ledger_live_and_stopped),
        LEDGER_TEST(every_lie_is_found),
        LEDGER_TEST(not_a_ledger),
        LEDGER_TEST(damaged_pages_are_found_or_harmless),
        LEDGER_TEST(progress_is_told_and_stops),
        LEDGER_TEST(a_backup_of_a_live_ledger_is_whole),
        LEDGER_TEST(a_backup_stops_when_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
