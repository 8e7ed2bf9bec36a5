/* SPDX-License-Identifier: MIT */
/* Many threads, one budget: exactly what it affords is admitted, at no moment more. */
#include "ledger_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"

#define THREADS  256
#define PROJECTS 4

static long rounds(void)
{
    const char *s = getenv("ROUNDS");

    return s ? atol(s) : 1;
}

struct crowd {
    struct fixture *f;
    pthread_barrier_t start;
    int each; /* requests of one thread */
    nano_t estimate, maximum, cost;
    bool settle;
    bool strict;
    atomic_int admitted, refused, next;
    atomic_bool over;
    long samples; /* of the watcher */
};

static void *one_of_many(void *arg)
{
    struct crowd *c = arg;
    int me = atomic_fetch_add(&c->next, 1);
    struct err e;

    pthread_barrier_wait(&c->start);
    for (int i = 0; i < c->each; i++) {
        struct reservation r = {.run_limit = -1,
                                .provider = "openai",
                                .endpoint = "messages",
                                .model = "m",
                                .estimate = c->estimate,
                                .maximum = c->maximum,
                                .bounded = true,
                                .strict = c->strict,
                                .now_ms = T0};
        struct settlement s;
        struct verdict v;

        snprintf(r.request_id, sizeof r.request_id, "req_%016x%016x", me, i);
        snprintf(r.project, sizeof r.project, "p%d", me % PROJECTS);
        if (ledger_reserve(c->f->l, &r, &v, &e) != 0)
            fail_msg("%s", e.msg);
        atomic_fetch_add(v.admitted ? &c->admitted : &c->refused, 1);
        if (!v.admitted || !c->settle)
            continue;
        s = an_end(v.hold_id, i % 7 ? HOLD_SETTLED : HOLD_VOIDED, c->cost);
        if (ledger_settle(c->f->l, &s, i % 2, NULL, &e) != 0)
            fail_msg("%s", e.msg);
    }
    return NULL;
}

/* Samples the budgets while the crowd spends: what readers see is what was committed. */
static void *watch(void *arg)
{
    struct crowd *c = arg;
    struct err e;

    while (!atomic_load(&c->over)) {
        for (int i = -1; i < PROJECTS; i++) {
            struct budget b;
            char project[8];

            snprintf(project, sizeof project, "p%d", i);
            if (ledger_budget_get(c->f->l, i < 0 ? SCOPE_GLOBAL : SCOPE_PROJECT, project, 0, T0, &b,
                                  &e) != 0)
                fail_msg("%s", e.msg);
            if (b.spent + b.reserved > b.limit)
                fail_msg("%s: %lld spent, %lld held, limit %lld", project, (long long)b.spent,
                         (long long)b.reserved, (long long)b.limit);
            c->samples++;
        }
    }
    return NULL;
}

static void let_loose(struct crowd *c)
{
    pthread_t threads[THREADS], watcher;

    pthread_barrier_init(&c->start, NULL, THREADS);
    assert_int_equal(pthread_create(&watcher, NULL, watch, c), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, one_of_many, c), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&c->over, true);
    pthread_join(watcher, NULL);
    pthread_barrier_destroy(&c->start);
}

static void set_budgets(struct fixture *f, nano_t global, nano_t project)
{
    struct budget b = {
        .scope = SCOPE_GLOBAL, .limit = global, .per_request = -1, .enforcement = ENFORCE_STRICT};

    set_budget(f, &b, T0);
    b.scope = SCOPE_PROJECT;
    b.limit = project;
    for (int i = 0; i < PROJECTS; i++) {
        snprintf(b.project, sizeof b.project, "p%d", i);
        set_budget(f, &b, T0);
    }
}

static void tell(long rounds, long samples)
{
    print_message("           %ld rounds of %d threads, %ld samples of what was committed\n",
                  rounds, THREADS, samples);
}

/* 256 threads × 8 want 2,048; the projects afford 250 each. */
static void exactly_the_affordable_number(void **state)
{
    struct fixture *f = *state;
    long samples = 0;

    for (long round = 0; round < rounds(); round++) {
        struct crowd c = {.f = f, .each = 8, .estimate = CENTS(1), .maximum = CENTS(4)};

        fix_close(f);
        fix_remove(f);
        fix_init(f);
        fix_open(f);
        set_budgets(f, CENTS(4) * 100000, CENTS(4) * 250 + 1);
        let_loose(&c);
        assert_int_equal(atomic_load(&c.admitted), 250 * PROJECTS);
        assert_int_equal(atomic_load(&c.refused), 8 * THREADS - 250 * PROJECTS);
        for (int i = 0; i < PROJECTS; i++) {
            char project[8];

            snprintf(project, sizeof project, "p%d", i);
            assert_int_equal(get_budget(f, project, T0).reserved, CENTS(4) * 250);
        }
        samples += c.samples;
    }
    tell(rounds(), samples);
}

/* The same against the global budget, which all projects share. */
static void exactly_what_the_global_budget_affords(void **state)
{
    struct fixture *f = *state;
    struct crowd c = {.f = f, .each = 8, .estimate = CENTS(1), .maximum = CENTS(4)};
    struct budget b;

    set_budgets(f, CENTS(4) * 999, CENTS(4) * 500);
    let_loose(&c);
    assert_int_equal(atomic_load(&c.admitted), 999);
    must(f, ledger_budget_get(f->l, SCOPE_GLOBAL, NULL, 0, T0, &b, &f->e));
    assert_int_equal(b.reserved, CENTS(4) * 999);
    tell(1, c.samples);
}

/* With settlements at the maximum or voided: money goes round, never beyond. */
static void spending_goes_on_until_it_is_spent(void **state)
{
    struct fixture *f = *state;
    struct crowd c = {.f = f,
                      .each = 20,
                      .estimate = CENTS(1),
                      .maximum = CENTS(4),
                      .cost = CENTS(4),
                      .settle = true};
    struct ledger_stats s;
    nano_t spent = 0;

    set_budgets(f, CENTS(4) * 3000, CENTS(4) * 600);
    let_loose(&c);
    assert_int_equal(atomic_load(&c.admitted) + atomic_load(&c.refused), 20 * THREADS);
    for (int i = 0; i < PROJECTS; i++) {
        char project[8];

        snprintf(project, sizeof project, "p%d", i);
        assert_int_equal(get_budget(f, project, T0).reserved, 0);
        spent += get_budget(f, project, T0).spent;
        assert_int_equal(usage_of(f, project).cost, get_budget(f, project, T0).spent);
    }
    assert_int_equal(spent, CENTS(4) * 600 * PROJECTS);
    ledger_stats(f->l, &s);
    assert_int_equal(s.holds_open, 0);
    assert_int_equal(s.held, 0);
    assert_int_equal(s.overrun, 0);
    tell(1, c.samples);
}

struct parting {
    struct fixture *f;
    int64_t hold;
    pthread_barrier_t start;
};

static void *settle_and_go(void *arg)
{
    struct parting *p = arg;
    struct settlement s = an_end(p->hold, HOLD_SETTLED, CENTS(1));
    struct err e;

    pthread_barrier_wait(&p->start);
    if (ledger_settle(p->f->l, &s, false, NULL, &e) != 0)
        fail_msg("%s", e.msg);
    return NULL;
}

/* Nobody waits for these settlements, and nothing comes after them: they are written all the same, though
 * who wrote when they came was but a caller, and the ledger's thread slept. */
static void what_lingers_is_written(void **state)
{
    enum { ROUNDS = 200, PATIENCE = 10000 };
    struct budget b = {.scope = SCOPE_GLOBAL, .limit = CENTS(100000), .per_request = -1};
    struct timespec ms = {0, 1000000};
    struct fixture *f = *state;

    for (int i = 0; i < ROUNDS; i++) {
        struct parting p = {.f = f, .hold = reserve_amount(f, "p", CENTS(1), T0).hold_id};
        struct ledger_stats s = {.holds_open = 1};
        pthread_t other;

        pthread_barrier_init(&p.start, NULL, 2);
        assert_int_equal(pthread_create(&other, NULL, settle_and_go, &p), 0);
        pthread_barrier_wait(&p.start);
        for (int64_t from = clock_mono_ns(); clock_mono_ns() - from < i * 1000;)
            ; /* so that in some round the one comes while the other writes */
        set_budget(f, &b, T0);
        pthread_join(other, NULL);
        pthread_barrier_destroy(&p.start);
        for (int patience = PATIENCE; s.holds_open && patience; patience--) {
            nanosleep(&ms, NULL);
            ledger_stats(f->l, &s);
        }
        assert_int_equal(s.holds_open, 0);
    }
}

struct copier {
    struct fixture *f;
    atomic_bool over;
    int copies;
};

/* Copies and proves copies while the crowd spends. */
static void *copy_all_the_time(void *arg)
{
    struct copier *c = arg;
    struct err e;

    while (!atomic_load(&c->over) || c->copies == 0) {
        char to[128];
        struct buf summary;

        snprintf(to, sizeof to, "%s/copy-%d.db", c->f->dir, c->copies++);
        if (ledger_backup(c->f->path, to, NULL, &e) != 0)
            fail_msg("%s", e.msg);
        for (int i = 0; i < 2; i++) { /* the copy, and the live one */
            buf_init(&summary, 0);
            if (ledger_verify(i ? c->f->path : to, NULL, &summary, &e) != 0)
                fail_msg("%s: %s", i ? "live" : "copy", e.msg);
            buf_finish(&summary);
        }
        unlink(to);
    }
    print_message("           %d copies\n", c->copies);
    return NULL;
}

static void copies_and_proofs_under_way(void **state)
{
    struct fixture *f = *state;
    struct crowd c = {.f = f,
                      .each = 20,
                      .estimate = CENTS(1),
                      .maximum = CENTS(4),
                      .cost = CENTS(2),
                      .settle = true};
    struct copier copier = {.f = f};
    pthread_t t;

    sqlite_only();
    set_budgets(f, CENTS(4) * 100000, CENTS(4) * 100000);
    assert_int_equal(pthread_create(&t, NULL, copy_all_the_time, &copier), 0);
    let_loose(&c);
    atomic_store(&copier.over, true);
    pthread_join(t, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(exactly_the_affordable_number),
        LEDGER_TEST(exactly_what_the_global_budget_affords),
        LEDGER_TEST(what_lingers_is_written),
        LEDGER_TEST(spending_goes_on_until_it_is_spent),
        LEDGER_TEST(copies_and_proofs_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
