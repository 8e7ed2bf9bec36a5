/* SPDX-License-Identifier: MIT */
/* Compacting: the rows go, every figure stays, and the proof still holds. */
#include "ledger_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define MIDNIGHT (T0 - T0 % DAY)

static void use(struct fixture *f, int i, int64_t now)
{
    struct reservation r = a_request(f, i % 2 ? "p" : "q", CENTS(2), CENTS(3));
    struct settlement s;

    r.now_ms = now;
    if (i % 5 == 0) {
        snprintf(r.run, sizeof r.run, "run-%lld", (long long)(now / DAY));
        r.run_limit = CENTS(1000);
    }
    s = an_end(reserve(f, &r).hold_id, i % 4 ? HOLD_SETTLED : HOLD_VOIDED,
               CENTS(1) + i % 3 * CENTS(2));
    s.saved = 5;
    must(f, ledger_settle(f->l, &s, true, NULL, &f->e));
}

/* Ten days of use, 40 requests a day, under strict budgets; a hold is open over each midnight. */
static void ten_days(struct fixture *f)
{
    struct budget b = a_budget("p", CENTS(100000));
    struct reservation r;
    int64_t open = 0;

    b.enforcement = ENFORCE_STRICT;
    b.period = PERIOD_DAYS;
    b.period_days = 3;
    set_budget(f, &b, MIDNIGHT);
    b = (struct budget){.scope = SCOPE_GLOBAL, .limit = CENTS(1000000), .per_request = -1};
    set_budget(f, &b, MIDNIGHT);
    for (int day = 0; day < 10; day++)
        for (int i = 0; i < 40; i++) {
            use(f, i, MIDNIGHT + day * DAY + i * HOUR / 2);
            if (i == 5 && open) {
                settle(f, open, HOLD_SETTLED, CENTS(2));
                open = 0;
            }
            if (i != 35 || day == 9)
                continue;
            r = a_request(f, "p", CENTS(2), CENTS(3));
            r.now_ms = MIDNIGHT + day * DAY + i * HOUR / 2;
            open = reserve(f, &r).hold_id;
        }
}

struct figures {
    struct usage_total p, q;
    struct budget budget;
    char days[1024], models[512], hours[4096];
    struct ledger_stats stats;
};

struct text {
    char *p;
    size_t size;
};

static void group(void *ctx, const char *key, const struct usage_total *t)
{
    struct text *x = ctx;
    size_t n = strlen(x->p);

    snprintf(x->p + n, x->size - n, "%s %lld %lld %lld; ", key, (long long)t->requests,
             (long long)t->cost, (long long)t->output_tokens);
}

static void look(struct fixture *f, struct figures *out)
{
    struct text days = {out->days, sizeof out->days}, models = {out->models, sizeof out->models};
    struct usage_query q = {0};

    memset(out, 0, sizeof *out);
    out->p = usage_of(f, "p");
    out->q = usage_of(f, "q");
    out->budget = get_budget(f, "p", MIDNIGHT + 9 * DAY);
    must(f, ledger_usage_by(f->l, &q, GROUP_DAY, group, &days, &f->e));
    must(f, ledger_usage_by(f->l, &q, GROUP_MODEL, group, &models, &f->e));
    ledger_stats(f->l, &out->stats);
}

static void ignore(void *ctx, const struct usage_row *row)
{
    *(int64_t *)ctx = row->created_ms;
}

static int rows_left(struct fixture *f, int64_t *oldest)
{
    return ledger_history(f->l, &(struct usage_query){.limit = 100000}, ignore, oldest, &f->e);
}

static void compact(struct fixture *f, int64_t before)
{
    struct buf summary;

    buf_init(&summary, 0);
    if (ledger_compact(f->address, before, NULL, &summary, &f->e) != 0)
        fail_msg("%s", f->e.msg);
    buf_finish(&summary);
    prove(f);
}

static void every_figure_stays(void **state)
{
    struct fixture *f = *state;
    struct figures before, after;
    int64_t oldest = 0;
    int all;

    ten_days(f);
    look(f, &before);
    all = rows_left(f, &oldest);
    for (int day = 3; day <= 10; day += 3) {
        fix_close(f);
        compact(f, MIDNIGHT + day * DAY + 5 * HOUR); /* by whole days */
        fix_open(f);
        look(f, &after);
        assert_memory_equal(&before.p, &after.p, sizeof before.p);
        assert_memory_equal(&before.q, &after.q, sizeof before.q);
        assert_memory_equal(&before.budget, &after.budget, sizeof before.budget);
        assert_string_equal(before.days, after.days);
        assert_string_equal(before.models, after.models);
        assert_int_equal(before.stats.overrun, after.stats.overrun);
        assert_int_equal(rows_left(f, &oldest), all - day * 30 - (day - 1));
        assert_true(oldest >= MIDNIGHT + day * DAY - 8 * HOUR); /* the one open over midnight */
    }
    use(f, 1, MIDNIGHT + 10 * DAY); /* and it goes on */
}

static void running_budgets_go_on(void **state)
{
    struct fixture *f = *state;
    struct budget before, after;
    struct verdict v;

    ten_days(f);
    before = get_budget(f, "p", MIDNIGHT + 9 * DAY);
    fix_close(f);
    compact(f, MIDNIGHT + 100 * DAY);
    fix_open(f);
    after = get_budget(f, "p", MIDNIGHT + 9 * DAY);
    assert_memory_equal(&before, &after, sizeof before);
    assert_true(after.spent > 0);
    v = reserve_amount(f, "p", after.limit - after.spent - after.reserved, MIDNIGHT + 9 * DAY);
    assert_true(v.admitted);
    assert_false(reserve_amount(f, "p", 1, MIDNIGHT + 9 * DAY).admitted);
}

static void old_runs_are_forgotten(void **state)
{
    struct fixture *f = *state;
    struct reservation r = a_request(f, "q", CENTS(500), CENTS(500));

    ten_days(f);
    fix_close(f);
    compact(f, MIDNIGHT + 5 * DAY);
    fix_open(f);
    r.now_ms = MIDNIGHT + 10 * DAY;
    snprintf(r.run, sizeof r.run, "run-%lld", (long long)(MIDNIGHT / DAY + 2));
    assert_int_not_equal(reserve(f, &r).scope, SCOPE_RUN); /* that run was three days before */
    r = a_request(f, "q", CENTS(2000), CENTS(2000));
    r.now_ms = MIDNIGHT + 10 * DAY;
    snprintf(r.run, sizeof r.run, "run-%lld", (long long)(MIDNIGHT / DAY + 7));
    assert_int_equal(reserve(f, &r).scope, SCOPE_RUN);
}

static void not_under_a_daemon(void **state)
{
    struct fixture *f = *state;
    struct buf summary;

    sqlite_only();
    buf_init(&summary, 0);
    assert_int_equal(ledger_compact(f->address, T0, NULL, &summary, &f->e), -1);
    assert_int_equal(f->e.code, ERR_EXISTS);
}

static void the_file_shrinks(void **state)
{
    struct fixture *f = *state;
    struct stat before, after;

    sqlite_only();
    for (int i = 0; i < 5000; i++)
        settle_later(f, reserve_amount(f, "p", CENTS(1), T0).hold_id);
    fix_close(f);
    stat(f->path, &before);
    compact(f, T0 + DAY);
    stat(f->path, &after);
    assert_true(after.st_size * 3 < before.st_size);
}

/* Killed in the middle, again and again: each time the proof holds, and at last it is done. */
static void may_be_killed_at_any_moment(void **state)
{
    struct fixture *f = *state;
    struct figures before, after;
    int64_t oldest;
    int killed = 0;

    ten_days(f);
    look(f, &before);
    fix_close(f);
    for (unsigned us = 200; killed < 15; us += fix_server() ? 2500 : 400) {
        struct buf summary;
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
            buf_init(&summary, 0);
            _exit(ledger_compact(f->address, MIDNIGHT + 8 * DAY, NULL, &summary, &f->e) != 0);
        }
        usleep(us);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        prove(f);
        if (WIFEXITED(status))
            break;
        killed++;
    }
    compact(f, MIDNIGHT + 8 * DAY);
    fix_open(f);
    look(f, &after);
    assert_string_equal(before.days, after.days);
    rows_left(f, &oldest);
    assert_true(oldest >= MIDNIGHT + 8 * DAY - 8 * HOUR);
}

/* Stopped after one step, two, … by whoever looks on: the same. */
static void stops_when_told(void **state)
{
    struct fixture *f = *state;
    struct figures before, after;
    int stops = 0;

    for (int i = 0; i < (fix_server() ? 5000 : 12000); i++)
        settle_later(f, reserve_amount(f, "old", CENTS(1), MIDNIGHT).hold_id);
    ten_days(f);
    look(f, &before);
    fix_close(f);
    for (;; stops++) {
        struct impatient i = {.patience = stops};
        struct onlooker o = {see_or_stop, &i};
        struct buf summary;
        int rc;

        buf_init(&summary, 0);
        rc = ledger_compact(f->address, MIDNIGHT + 8 * DAY, &o, &summary, &f->e);
        assert_true(rc == 0 || f->e.code == ERR_STOPPED);
        buf_finish(&summary);
        prove(f);
        if (rc == 0)
            break;
    }
    assert_true(stops >= 2);
    fix_open(f);
    look(f, &after);
    assert_string_equal(before.days, after.days);
}

struct user {
    struct fixture f; /* its own requests, the same ledger */
    atomic_bool enough;
    _Atomic int64_t uses;
    int64_t settled;
};

/* Of today, and of ten days ago in the runs of then. */
static void *use_on(void *arg)
{
    struct user *u = arg;

    for (; !atomic_load(&u->enough); u->uses++) {
        int i = (int)u->uses % 100;

        use(&u->f, i, MIDNIGHT + (u->uses % 3 ? 10 : i % 10) * DAY);
        u->settled += i % 4 != 0;
    }
    return NULL;
}

/* Daemons on PostgreSQL go on meanwhile. */
static void beside_a_daemon(void **state)
{
    struct fixture *f = *state;
    struct user u = {.f = *f};
    struct figures before, after;
    pthread_t thread;

    if (!fix_server())
        skip();
    ten_days(f);
    u.f.requests = 1000000;
    look(f, &before);
    assert_int_equal(pthread_create(&thread, NULL, use_on, &u), 0);
    for (int i = 0; i < 9 || atomic_load(&u.uses) < 300; i++) {
        compact(f, MIDNIGHT + (2 + i % 9) * DAY);
        compact(f, MIDNIGHT + 100 * DAY); /* up to what is being written */
    }
    atomic_store(&u.enough, true);
    pthread_join(thread, NULL);
    look(f, &after);
    assert_int_equal(after.p.requests + after.q.requests,
                     before.p.requests + before.q.requests + u.settled);
}

/* In the midst of a statement, which waits here for another's lock. */
static void stops_within_a_statement(void **state)
{
    struct fixture *f = *state;
    struct impatient i = {.patience = 3};
    struct onlooker o = {see_or_stop, &i};
    char psql[320], line[16];
    struct buf summary;
    FILE *in, *out;
    int fds[2];

    if (!fix_server())
        skip();
    ten_days(f);
    fix_close(f);
    assert_int_equal(pipe(fds), 0);
    out = fdopen(fds[0], "r");
    snprintf(psql, sizeof psql, "psql -qXAt -d '%s' >&%d", fix_server(), fds[1]);
    in = popen(psql, "w");
    assert_true(in && out);
    fputs("BEGIN; LOCK TABLE tokencap.usage; SELECT 'locked';\n", in);
    fflush(in);
    assert_non_null(fgets(line, sizeof line, out));
    buf_init(&summary, 0);
    assert_int_equal(ledger_compact(f->address, MIDNIGHT + 8 * DAY, &o, &summary, &f->e), -1);
    assert_int_equal(f->e.code, ERR_STOPPED);
    pclose(in);
    close(fds[1]);
    fclose(out);
}

static int64_t file_size(struct fixture *f)
{
    struct stat st;

    fix_reopen(f); /* so that all of it is in the one file */
    fix_close(f);
    assert_int_equal(stat(f->path, &st), 0);
    fix_open(f);
    return st.st_size;
}

/* All indexes and sums included; 100 requests an hour, of 5 projects and 10 models. */
static void a_row_takes_at_most_200_bytes(void **state)
{
    struct fixture *f = *state;
    const int rows = 10000;
    int64_t before, bytes;

    sqlite_only();
    before = file_size(f);
    for (int i = 0; i < rows; i++) {
        struct settlement s;
        struct reservation r;
        char project[16], model[16];

        snprintf(project, sizeof project, "project-%d", i % 5);
        snprintf(model, sizeof model, "model-%d", i % 10);
        r = a_request(f, project, CENTS(1) + i % 977, CENTS(2));
        r.now_ms = T0 + i * (HOUR / 100);
        s = an_end(reserve(f, &r).hold_id, HOLD_SETTLED, CENTS(1) + i % 883);
        snprintf(s.model, sizeof s.model, "%s", model);
        s.usage.parts[0].tokens[TOK_INPUT] = 500 + i * 7919 % 40000;
        s.usage.parts[0].tokens[TOK_OUTPUT] = 100 + i * 104729 % 4000;
        s.duration_ms = 300 + i * 31 % 60000;
        s.ttft_ms = 100 + i * 17 % 3000;
        must(f, ledger_settle(f->l, &s, false, NULL, &f->e));
    }
    bytes = (file_size(f) - before) / rows;
    print_message("           %lld bytes a row\n", (long long)bytes);
    assert_in_range(bytes, 1, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(every_figure_stays),       LEDGER_TEST(running_budgets_go_on),
        LEDGER_TEST(old_runs_are_forgotten),   LEDGER_TEST(not_under_a_daemon),
        LEDGER_TEST(the_file_shrinks),         LEDGER_TEST(may_be_killed_at_any_moment),
        LEDGER_TEST(stops_when_told),          LEDGER_TEST(beside_a_daemon),
        LEDGER_TEST(stops_within_a_statement), LEDGER_TEST(a_row_takes_at_most_200_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
