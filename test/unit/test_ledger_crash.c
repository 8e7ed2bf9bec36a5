/* SPDX-License-Identifier: MIT */
/*
 * A child spends through a ledger from several threads and writes into memory that it shares with
 * its parent what was acknowledged; it is killed at a random instant, at a random write or sync, or
 * by a power cut that loses what was not synced. Each time the ledger that comes back has
 * everything that was acknowledged, and its proof holds. KILLS=… rounds of each kind, SEED=…
 * repeats a run.
 */
#include "ledger_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "crash_vfs.h"

#define THREADS 4
#define EACH    400 /* requests of one thread, at most */

struct entry {
    atomic_int held, ended; /* acknowledged; ended: its state */
    int tried_end;          /* its state, written before it is asked for */
    int64_t amount, cost;
};

struct journal { /* shared */
    struct entry e[THREADS][EACH];
    atomic_int acknowledged; /* holds */
};

struct spender {
    struct journal *j;
    struct ledger *l;
    uint64_t round;
    int number;
};

static void request_id(char out[REQUEST_ID_LEN + 1], uint64_t round, int thread, int i)
{
    snprintf(out, REQUEST_ID_LEN + 1, "req_%016llx%08x%08x", (unsigned long long)round,
             (unsigned)thread, (unsigned)i);
}

static void spend_one(struct spender *w, int i)
{
    static const enum hold_state ends[] = {HOLD_SETTLED, HOLD_VOIDED, HOLD_ESTIMATED, HOLD_SETTLED};
    struct entry *entry = &w->j->e[w->number][i];
    struct reservation r = {.run_limit = -1,
                            .provider = "openai",
                            .endpoint = "messages",
                            .model = "m",
                            .estimate = CENTS(2),
                            .maximum = CENTS(3),
                            .bounded = true,
                            .input_tokens = 1,
                            .output_tokens = 2,
                            .now_ms = T0 + i * HOUR};
    struct settlement s;
    struct verdict v;
    struct err e;
    bool wait = i % 2 == 0;

    request_id(r.request_id, w->round, w->number, i);
    snprintf(r.project, sizeof r.project, "p%d", w->number % 2);
    entry->amount = CENTS(3);
    if (ledger_reserve(w->l, &r, &v, &e) != 0 || !v.admitted)
        _exit(1);
    atomic_store(&entry->held, 1);
    atomic_fetch_add(&w->j->acknowledged, 1);
    if (i % 8 == 7)
        return; /* stays open */
    s = an_end(v.hold_id, ends[i % 4], CENTS(1) + i);
    entry->cost = s.state == HOLD_VOIDED ? 0 : s.cost;
    entry->tried_end = (int)s.state;
    if (ledger_settle(w->l, &s, wait, NULL, &e) != 0)
        _exit(2);
    if (wait)
        atomic_store(&entry->ended, (int)s.state);
}

static void *spend(void *arg)
{
    for (int i = 0; i < EACH; i++)
        spend_one(arg, i);
    return NULL;
}

static void child(struct fixture *f, struct journal *j, uint64_t round)
{
    struct spender w[THREADS];
    pthread_t t[THREADS];
    struct budget b = {.scope = SCOPE_GLOBAL,
                       .limit = NANO_MAX,
                       .per_request = -1,
                       .enforcement = ENFORCE_STRICT,
                       .period = PERIOD_DAYS,
                       .period_days = 3};

    if (ledger_open(&f->o, &f->found, &f->l, &f->e) != 0 ||
        ledger_budget_set(f->l, &b, T0, NULL, &f->e) != 0)
        _exit(3);
    for (int i = 0; i < THREADS; i++) {
        w[i] = (struct spender){j, f->l, round, i};
        if (pthread_create(&t[i], NULL, spend, &w[i]) != 0)
            _exit(4);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    ledger_close(f->l);
    _exit(0);
}

/* ---- afterwards ---- */

struct check {
    struct journal *j;
    uint64_t round;
    char found[THREADS][EACH];
    long rows;
};

static void check_row(void *ctx, const struct usage_row *row)
{
    struct check *c = ctx;
    unsigned long long round;
    unsigned thread, i;
    struct entry *e;

    c->rows++;
    if (sscanf(row->request_id, "req_%16llx%8x%8x", &round, &thread, &i) != 3)
        fail_msg("%s was never asked for", row->request_id);
    if (round != c->round)
        return;
    e = &c->j->e[thread][i];
    if (c->found[thread][i]++)
        fail_msg("%s is there twice", row->request_id);
    if (atomic_load(&e->ended) && row->state != (enum hold_state)e->ended)
        fail_msg("%s ended as %d, acknowledged was %d", row->request_id, (int)row->state, e->ended);
    assert_true(row->state == HOLD_INTERRUPTED || (int)row->state == e->tried_end);
    assert_int_equal(row->cost, row->state == HOLD_INTERRUPTED ? e->amount : e->cost);
}

static void check_journal(struct fixture *f, struct check *c)
{
    struct usage_query q = {.limit = THREADS * EACH}; /* this round's are the newest */

    if (ledger_history(f->l, &q, check_row, c, &f->e) < 0)
        fail_msg("history: %s", f->e.msg);
    for (int t = 0; t < THREADS; t++)
        for (int i = 0; i < EACH; i++) {
            struct entry *e = &c->j->e[t][i];

            if (atomic_load(&e->held) && !c->found[t][i] && e->tried_end != HOLD_VOIDED)
                fail_msg("thread %d, request %d was acknowledged and is lost", t, i);
            if (atomic_load(&e->ended) == HOLD_VOIDED && c->found[t][i])
                fail_msg("thread %d, request %d was voided and is charged", t, i);
        }
}

/* ---- the rounds ---- */

enum how { AT_A_MOMENT, AT_A_WRITE, POWER_CUT };

struct rounds {
    uint64_t random;
    long deaths, recoveries_cut, acknowledged;
};

static uint64_t pick(struct rounds *r, uint64_t n)
{
    r->random ^= r->random << 13;
    r->random ^= r->random >> 7;
    r->random ^= r->random << 17;
    return (r->random >> 11) % n;
}

/* Waits until so many holds were acknowledged, and kills. */
static void kill_at(pid_t pid, struct journal *j, int acknowledged)
{
    int status = 0;

    while (atomic_load(&j->acknowledged) < acknowledged && waitpid(pid, &status, WNOHANG) == 0)
        usleep(100);
    kill(pid, SIGKILL);
}

static void spend_and_die(struct fixture *f, struct rounds *r, struct journal *j, enum how how)
{
    long countdown = how == AT_A_MOMENT ? 0 : 1 + (long)pick(r, 1500);
    uint64_t seed = pick(r, UINT64_C(1) << 40), round = (uint64_t)r->deaths;
    int target = (int)pick(r, THREADS * EACH), status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (how != AT_A_MOMENT)
            crash_vfs_register(countdown, how == POWER_CUT, seed);
        child(f, j, round);
    }
    if (how == AT_A_MOMENT)
        kill_at(pid, j, target);
    if (waitpid(pid, &status, 0) == pid)
        assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
}

/* A start that dies while it resolves what the last death left. */
static void start_and_die(struct fixture *f, struct rounds *r, enum how how)
{
    long countdown = 1 + (long)pick(r, 20);
    uint64_t seed = pick(r, UINT64_C(1) << 40);
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        crash_vfs_register(countdown, how == POWER_CUT, seed);
        if (ledger_open(&f->o, NULL, &f->l, &f->e) != 0)
            _exit(5);
        ledger_close(f->l);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    r->recoveries_cut += WIFSIGNALED(status);
}

static void one_round(struct fixture *f, struct rounds *r, enum how how)
{
    struct check c = {.round = (uint64_t)r->deaths};
    struct buf summary;

    c.j = mmap(NULL, sizeof *c.j, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(c.j != MAP_FAILED);
    spend_and_die(f, r, c.j, how);
    while (pick(r, 2))
        start_and_die(f, r, how);
    fix_open(f);
    check_journal(f, &c);
    fix_close(f);
    buf_init(&summary, 0);
    if (ledger_verify(f->path, NULL, &summary, &f->e) != 0)
        fail_msg("after %ld deaths: %s", r->deaths, f->e.msg);
    buf_finish(&summary);
    r->acknowledged += atomic_load(&c.j->acknowledged);
    r->deaths++;
    munmap(c.j, sizeof *c.j);
}

static void many_rounds(void **state, enum how how)
{
    const char *kills = getenv("KILLS"), *seed = getenv("SEED");
    long n = kills ? atol(kills) : 12;
    struct rounds r = {.random = seed && *seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL)};
    struct fixture *f = *state;

    print_message("           SEED=%llu KILLS=%ld\n", (unsigned long long)r.random, n);
    r.random = r.random * 2654435761u * 2 + 1;
    fix_close(f);
    f->o.ballast = -1;
    while (r.deaths < n) {
        one_round(f, &r, how);
        if (r.deaths % 25 == 0) { /* a new database now and then, or each check takes longer */
            fix_remove(f);
            assert_int_equal(mkdir(f->dir, 0700), 0);
        }
    }
    print_message("           %ld deaths, %ld more during recovery, %ld holds acknowledged\n",
                  r.deaths, r.recoveries_cut, r.acknowledged);
    fix_open(f);
}

static void killed_at_any_moment(void **state)
{
    many_rounds(state, AT_A_MOMENT);
}

static void killed_at_any_write(void **state)
{
    many_rounds(state, AT_A_WRITE);
}

static void power_cut_at_any_write(void **state)
{
    many_rounds(state, POWER_CUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(killed_at_any_moment),
        LEDGER_TEST(killed_at_any_write),
        LEDGER_TEST(power_cut_at_any_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
