/* SPDX-License-Identifier: MIT */
/* Thousands of holds that a dead daemon left: all end, each once, at what they held. On PostgreSQL
 * the living do that beside their own work. */
#include "ledger_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "patience.h"

#define PROJECTS 4
#define THREADS  16 /* of the one that dies */
#define LIVING   2
#define CALLERS  4 /* of each that lives */
#define LEASE_MS 3000
#define PAGE     256

/* HOLDS=40000 take longer to end than a lease lasts. */
static int holds(void)
{
    const char *s = getenv("HOLDS");

    return s ? atoi(s) : 4000;
}

static nano_t amount_of(int i)
{
    return CENTS(1 + i / PROJECTS % 5);
}

static void project_of(int i, char project[8])
{
    snprintf(project, 8, "p%d", i % PROJECTS);
}

/* ---- the one that dies ---- */

struct dying {
    struct fixture *f;
    int all;
    atomic_int next;
};

static void *hold_many(void *arg)
{
    struct dying *d = arg;
    struct verdict v;
    struct err e;

    for (int i; (i = atomic_fetch_add(&d->next, 1)) < d->all;) {
        struct fixture names = {.requests = i};
        struct reservation r = a_request(&names, "", amount_of(i), amount_of(i));

        project_of(i, r.project);
        if (ledger_reserve(d->f->l, &r, &v, &e) != 0 || !v.admitted)
            _exit(1);
    }
    return NULL;
}

static void hold_all(struct fixture *f)
{
    struct dying d = {.f = f, .all = holds()};
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, hold_many, &d) != 0)
            _exit(1);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* A process that has all the holds, and lives on: to be killed. Nothing else has the ledger. */
static pid_t start_dying(struct fixture *f)
{
    int ready[2];
    pid_t child;
    char byte;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        fix_open(f);
        hold_all(f);
        if (write(ready[1], "", 1) == 1)
            pause();
        _exit(1);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

static void end_dying(pid_t child)
{
    int status;

    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

/* ---- what is found afterwards ---- */

struct seen {
    bool *request;
    int rows, all;
    int64_t last; /* row */
    nano_t cost;
};

static void see(void *ctx, const struct usage_row *row)
{
    struct seen *s = ctx;
    unsigned number;

    s->last = row->id;
    assert_int_equal(sscanf(row->request_id, "req_%32x", &number), 1);
    assert_in_range(number, 1, s->all);
    assert_false(s->request[number]);
    s->request[number] = true;
    assert_int_equal(row->state, HOLD_INTERRUPTED);
    assert_int_equal(row->cost, amount_of((int)number - 1));
    s->rows++;
    s->cost += row->cost;
}

/* Every hold is a row, once; budgets and totals are their sums. */
static void check_all_ended(struct fixture *f)
{
    struct seen s = {.all = holds()};
    struct budget b;
    nano_t all = 0;

    s.request = calloc((size_t)s.all + 1, sizeof *s.request);
    assert_non_null(s.request);
    for (int i = 0; i < PROJECTS; i++) {
        struct usage_query q = {.limit = 1000};
        nano_t before = s.cost;
        char project[8];
        int got;

        project_of(i, project);
        q.project = project;
        while ((got = ledger_history(f->l, &q, see, &s, &f->e)) > 0)
            q.before_id = s.last;
        must(f, got);
        b = get_budget(f, project, T0);
        assert_int_equal(b.reserved, 0);
        assert_int_equal(b.spent, s.cost - before);
        assert_int_equal(usage_of(f, project).cost, s.cost - before);
        assert_int_equal(usage_of(f, project).requests, s.all / PROJECTS);
    }
    assert_int_equal(s.rows, s.all);
    for (int i = 0; i < s.all; i++)
        all += amount_of(i);
    assert_int_equal(s.cost, all);
    free(s.request);
}

static void set_budgets(struct fixture *f)
{
    struct budget b = a_budget("p0", CENTS(1000000));

    for (int i = 0; i < PROJECTS; i++) {
        project_of(i, b.project);
        set_budget(f, &b, T0);
    }
    b.scope = SCOPE_GLOBAL;
    set_budget(f, &b, T0);
}

static void a_start_ends_them(void **state)
{
    struct fixture *f = *state;
    int64_t from;

    sqlite_only();
    set_budgets(f);
    fix_close(f);
    end_dying(start_dying(f));
    from = clock_mono_ns();
    fix_open(f);
    print_message("           %d holds ended in %d ms\n", holds(),
                  (int)((clock_mono_ns() - from) / 1000000));
    assert_int_equal(f->found.holds, holds());
    check_all_ended(f);
    fix_reopen(f);
    assert_int_equal(f->found.holds, 0);
    check_all_ended(f);
}

/* ---- those that live ---- */

struct living {
    struct ledger *l;
    atomic_bool *over;
    int first; /* request of theirs */
    atomic_int *requests;
    _Atomic int64_t longest_ns; /* wait for a hold */
};

/* Is refused nothing: the lease of the ledger is renewed all the time. */
static void *work(void *arg)
{
    struct living *me = arg;
    struct err e;

    while (!atomic_load(me->over)) {
        struct fixture names = {.requests = me->first + atomic_fetch_add(me->requests, 1)};
        struct reservation r = a_request(&names, "live", CENTS(1), CENTS(1));
        int64_t from = clock_mono_ns(), took;
        struct settlement s;
        struct verdict v;

        if (ledger_reserve(me->l, &r, &v, &e) != 0)
            fail_msg("%s", e.msg);
        assert_true(v.admitted);
        took = clock_mono_ns() - from;
        for (int64_t most = atomic_load(&me->longest_ns);
             took > most && !atomic_compare_exchange_weak(&me->longest_ns, &most, took);)
            ;
        s = an_end(v.hold_id, HOLD_SETTLED, CENTS(1));
        if (ledger_settle(me->l, &s, false, NULL, &e) != 0)
            fail_msg("%s", e.msg);
    }
    return NULL;
}

/* Waits for the moment when all holds of the dead have ended; from when the first page has. */
struct reaping {
    int64_t from_ns, until_ns;
    int from, until; /* requests of the living */
};

static nano_t all_reserved(struct fixture *f)
{
    nano_t sum = 0;
    char project[8];

    for (int i = 0; i < PROJECTS; i++) {
        project_of(i, project);
        sum += get_budget(f, project, T0).reserved;
    }
    return sum;
}

static struct reaping watch(struct fixture *f, const atomic_int *requests)
{
    struct timespec ms = {0, 1000000};
    nano_t all = all_reserved(f), left = all;
    int64_t patience = clock_mono_ns() + PATIENCE(60);
    struct reaping r = {0};

    while (left) {
        if (left == all) {
            r.from_ns = clock_mono_ns();
            r.from = atomic_load(requests);
        }
        nanosleep(&ms, NULL);
        assert_true(clock_mono_ns() < patience);
        left = all_reserved(f);
    }
    r.until_ns = clock_mono_ns();
    r.until = atomic_load(requests);
    return r;
}

static void open_living(struct fixture *f, struct living *living, atomic_int *requests,
                        atomic_bool *over)
{
    fix_open(f);
    for (int i = 0; i < LIVING; i++) {
        living[i] =
            (struct living){.l = f->l, .over = over, .first = holds(), .requests = requests};
        if (i > 0)
            must(f, ledger_open(&f->o, NULL, &living[i].l, &f->e));
    }
}

static void the_living_end_them(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[LIVING * CALLERS];
    struct living living[LIVING];
    atomic_int requests = 0;
    atomic_bool over = false;
    struct reaping r;
    pid_t dying;

    if (!fix_server())
        skip();
    set_budgets(f);
    fix_close(f);
    f->o.lease_ms = LEASE_MS;
    dying = start_dying(f);
    open_living(f, living, &requests, &over);
    for (int i = 0; i < LIVING * CALLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &living[i % LIVING]), 0);
    end_dying(dying);
    r = watch(f, &requests);
    atomic_store(&over, true);
    for (int i = 0; i < LIVING * CALLERS; i++)
        pthread_join(threads[i], NULL);
    check_all_ended(f);
    for (int i = 0; i < LIVING; i++) {
        print_message("           longest wait for a hold beside: %d ms\n",
                      (int)(atomic_load(&living[i].longest_ns) / 1000000));
        assert_true(atomic_load(&living[i].longest_ns) < LEASE_MS * INT64_C(1000000));
        if (i > 0)
            ledger_close(living[i].l);
    }
    print_message("           %d holds ended in %d ms, %d requests beside\n", holds(),
                  (int)((r.until_ns - r.from_ns) / 1000000), r.until - r.from);
    assert_true(r.until - r.from >= holds() / PAGE); /* one a page, at least */
    assert_int_equal(usage_of(f, "live").requests, atomic_load(&requests));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(a_start_ends_them),
        LEDGER_TEST(the_living_end_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
