/* SPDX-License-Identifier: MIT */
/* Opening: recovery of what a crash left, and what must not be opened. */
#include "ledger_fixture.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Runs f in a child that dies as by kill -9, holding what it holds. */
static void in_a_crash(struct fixture *f, void (*act)(struct fixture *f))
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        fix_open(f);
        act(f);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void leave_three_holds(struct fixture *f)
{
    struct budget b = a_budget("p", CENTS(100));

    set_budget(f, &b, T0);
    settle(f, reserve_amount(f, "p", CENTS(5), T0).hold_id, HOLD_SETTLED, CENTS(4));
    for (int i = 1; i <= 3; i++)
        reserve_amount(f, "p", CENTS(10 * i), T0);
    settle(f, reserve_amount(f, "p", CENTS(1), T0).hold_id, HOLD_VOIDED, 0);
}

static void count_interrupted(void *ctx, const struct usage_row *row)
{
    if (row->state != HOLD_INTERRUPTED)
        return;
    *(nano_t *)ctx += row->cost;
    assert_int_equal(row->cost, row->hold);
    assert_int_equal(row->input_tokens, 100);
    assert_int_equal(row->output_tokens, 200);
    assert_string_equal(row->model, "gpt-4o");
}

static void a_crash_leaves_interrupted_holds(void **state)
{
    struct fixture *f = *state;
    struct budget b;
    nano_t sum = 0;

    fix_close(f);
    in_a_crash(f, leave_three_holds);
    fix_open(f);
    assert_int_equal(f->found.holds, 3);
    assert_int_equal(f->found.amount, CENTS(60));
    b = get_budget(f, "p", T0);
    assert_int_equal(b.spent, CENTS(64));
    assert_int_equal(b.reserved, 0);
    assert_int_equal(usage_of(f, "p").requests, 4);
    assert_int_equal(
        ledger_history(f->l, &(struct usage_query){.limit = 100}, count_interrupted, &sum, &f->e),
        4);
    assert_int_equal(sum, CENTS(60));
    fix_reopen(f);
    assert_int_equal(f->found.holds, 0);
    assert_int_equal(get_budget(f, "p", T0).spent, CENTS(64));
}

/* Request 1 is one too many to be remembered with the 1,023 that follow and one that stays open. */
static void leave_many(struct fixture *f)
{
    for (int i = 1; i <= 1024; i++)
        settle_later(f, reserve_amount(f, "p", CENTS(1), T0).hold_id);
    reserve_amount(f, "p", CENTS(5), T0);
    usage_of(f, "p"); /* all is written */
}

static struct verdict ask_again(struct fixture *f, int number)
{
    struct reservation r = a_request(f, "p", CENTS(1), CENTS(1));

    snprintf(r.request_id, sizeof r.request_id, "req_%032x", number);
    return reserve(f, &r);
}

static void a_request_is_known_after_a_crash(void **state)
{
    struct fixture *f = *state;
    struct settlement s;
    struct usage_total before;
    struct verdict v;

    fix_close(f);
    in_a_crash(f, leave_many);
    fix_open(f);
    f->requests = 5000;
    before = usage_of(f, "p");
    assert_int_equal(before.requests, 1025);
    v = ask_again(f, 2); /* the oldest of the last 1,024: it was settled */
    assert_true(v.admitted);
    assert_int_equal(v.hold, CENTS(1));
    s = an_end(v.hold_id, HOLD_SETTLED, CENTS(1));
    assert_int_equal(ledger_settle(f->l, &s, true, NULL, &f->e), -1);
    assert_int_equal(f->e.code, ERR_EXISTS);
    v = ask_again(f, 1025); /* it was open, and has been interrupted */
    assert_true(v.admitted);
    assert_int_equal(v.hold, CENTS(5));
    assert_int_equal(usage_of(f, "p").requests, before.requests);
    assert_int_equal(usage_of(f, "p").cost, before.cost);
    ask_again(f, 1); /* too long ago */
    fix_reopen(f);
    assert_int_equal(f->found.holds, 1);
}

static void an_orderly_end_with_open_holds_is_as_a_crash(void **state)
{
    struct fixture *f = *state;

    reserve_amount(f, "p", CENTS(7), T0);
    fix_reopen(f);
    assert_int_equal(f->found.holds, 1);
    assert_int_equal(usage_of(f, "p").cost, CENTS(7));
}

static void refused(struct fixture *f, enum err_code code, const char *saying)
{
    struct ledger *l = NULL;

    assert_int_equal(ledger_open(&f->o, NULL, &l, &f->e), -1);
    assert_null(l);
    if (f->e.code != code || !strstr(f->e.msg, saying))
        fail_msg("code %d: %s", (int)f->e.code, f->e.msg);
}

static void a_second_daemon(void **state)
{
    struct fixture *f = *state;
    char link_path[128], pid[64];
    struct fixture second = *f;

    snprintf(pid, sizeof pid, "another process with id %ld has the database", (long)getpid());
    refused(&second, ERR_EXISTS, pid);
    snprintf(link_path, sizeof link_path, "%s/link.db", f->dir);
    assert_int_equal(symlink(f->path, link_path), 0);
    second.o.address = link_path;
    refused(&second, ERR_EXISTS, pid);
    fix_close(f);
    fix_open(&second);
    fix_close(&second);
}

static void write_file(const char *path, const void *p, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, p, n), n);
    close(fd);
}

static void something_that_is_no_database(void **state)
{
    struct fixture *f = *state;
    char text[9000], after[9000];
    int fd;

    fix_close(f);
    memset(text, 'x', sizeof text);
    write_file(f->path, text, sizeof text);
    refused(f, ERR_CORRUPT, "put a backup in its place");
    fd = open(f->path, O_RDONLY);
    assert_int_equal(read(fd, after, sizeof after), sizeof after);
    close(fd);
    assert_memory_equal(text, after, sizeof text);
    unlink(f->path);
    fix_open(f);
}

static void the_database_of_another_program(void **state)
{
    struct fixture *f = *state;
    sqlite3 *other;

    fix_close(f);
    unlink(f->path);
    assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "CREATE TABLE song(title)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    refused(f, ERR_CORRUPT, "database of another program");
    unlink(f->path);
    fix_open(f);
}

static void a_newer_schema(void **state)
{
    struct fixture *f = *state;
    struct buf summary;
    sqlite3 *db;

    fix_close(f);
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
    refused(f, ERR_INVALID, "schema 99");
    buf_init(&summary, 0);
    assert_int_equal(ledger_verify(f->path, NULL, &summary, &f->e), -1);
    buf_finish(&summary);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 1", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* Each page in turn is overwritten: opening says so or works; nothing crashes, nothing is
 * recreated. */
static void damaged_pages(void **state)
{
    struct fixture *f = *state;
    char keep[160], cmd[512], garbage[4096];
    struct stat st;
    int refusals = 0;

    leave_three_holds(f);
    fix_close(f);
    assert_int_equal(stat(f->path, &st), 0);
    snprintf(keep, sizeof keep, "%s/keep.db", f->dir);
    snprintf(cmd, sizeof cmd, "cp '%s' '%s'", f->path, keep);
    assert_int_equal(system(cmd), 0);
    memset(garbage, 0xa5, sizeof garbage);
    for (off_t page = 0; page < st.st_size / 4096; page++) {
        struct ledger *l = NULL;
        int fd;

        snprintf(cmd, sizeof cmd, "rm -f '%s-wal' '%s-shm'; cp '%s' '%s'", f->path, f->path, keep,
                 f->path);
        assert_int_equal(system(cmd), 0);
        fd = open(f->path, O_WRONLY);
        assert_int_equal(pwrite(fd, garbage, sizeof garbage, page * 4096), sizeof garbage);
        close(fd);
        if (ledger_open(&f->o, NULL, &l, &f->e) != 0) {
            refusals++;
            assert_int_equal(f->e.code, ERR_CORRUPT);
        }
        ledger_close(l);
    }
    assert_true(refusals >= 8); /* the first page, the schema's, and each checked table's */
    snprintf(cmd, sizeof cmd, "rm -f '%s-wal' '%s-shm'; cp '%s' '%s'", f->path, f->path, keep,
             f->path);
    assert_int_equal(system(cmd), 0);
}

static void bad_places(void **state)
{
    struct fixture *f = *state, other = *f;
    struct stat st;

    other.o.address = "/nonexistent/ledger.db";
    refused(&other, ERR_IO, "No such file or directory");
    other.o.address = f->dir;
    refused(&other, ERR_IO, f->dir);
    other.o.address = "";
    refused(&other, ERR_INVALID, "must be a file");
    other.o.address = ":memory:";
    refused(&other, ERR_INVALID, "must be a file");
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void pragmas(void **state)
{
    struct fixture *f = *state;
    sqlite3 *db;
    sqlite3_stmt *st;

    assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(st, 0), "wal");
    sqlite3_finalize(st);
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(a_crash_leaves_interrupted_holds),
        LEDGER_TEST(a_request_is_known_after_a_crash),
        LEDGER_TEST(an_orderly_end_with_open_holds_is_as_a_crash),
        LEDGER_TEST(a_second_daemon),
        LEDGER_TEST(something_that_is_no_database),
        LEDGER_TEST(the_database_of_another_program),
        LEDGER_TEST(a_newer_schema),
        LEDGER_TEST(damaged_pages),
        LEDGER_TEST(bad_places),
        LEDGER_TEST(pragmas),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
