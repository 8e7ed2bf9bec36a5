/* SPDX-License-Identifier: MIT */
/*
 * How many holds a second the ledger makes durable, and how long each waits: by waiters, with and
 * without their settlements.
 *
 *   bench [--normal] [DIRECTORY]   prints a Markdown table; the database is made there, and removed
 *   bench --on ADDRESS WAITERS HOLDS hold|settle
 *
 * measures once, on a ledger that others may use too. It says `ready`, begins when it reads a line,
 * says `holds groups from_ns to_ns`, and closes the ledger when it reads another: open holds are
 * charged then.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/clock.h"
#include "ledger/ledger.h"

#define WAITERS_MAX 256
#define PROJECTS    16

struct worker {
    pthread_t thread;
    struct ledger *l;
    int n, number;
    bool settle;
    int64_t *ns; /* one a hold */
    pthread_barrier_t *start;
};

static void die(const struct err *e)
{
    fprintf(stderr, "bench: %s\n", e->msg);
    exit(1);
}

static void settle(struct ledger *l, int64_t hold)
{
    struct settlement s = {.hold_id = hold,
                           .state = HOLD_SETTLED,
                           .cost = 700000,
                           .status = 200,
                           .model = "gpt-4o",
                           .price_version = "2026-11-01",
                           .price_rule = "exact",
                           .confidence = "high"};
    struct err e;

    s.now_ms = clock_wall_ms();
    s.usage.seen = true;
    s.usage.nparts = 1;
    s.usage.parts[0].tokens[TOK_INPUT] = 120;
    s.usage.parts[0].tokens[TOK_OUTPUT] = 240;
    if (ledger_settle(l, &s, false, NULL, &e) != 0)
        die(&e);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct reservation r = {.run_limit = -1,
                            .provider = "openai",
                            .endpoint = "chat.completions",
                            .model = "gpt-4o",
                            .estimate = 1000000,
                            .maximum = 2000000,
                            .bounded = true,
                            .input_tokens = 120,
                            .output_tokens = 300};
    struct verdict v;
    struct err e;

    snprintf(r.project, sizeof r.project, "project-%d", w->number % PROJECTS);
    pthread_barrier_wait(w->start);
    for (int i = 0; i < w->n; i++) {
        int64_t from = clock_mono_ns();

        snprintf(r.request_id, sizeof r.request_id, "req_%016llx%08x%08x", (long long)from,
                 w->number, i);
        r.now_ms = clock_wall_ms();
        if (ledger_reserve(w->l, &r, &v, &e) != 0)
            die(&e);
        w->ns[i] = clock_mono_ns() - from;
        if (!v.admitted) {
            fprintf(stderr, "bench: refused\n");
            exit(1);
        }
        if (w->settle)
            settle(w->l, v.hold_id);
    }
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static double cpu_us(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

struct run {
    int waiters, holds; /* in all */
    bool settle;
    int64_t from_ns, to_ns, groups;
    int64_t *ns; /* what each hold took, sorted */
    double cpu_us;
};

static void finish(struct ledger *l, struct ledger_stats *s)
{
    do
        ledger_stats(l, s);
    while (s->queued);
}

static void measure(struct ledger *l, struct run *r)
{
    static struct worker w[WAITERS_MAX];
    pthread_barrier_t start;
    int n = r->holds / r->waiters;
    struct ledger_stats s;

    r->holds = n * r->waiters;
    r->ns = calloc((size_t)r->holds, sizeof *r->ns);
    if (!r->ns)
        abort();
    pthread_barrier_init(&start, NULL, (unsigned)r->waiters + 1);
    for (int i = 0; i < r->waiters; i++) {
        w[i] = (struct worker){.l = l,
                               .n = n,
                               .number = i,
                               .settle = r->settle,
                               .ns = r->ns + i * n,
                               .start = &start};
        if (pthread_create(&w[i].thread, NULL, work, &w[i]) != 0)
            abort();
    }
    finish(l, &s);
    r->groups = s.commits;
    r->cpu_us = cpu_us();
    pthread_barrier_wait(&start);
    r->from_ns = clock_mono_ns();
    for (int i = 0; i < r->waiters; i++)
        pthread_join(w[i].thread, NULL);
    r->to_ns = clock_mono_ns();
    r->cpu_us = cpu_us() - r->cpu_us;
    finish(l, &s); /* the next row starts clean */
    r->groups = s.commits - r->groups;
    pthread_barrier_destroy(&start);
    qsort(r->ns, (size_t)r->holds, sizeof *r->ns, by_size);
}

static void measure_row(struct ledger *l, int waiters, int holds, bool settle)
{
    struct run r = {.waiters = waiters, .holds = holds, .settle = settle};

    measure(l, &r);
    printf("| %d | %s | %.0f | %.2f | %.2f | %.1f |\n", waiters,
           settle ? "hold + settlement" : "hold", r.holds / ((double)(r.to_ns - r.from_ns) / 1e9),
           (double)r.ns[r.holds / 2] / 1e6, (double)r.ns[(int64_t)r.holds * 99 / 100] / 1e6,
           r.cpu_us / r.holds);
    fflush(stdout);
    free(r.ns);
}

static void set_budgets(struct ledger *l)
{
    struct budget b = {.scope = SCOPE_PROJECT, .limit = NANO_MAX, .per_request = -1};
    struct err e;

    for (int i = 0; i < PROJECTS; i++) {
        snprintf(b.project, sizeof b.project, "project-%d", i);
        if (ledger_budget_set(l, &b, clock_wall_ms(), NULL, &e) != 0)
            die(&e);
    }
    b.scope = SCOPE_GLOBAL;
    if (ledger_budget_set(l, &b, clock_wall_ms(), NULL, &e) != 0)
        die(&e);
}

static void wait_for_line(void)
{
    int c;

    fflush(stdout);
    do
        c = getchar();
    while (c != '\n' && c != EOF);
}

static int bench_on(const char *address, struct run r)
{
    struct ledger_options o = {.address = address, .durable = true, .busy_timeout_ms = 5000};
    struct ledger *l;
    struct err e;

    if (r.waiters < 1 || r.waiters > WAITERS_MAX || r.holds < r.waiters)
        return 64;
    if (ledger_open(&o, NULL, &l, &e) != 0)
        die(&e);
    set_budgets(l);
    puts("ready");
    wait_for_line();
    measure(l, &r);
    printf("%d %lld %lld %lld\n", r.holds, (long long)r.groups, (long long)r.from_ns,
           (long long)r.to_ns);
    wait_for_line();
    free(r.ns);
    ledger_close(l);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        int waiters, holds;
    } rows[] = {{1, 4000}, {64, 160000}, {256, 240000}};
    bool normal = argc > 1 && strcmp(argv[1], "--normal") == 0;
    char dir[256], path[300], cmd[400];
    struct ledger_options o = {.address = path, .durable = !normal, .busy_timeout_ms = 5000};
    struct ledger *l;
    struct err e;

    if (argc == 6 && strcmp(argv[1], "--on") == 0)
        return bench_on(argv[2], (struct run){.waiters = atoi(argv[3]),
                                              .holds = atoi(argv[4]),
                                              .settle = strcmp(argv[5], "settle") == 0});
    snprintf(dir, sizeof dir, "%s/ledger-bench-XXXXXX",
             argc > 1 + normal ? argv[1 + normal] : "/tmp");
    if (!mkdtemp(dir)) {
        perror(dir);
        return 1;
    }
    snprintf(path, sizeof path, "%s/ledger.db", dir);
    printf("synchronous=%s, %d CPUs\n\n", normal ? "NORMAL" : "FULL", get_nprocs());
    printf("| waiters | what | a second | p50 ms | p99 ms | CPU µs each |\n|-|-|-|-|-|-|\n");
    for (int settled = 0; settled < 2; settled++)
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            if (ledger_open(&o, NULL, &l, &e) != 0)
                die(&e);
            set_budgets(l);
            measure_row(l, rows[i].waiters, rows[i].holds, settled);
            ledger_close(l);
            snprintf(cmd, sizeof cmd, "rm -f '%s'/*", dir);
            if (system(cmd) != 0)
                return 1;
        }
    rmdir(dir);
    return 0;
}
