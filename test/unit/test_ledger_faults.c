/* SPDX-License-Identifier: MIT */
/* The disk fails at every call in turn: nothing acknowledged is lost, nothing is counted twice, and
 * a ledger that cannot write says so for ever (I6). */
#include "ledger_script.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fault_vfs.h"

static void remove_files(struct fixture *f)
{
    char cmd[256];

    snprintf(cmd, sizeof cmd, "rm -f '%s'*", f->path);
    assert_int_equal(system(cmd), 0);
}

/* One script with the nth call of those kinds failing. False when there were fewer calls. */
static bool one_failure(struct fixture *f, unsigned kinds, long n, bool sticky)
{
    struct script s = {.f = f};
    bool hit, failed;

    remove_files(f);
    fix_open(f);
    fault_arm(kinds, n, sticky, 0);
    script_run(&s);
    hit = fault_was_hit();
    fault_disarm();
    failed = ledger_failed(f->l);
    for (int i = 0; i < s.failures && i < 64; i++)
        if (s.codes[i] != ERR_IO &&
            s.codes[i] != ERR_NOT_FOUND) /* a budget that could not be made */
            fail_msg("call %ld: code %d", n, (int)s.codes[i]);
    if (hit && sticky && kinds & (FAULT_WRITE | FAULT_SYNC))
        assert_true(failed);
    fix_reopen(f);
    assert_false(ledger_failed(f->l));
    script_check(&s, failed);
    fix_close(f);
    prove(f);
    return hit;
}

static void every_call(void **state, unsigned kinds, bool sticky)
{
    struct fixture *f = *state;
    long n = 0;

    fix_close(f);
    while (one_failure(f, kinds, ++n, sticky))
        ;
    print_message("           %ld calls\n", n - 1);
    assert_true(n > 3);
}

static void reads_fail_once(void **state)
{
    every_call(state, FAULT_READ | FAULT_SIZE | FAULT_SHM | FAULT_LOCK | FAULT_OPEN, false);
}

static void writes_fail_once(void **state)
{
    every_call(state, FAULT_WRITE | FAULT_TRUNCATE, false);
}

static void writes_fail_from_then_on(void **state)
{
    every_call(state, FAULT_WRITE, true);
}

static void syncs_fail_once(void **state)
{
    every_call(state, FAULT_SYNC, false);
}

static void syncs_fail_from_then_on(void **state)
{
    every_call(state, FAULT_SYNC, true);
}

/* A write that fails makes the ledger refuse everything, though the disk would work again. */
static void a_failed_ledger_stays_failed(void **state)
{
    struct fixture *f = *state;
    struct reservation r = a_request(f, "p", 1, 1);
    struct verdict v = reserve_amount(f, "p", CENTS(1), T0);
    struct settlement s = an_end(v.hold_id, HOLD_SETTLED, 1);

    fault_arm(FAULT_SYNC, 1, false, 0);
    assert_int_equal(ledger_reserve(f->l, &r, &v, &f->e), -1);
    assert_int_equal(f->e.code, ERR_IO);
    fault_disarm();
    assert_true(ledger_failed(f->l));
    assert_int_equal(ledger_reserve(f->l, &r, &v, &f->e), -1);
    assert_int_equal(f->e.code, ERR_IO);
    assert_int_equal(ledger_settle(f->l, &s, true, NULL, &f->e), -1);
    assert_int_equal(f->e.code, ERR_IO);
    assert_int_equal(ledger_settle(f->l, &s, false, NULL, &f->e), -1);
    assert_int_equal(f->e.code, ERR_IO);
    fix_reopen(f);
    assert_in_range(f->found.holds, 1,
                    2); /* the failed one may have reached the disk: then it counts */
}

/* A hold whose commit failed may be on the disk or not; tried again after the restart, it is held
 * or charged once. */
static void a_hold_in_doubt_is_charged_once(void **state)
{
    struct fixture *f = *state;

    for (unsigned kind = FAULT_WRITE; kind <= FAULT_SYNC; kind *= 2) {
        struct reservation r = a_request(f, "p", CENTS(3), CENTS(3));
        struct verdict v;
        nano_t before = usage_of(f, "p").cost;

        fault_arm(kind, 1, false, 0);
        assert_int_equal(ledger_reserve(f->l, &r, &v, &f->e), -1);
        assert_int_equal(f->e.code, ERR_IO);
        fault_disarm();
        fix_reopen(f);
        v = reserve(f, &r);
        assert_true(v.admitted);
        fix_reopen(f);
        assert_int_equal(usage_of(f, "p").cost, before + CENTS(3));
    }
}

static void opening_fails_cleanly(void **state)
{
    struct fixture *f = *state;
    struct ledger *l;
    long n = 0;
    bool hit = true;

    reserve_amount(f, "p", CENTS(3), T0); /* so that there is something to recover */
    fix_close(f);
    for (; hit; n++) {
        char cmd[256];

        fault_arm(FAULT_ALL, n + 1, false, 0);
        l = NULL;
        if (ledger_open(&f->o, &f->found, &l, &f->e) != 0)
            assert_null(l);
        hit = fault_was_hit();
        fault_disarm();
        ledger_close(l);
        snprintf(cmd, sizeof cmd, "rm -f '%s-ballast'", f->path);
        assert_int_equal(system(cmd), 0);
    }
    print_message("           %ld calls\n", n - 1);
    fix_open(f);
    assert_int_equal(usage_of(f, "p").cost, CENTS(3));
}

/* ---- a full disk ---- */

static void full_by_vfs_and_back(void **state)
{
    struct fixture *f = *state;
    struct reservation r = a_request(f, "p", 1, 1);
    int64_t open = reserve_amount(f, "p", CENTS(4), T0).hold_id;
    struct settlement s = an_end(open, HOLD_SETTLED, CENTS(2));
    struct verdict v;

    fault_arm(FAULT_WRITE, 1, true, SQLITE_FULL);
    assert_int_equal(ledger_reserve(f->l, &r, &v, &f->e), -1);
    assert_int_equal(f->e.code, ERR_BUSY);
    assert_int_equal(ledger_settle(f->l, &s, true, NULL, &f->e), -1);
    assert_int_equal(f->e.code, ERR_BUSY); /* kept: to be written as soon as it fits */
    assert_false(ledger_failed(f->l));
    fault_disarm();
    while (usage_of(f, "p").cost != CENTS(2))
        ;
    while (ledger_reserve(f->l, &r, &v, &f->e) != 0)
        assert_int_equal(f->e.code, ERR_BUSY);
    assert_true(v.admitted);
    assert_false(ledger_failed(f->l));
}

static void fill_disk(const char *dir)
{
    char path[160], block[4096];
    int fd;

    memset(block, 'x', sizeof block);
    snprintf(path, sizeof path, "%s/filler", dir);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(fd >= 0);
    while (write(fd, block, sizeof block) == sizeof block)
        ;
    while (write(fd, block, 1) == 1)
        ;
    close(fd);
}

static int unmount_and_teardown(void **state)
{
    struct fixture *f = *state;

    umount2(f->dir, MNT_DETACH); /* what a failed test left */
    return fix_teardown(state);
}

/* A real full file system: new work is refused, everything in flight still settles on the ballast.
 */
static void a_full_file_system(void **state)
{
    struct fixture *f = *state;
    int64_t holds[200];
    struct ledger_stats stats;
    struct reservation r;
    struct verdict v;
    char filler[160];

    fix_close(f);
    if (mount("tmpfs", f->dir, "tmpfs", 0, "size=4m") != 0) {
        fix_open(f);
        print_message("SKIPPED: no right to mount a small file system\n");
        skip();
    }
    f->o.ballast = 1 << 20;
    fix_open(f);
    for (int i = 0; i < 200; i++)
        holds[i] = reserve_amount(f, "p", CENTS(4), T0).hold_id;
    fill_disk(f->dir);
    do { /* what is left of the log's last page */
        r = a_request(f, "p", 1, 1);
    } while (ledger_reserve(f->l, &r, &v, &f->e) == 0 &&
             (settle(f, v.hold_id, HOLD_VOIDED, 0), true));
    assert_int_equal(f->e.code, ERR_BUSY);
    for (int i = 0; i < 200; i++)
        settle(f, holds[i], HOLD_SETTLED, CENTS(3));
    assert_int_equal(usage_of(f, "p").cost, 200 * CENTS(3));
    assert_int_equal(ledger_reserve(f->l, &r, &v, &f->e), -1);
    assert_int_equal(f->e.code, ERR_BUSY);
    assert_false(ledger_failed(f->l));

    snprintf(filler, sizeof filler, "%s/filler", f->dir);
    ledger_stats(f->l, &stats);
    assert_true(stats.disk_full);
    unlink(filler);
    while (ledger_reserve(f->l, &r, &v, &f->e) != 0)
        assert_int_equal(f->e.code, ERR_BUSY);
    ledger_stats(f->l, &stats);
    assert_false(stats.disk_full);
    settle(f, v.hold_id, HOLD_SETTLED, CENTS(1));
    fix_close(f);
    prove(f);
    assert_int_equal(umount(f->dir), 0);
    fix_open(f);
}

/* ---- another program's lock ---- */

static sqlite3 *take_write_lock(struct fixture *f)
{
    sqlite3 *other;

    assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return other;
}

static void locked_by_another_program(void **state)
{
    struct fixture *f = *state;
    struct reservation r = a_request(f, "p", 1, 1);
    struct ledger_stats stats;
    struct settlement s;
    struct verdict v;
    sqlite3 *other;
    nano_t cost;

    fix_close(f);
    f->o.busy_timeout_ms = 20;
    fix_open(f);
    s = an_end(reserve_amount(f, "p", CENTS(4), T0).hold_id, HOLD_SETTLED, CENTS(2));
    other = take_write_lock(f);
    assert_int_equal(ledger_reserve(f->l, &r, &v, &f->e), -1);
    assert_int_equal(f->e.code, ERR_BUSY);
    assert_int_equal(ledger_settle(f->l, &s, false, NULL, &f->e), 0);
    assert_int_equal(usage_of(f, "p").cost, 0);
    assert_false(ledger_failed(f->l));
    ledger_stats(f->l, &stats);
    assert_true(stats.locked >= 2);
    sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(other);
    do
        cost = usage_of(f, "p").cost;
    while (cost == 0); /* tried again until it was written */
    assert_int_equal(cost, CENTS(2));
    must(f, ledger_reserve(f->l, &r, &v, &f->e)); /* tried again, and again: held once */
    must(f, ledger_reserve(f->l, &r, &v, &f->e));
    ledger_stats(f->l, &stats);
    assert_int_equal(stats.holds_open, 1);
}

/* The writer stops while a settlement cannot be written: the next start charges the hold. */
static void closed_while_locked(void **state)
{
    struct fixture *f = *state;
    struct settlement s;
    sqlite3 *other;

    fix_close(f);
    f->o.busy_timeout_ms = 1;
    fix_open(f);
    s = an_end(reserve_amount(f, "p", CENTS(4), T0).hold_id, HOLD_SETTLED, CENTS(2));
    other = take_write_lock(f);
    must(f, ledger_settle(f->l, &s, false, NULL, &f->e));
    fix_close(f);
    sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(other);
    fix_open(f);
    assert_int_equal(f->found.holds, 1);
    assert_int_equal(usage_of(f, "p").cost, CENTS(4));
}

/* ---- a reader that keeps an old state open ---- */

static off_t size_of_log(struct fixture *f)
{
    char path[128];
    struct stat st;

    snprintf(path, sizeof path, "%s-wal", f->path);
    return stat(path, &st) == 0 ? st.st_size : 0;
}

static bool says(const char *path, const char *what)
{
    FILE *log = fopen(path, "r");
    bool said = false;
    char line[512];

    assert_non_null(log);
    while (fgets(line, sizeof line, log))
        said = said || strstr(line, what);
    fclose(log);
    return said;
}

static void the_log_grows_with_a_warning_and_shrinks(void **state)
{
    struct fixture *f = *state;
    static char value[1 << 20];
    char path[128], key[32];
    struct ledger_stats s;
    sqlite3_stmt *st;
    sqlite3 *reader;
    int keep = dup(STDERR_FILENO), fd;

    assert_int_equal(sqlite3_open_v2(f->path, &reader, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(reader, "SELECT count(*) FROM usage", -1, &st, NULL), 0);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    snprintf(path, sizeof path, "%s/log", f->dir);
    fd = open(path, O_RDWR | O_CREAT, 0600);
    dup2(fd, STDERR_FILENO);
    close(fd);
    for (int i = 0; i < 80; i++) {
        snprintf(key, sizeof key, "test:%d", i);
        memset(value, i, sizeof value);
        ledger_state_put(f->l, key, (struct span){value, sizeof value});
        reserve_amount(f, "p", 1, T0);
    }
    assert_true(size_of_log(f) > 64 << 20);
    ledger_stats(f->l, &s);
    assert_true(s.wal_bytes > 64 << 20);
    while (!says(path, "a reader keeps an old state of the database open")) /* the thread's say */
        reserve_amount(f, "p", 1, T0);
    dup2(keep, STDERR_FILENO);
    close(keep);

    sqlite3_finalize(st);
    sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL);
    sqlite3_close(reader);
    do {
        reserve_amount(f, "p", 1, T0);
        ledger_stats(f->l, &s);
    } while (s.wal_bytes > 8 << 20);
    assert_true(size_of_log(f) <= 64 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(reads_fail_once),
        LEDGER_TEST(writes_fail_once),
        LEDGER_TEST(writes_fail_from_then_on),
        LEDGER_TEST(syncs_fail_once),
        LEDGER_TEST(syncs_fail_from_then_on),
        LEDGER_TEST(a_failed_ledger_stays_failed),
        LEDGER_TEST(a_hold_in_doubt_is_charged_once),
        LEDGER_TEST(opening_fails_cleanly),
        LEDGER_TEST(full_by_vfs_and_back),
        cmocka_unit_test_setup_teardown(a_full_file_system, fix_setup, unmount_and_teardown),
        LEDGER_TEST(locked_by_another_program),
        LEDGER_TEST(closed_while_locked),
        LEDGER_TEST(the_log_grows_with_a_warning_and_shrinks),
    };

    fault_vfs_register();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
