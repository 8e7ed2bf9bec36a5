/* SPDX-License-Identifier: MIT */
/*
 * What questions cost with little in the ledger, with many projects and with many usage rows, and
 * what the rows take on the disk. Prints a Markdown table.
 *
 *   scale [ROWS [DIRECTORY]]           the database is made there (default /dev/shm), and removed
 *   scale --fill ROWS PROJECTS PATH    only makes one, for others to measure with
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "ledger/ledger.h"

#define THREADS       64
#define PROJECTS      100
#define PROJECTS_MANY 100000
#define MODELS        10
#define MODELS_EACH   3
#define TIMES         501
#define YEAR_MS       INT64_C(31536000000)
#define START         INT64_C(1764000000000)

struct place {
    char dir[200], path[300];
    struct ledger *l;
    long rows, projects;
};

static void die(const struct err *e)
{
    fprintf(stderr, "scale: %s\n", e->msg);
    exit(1);
}

static void open_ledger(struct place *p)
{
    struct ledger_options o = {.address = p->path, .durable = false, .busy_timeout_ms = 5000};
    struct err e;

    if (ledger_open(&o, NULL, &p->l, &e) != 0)
        die(&e);
}

/* One of the projects, in no order. */
static long draw(const struct place *p, long i)
{
    return (long)((unsigned long)i * 2654435761U % (unsigned long)p->projects);
}

static void use(const struct place *p, long i, long project, int64_t now_ms)
{
    struct reservation r = {.run_limit = -1,
                            .provider = "openai",
                            .endpoint = "chat.completions",
                            .estimate = 1234567,
                            .maximum = 4567890,
                            .bounded = true,
                            .input_tokens = 1200,
                            .output_tokens = 750};
    struct settlement s = {.state = HOLD_SETTLED,
                           .cost = 1034567,
                           .status = 200,
                           .streamed = true,
                           .price_version = "2026-11-01",
                           .price_rule = "exact",
                           .confidence = "high",
                           .duration_ms = 4321,
                           .ttft_ms = 456};
    struct verdict v;
    struct err e;

    snprintf(r.request_id, sizeof r.request_id, "req_%016lx%016lx", i * 2654435761L, i);
    snprintf(r.project, sizeof r.project, "project-%ld", project);
    snprintf(r.model, sizeof r.model, "model-%ld",
             project % MODELS + i / p->projects % MODELS_EACH); /* of each project a few */
    r.now_ms = now_ms;
    if (ledger_reserve(p->l, &r, &v, &e) != 0)
        die(&e);
    s.hold_id = v.hold_id;
    memcpy(s.model, r.model, sizeof s.model);
    s.now_ms = now_ms + 4321;
    s.usage.seen = true;
    s.usage.nparts = 1;
    s.usage.parts[0].tokens[TOK_INPUT] = 400;
    s.usage.parts[0].tokens[TOK_CACHE_READ] = 800;
    s.usage.parts[0].tokens[TOK_OUTPUT] = 512;
    s.usage.reasoning = 128;
    if (ledger_settle(p->l, &s, false, NULL, &e) != 0)
        die(&e);
}

struct filler {
    struct place *p;
    atomic_long next;
    long until;
};

static void *fill_some(void *arg)
{
    struct filler *f = arg;
    long i;

    while ((i = atomic_fetch_add(&f->next, 1)) < f->until)
        use(f->p, i, draw(f->p, i),
            START + (int64_t)((double)i / (double)f->until * (double)YEAR_MS));
    return NULL;
}

static void fill(struct place *p, long rows)
{
    struct filler f = {.p = p, .until = rows};
    pthread_t t[THREADS];

    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&t[i], NULL, fill_some, &f) != 0)
            abort();
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    p->rows = rows;
}

/* Their period outlasts the year: none begins a new one while it is measured. */
static void set_budgets(struct place *p)
{
    struct budget b = {.scope = SCOPE_PROJECT,
                       .limit = NANO_MAX,
                       .per_request = -1,
                       .period = PERIOD_DAYS,
                       .period_days = 3650};
    struct err e;

    for (long i = 0; i < p->projects; i++) {
        snprintf(b.project, sizeof b.project, "project-%ld", i);
        if (ledger_budget_set(p->l, &b, START, NULL, &e) != 0)
            die(&e);
    }
}

static void make(struct place *p, long rows, long projects)
{
    p->projects = projects;
    open_ledger(p);
    set_budgets(p);
    fill(p, rows);
    ledger_close(p->l);
}

/* ---- the questions ---- */

static void ignore_row(void *ctx, const struct usage_row *row)
{
    *(int64_t *)ctx = row->id;
}

static void ignore_total(void *ctx, const char *key, const struct usage_total *t)
{
    (void)ctx;
    (void)key;
    (void)t;
}

static void ignore_sums(void *ctx, int64_t start_ms, const char *key, const struct usage_sums *t)
{
    (void)ctx;
    (void)start_ms;
    (void)key;
    (void)t;
}

static void page(struct place *p, const struct usage_query *q)
{
    int64_t id;
    struct err e;

    if (ledger_history(p->l, q, ignore_row, &id, &e) < 0)
        die(&e);
}

/* Of as many projects as it is asked times, so that asking once more is none's first request. */
static void ask_reserve(struct place *p)
{
    static long n = 0;

    use(p, (1L << 40) + n, draw(p, n % TIMES), START + YEAR_MS / 4);
    n++;
}

static void ask_usage(struct place *p)
{
    struct usage_total t;
    struct err e;

    if (ledger_usage(p->l, "project-5", &t, &e) != 0)
        die(&e);
}

static void ask_budget(struct place *p)
{
    struct budget b;
    struct err e;

    if (ledger_budget_get(p->l, SCOPE_PROJECT, "project-5", 0, START, &b, &e) != 0)
        die(&e);
}

static void ask_by_model(struct place *p)
{
    struct usage_query q = {.project = "project-5", .from_ms = START + YEAR_MS - 30 * 86400000L};
    struct err e;

    if (ledger_usage_by(p->l, &q, GROUP_MODEL, ignore_total, NULL, &e) != 0)
        die(&e);
}

static void ask_series(struct place *p)
{
    struct series_query q = {
        .from_ms = START + YEAR_MS - 2 * 86400000L, .to_ms = START + YEAR_MS, .hours = 1};
    struct err e;

    if (ledger_series(p->l, &q, ignore_sums, NULL, &e) != 0)
        die(&e);
}

static void ask_newest(struct place *p)
{
    page(p, &(struct usage_query){.limit = 50});
}

static void ask_deep(struct place *p)
{
    page(p, &(struct usage_query){.limit = 50, .before_id = p->rows});
}

static void ask_project(struct place *p)
{
    page(p, &(struct usage_query){.limit = 50, .project = "project-5", .before_id = p->rows});
}

static void ask_model(struct place *p)
{
    page(p, &(struct usage_query){.limit = 50, .model = "model-3", .before_id = p->rows});
}

static void ask_both(struct place *p)
{
    page(p, &(struct usage_query){
                .limit = 50, .model = "model-6", .project = "project-5", .before_id = p->rows});
}

static void ask_hour(struct place *p)
{
    page(p, &(struct usage_query){.limit = 50,
                                  .from_ms = START + YEAR_MS / 2,
                                  .to_ms = START + YEAR_MS / 2 + 3600000});
}

static const struct {
    const char *what;
    void (*ask)(struct place *p);
} questions[] = {
    {"hold and settlement, one after the other", ask_reserve},
    {"budget of a project", ask_budget},
    {"totals of a project", ask_usage},
    {"a project's totals by model, 30 days", ask_by_model},
    {"spending by hour and model, 2 days", ask_series},
    {"history, newest 50", ask_newest},
    {"history, 50 from the middle", ask_deep},
    {"history of a project, from the middle", ask_project},
    {"history of a model, from the middle", ask_model},
    {"history of both, from the middle", ask_both},
    {"history within one hour", ask_hour},
};

#define QUESTIONS (sizeof questions / sizeof questions[0])

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void ask_all(struct place *p, double us[QUESTIONS])
{
    static int64_t ns[TIMES];

    for (size_t q = 0; q < QUESTIONS; q++) {
        for (int i = 0; i < TIMES; i++)
            questions[q].ask(p); /* the first time is another matter */
        for (int i = 0; i < TIMES; i++) {
            int64_t from = clock_mono_ns();

            questions[q].ask(p);
            ns[i] = clock_mono_ns() - from;
        }
        qsort(ns, TIMES, sizeof ns[0], by_size);
        us[q] = (double)ns[TIMES / 2] / 1000;
    }
}

static double seconds_since(int64_t from)
{
    return (double)(clock_mono_ns() - from) / 1e9;
}

static int64_t size_of(const struct place *p)
{
    struct stat st;

    return stat(p->path, &st) == 0 ? (int64_t)st.st_size : 0;
}

static void long_work(struct place *p)
{
    struct buf summary;
    struct err e;
    int64_t from = clock_mono_ns(), size = size_of(p);

    buf_init(&summary, 0);
    if (ledger_verify(p->path, NULL, &summary, &e) != 0)
        die(&e);
    printf("\nverify: %.1f s. %s", seconds_since(from), summary.p);
    buf_clear(&summary);
    from = clock_mono_ns();
    if (ledger_compact(p->path, START + YEAR_MS / 2, NULL, &summary, &e) != 0)
        die(&e);
    printf("compacting the older half: %.1f s, from %lld to %lld MB. %s", seconds_since(from),
           (long long)size / 1000000, (long long)size_of(p) / 1000000, summary.p);
    from = clock_mono_ns();
    buf_clear(&summary);
    if (ledger_verify(p->path, NULL, &summary, &e) != 0)
        die(&e);
    printf("verify of the rest: %.1f s\n", seconds_since(from));
    buf_finish(&summary);
}

static void empty(const struct place *p)
{
    char cmd[400];

    snprintf(cmd, sizeof cmd, "rm -f '%s'/*", p->dir);
    if (system(cmd) != 0)
        exit(1);
}

/* Makes it, asks, and leaves the file for more. Returns the seconds that making it took. */
static double measure(struct place *p, long rows, long projects, double us[QUESTIONS])
{
    int64_t from = clock_mono_ns();
    double took;

    make(p, rows, projects);
    took = seconds_since(from);
    open_ledger(p);
    ask_all(p, us);
    ledger_close(p->l);
    return took;
}

static void print(const double *base, const double *projects, const double *rows)
{
    printf("| question | µs | with %d projects | ratio | with the rows | ratio |\n|-|-|-|-|-|-|\n",
           PROJECTS_MANY);
    for (size_t q = 0; q < QUESTIONS; q++)
        printf("| %s | %.1f | %.1f | %.2f | %.1f | %.2f |\n", questions[q].what, base[q],
               projects[q], projects[q] / base[q], rows[q], rows[q] / base[q]);
}

int main(int argc, char **argv)
{
    long rows = argc > 1 ? atol(argv[1]) : 1000000;
    static double base[QUESTIONS], projects[QUESTIONS], many[QUESTIONS];
    struct place p = {0};
    double took;

    if (argc == 5 && strcmp(argv[1], "--fill") == 0) {
        snprintf(p.path, sizeof p.path, "%s", argv[4]);
        make(&p, atol(argv[2]), atol(argv[3]));
        return 0;
    }
    snprintf(p.dir, sizeof p.dir, "%s/ledger-scale-XXXXXX", argc > 2 ? argv[2] : "/dev/shm");
    if (!mkdtemp(p.dir)) {
        perror(p.dir);
        return 1;
    }
    snprintf(p.path, sizeof p.path, "%s/ledger.db", p.dir);
    measure(&p, 10, PROJECTS, base);
    empty(&p);
    measure(&p, 10, PROJECTS_MANY, projects);
    empty(&p);
    took = measure(&p, rows, PROJECTS, many);
    printf("%ld rows, %d projects, %d models, a year: %.0f s to fill, %.0f bytes a row\n\n", rows,
           PROJECTS, MODELS, took, (double)size_of(&p) / (double)rows);
    print(base, projects, many);
    long_work(&p);
    empty(&p);
    return rmdir(p.dir) != 0;
}
