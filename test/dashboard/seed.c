/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/ledger.h"

/*
 * Fills a ledger with a believable past: seed DB ROWS DAYS. Working days, evenings and models as a team
 * has them, the same every time but for the moment that is now. For the dashboard's tests and pictures.
 */

#define THREADS 32
#define HOUR    INT64_C(3600000)

static const struct model {
    const char *provider, *endpoint, *id;
    double weight, input_usd, output_usd; /* a million tokens */
    int input, output, reasoning;
    double bias; /* actual over predicted, in the middle */
} models[] = {
    {"anthropic", "/v1/messages", "claude-sonnet-4-5", 30, 3, 15, 9000, 700, 0, 0.7},
    {"openai", "/v1/chat/completions", "gpt-4o", 24, 2.5, 10, 2600, 420, 0, 0.62},
    {"openai", "/v1/responses", "gpt-5", 16, 1.25, 10, 5200, 1500, 900, 0.8},
    {"openai", "/v1/chat/completions", "gpt-4o-mini", 18, 0.15, 0.6, 1800, 300, 0, 0.55},
    {"anthropic", "/v1/messages", "claude-haiku-4-5", 10, 1, 5, 3200, 260, 0, 0.66},
    {"openai", "/v1/embeddings", "text-embedding-3-small", 12, 0.02, 0, 6000, 0, 0, 1},
    {"anthropic", "/v1/messages", "claude-opus-4-5", 4, 5, 25, 7000, 1100, 0, 0.9},
};

static const struct {
    const char *name;
    double weight;
} projects[] = {
    {"checkout-assistant", 34}, {"support-triage", 26}, {"docs-search", 18}, {"nightly-evals", 12}, {"playground", 6},
};

#define LEN(a) (sizeof(a) / sizeof *(a))

static struct ledger *ledger;
static int64_t now_ms, days;
static long rows;

struct random {
    uint64_t state;
};

static double uniform(struct random *r)
{
    r->state = r->state * 6364136223846793005u + 1442695040888963407u;
    return (double)(r->state >> 11) / 9007199254740992.0;
}

static double normal(struct random *r)
{
    return sqrt(-2 * log(uniform(r) + 1e-12)) * cos(6.283185307 * uniform(r));
}

#define PICK(r, table, out)                                                                        \
    do {                                                                                           \
        double sum_ = 0, at_;                                                                      \
        for (size_t i_ = 0; i_ < LEN(table); i_++)                                                 \
            sum_ += table[i_].weight;                                                              \
        at_ = uniform(r) * sum_;                                                                   \
        for (out = 0; out + 1 < LEN(table) && (at_ -= table[out].weight) > 0; out++)               \
            ;                                                                                      \
    } while (0)

/* More by day than by night, less at week-ends, more lately than at first. */
static int64_t moment(struct random *r)
{
    for (;;) {
        double back = uniform(r);
        int64_t t = now_ms - (int64_t)(back * (double)days * 24 * (double)HOUR);
        double hour = (double)(t % (24 * HOUR)) / (double)HOUR;
        int weekday = (int)((t / (24 * HOUR) + 4) % 7);
        double busy = 0.15 + 0.85 * exp(-pow((hour - 14) / 4.5, 2));

        if (weekday == 0 || weekday == 6)
            busy *= 0.35;
        if (uniform(r) < busy * (1.15 - 0.6 * back))
            return t;
    }
}

static nano_t price(const struct model *m, double input, double cached, double output)
{
    return (nano_t)((input - cached * 0.9) * m->input_usd * 1e3 + output * m->output_usd * 1e3);
}

static void fail(const struct err *e)
{
    fprintf(stderr, "seed: %s\n", e->msg);
    exit(1);
}

static void one(struct random *r, long n, int64_t at)
{
    struct reservation res = {.run_limit = -1, .bounded = true, .now_ms = at};
    struct settlement s = {.state = HOLD_SETTLED, .price_version = "seed/2026-11-10", .price_rule = "exact",
                           .confidence = "high", .status = 200, .now_ms = at + 900};
    size_t mi, pi;
    double input, cached, output;
    struct verdict v;
    struct err e;

    PICK(r, models, mi);
    PICK(r, projects, pi);
    const struct model *m = &models[mi];
    input = ceil(m->input * exp(0.7 * normal(r)));
    output = ceil(m->output * exp(0.8 * normal(r)));
    cached = uniform(r) < 0.55 && m->output ? floor(input * 0.7 * uniform(r)) : 0;
    snprintf(res.request_id, sizeof res.request_id, "req_%016lx%016llx", n, (unsigned long long)r->state);
    snprintf(res.project, sizeof res.project, "%s", projects[pi].name);
    snprintf(res.model, sizeof res.model, "%s", m->id);
    res.provider = m->provider;
    res.endpoint = m->endpoint;
    s.cost = price(m, input, cached, output);
    res.estimate = (nano_t)((double)s.cost / (m->bias * exp(0.35 * normal(r)))) + 1;
    res.maximum = res.estimate * 2;
    res.input_tokens = (int64_t)(input * (1 + 0.01 * normal(r)));
    res.output_tokens = (int64_t)(output / m->bias);
    if (ledger_reserve(ledger, &res, &v, &e))
        fail(&e);
    if (!v.admitted)
        return;
    s.hold_id = v.hold_id;
    snprintf(s.model, sizeof s.model, "%s", m->id);
    s.usage.seen = true;
    s.usage.nparts = 1;
    s.usage.parts[0].tokens[TOK_INPUT] = (int64_t)(input - cached);
    s.usage.parts[0].tokens[TOK_CACHE_READ] = (int64_t)cached;
    s.usage.parts[0].tokens[TOK_OUTPUT] = (int64_t)output;
    s.usage.reasoning = m->reasoning ? (int64_t)(output * 0.6) : 0;
    s.saved = (nano_t)(cached * 0.9 * m->input_usd * 1e3);
    if (uniform(r) < 0.01)
        s.state = HOLD_ESTIMATED;
    s.streamed = m->output && uniform(r) < 0.7;
    s.ttft_ms = (int64_t)(380 * exp(0.5 * normal(r)));
    s.duration_ms = s.ttft_ms + (int64_t)(output * 11 * exp(0.2 * normal(r)));
    if (ledger_settle(ledger, &s, false, NULL, &e))
        fail(&e);
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static int64_t *moments;

static void *work(void *arg)
{
    static _Atomic long next;
    struct random r = {(uint64_t)(intptr_t)arg * 77 + 1};

    for (long n; (n = next++) < rows;)
        one(&r, n, moments[n]);
    return NULL;
}

static void set(const char *project, double usd, enum period_kind period, const char *zone)
{
    struct budget b = {.scope = project ? SCOPE_PROJECT : SCOPE_GLOBAL, .limit = (nano_t)(usd * 1e9),
                       .per_request = -1, .period = period, .nalerts = 3, .alert_percents = {50, 80, 100}};
    struct budget out;
    struct err e;

    snprintf(b.project, sizeof b.project, "%s", project ? project : "");
    snprintf(b.timezone, sizeof b.timezone, "%s", zone);
    if (ledger_budget_set(ledger, &b, moments[0], &out, &e))
        fail(&e);
}

int main(int argc, char **argv)
{
    struct ledger_options o = {.address = argc > 1 ? argv[1] : "", .busy_timeout_ms = 5000, .ballast = -1};
    struct ledger_recovery found;
    struct random r = {42};
    pthread_t threads[THREADS];
    struct err e;

    if (argc != 4 || (rows = atol(argv[2])) < 1 || (days = atol(argv[3])) < 1) {
        fprintf(stderr, "usage: seed DB ROWS DAYS\n");
        return 64;
    }
    now_ms = clock_wall_ms();
    if (ledger_open(&o, &found, &ledger, &e))
        fail(&e);
    moments = calloc((size_t)rows, sizeof *moments);
    for (long i = 0; i < rows; i++)
        moments[i] = moment(&r);
    qsort(moments, (size_t)rows, sizeof *moments, by_time);
    set(NULL, 2.2e-3 * (double)rows * 8, PERIOD_MONTH, "Europe/Paris");
    set("checkout-assistant", 7e-3 * (double)rows, PERIOD_MONTH, "Europe/Paris");
    set("support-triage", 2e-3 * (double)rows, PERIOD_WEEK, "");
    set("docs-search", 6e-4 * (double)rows, PERIOD_DAY, "");
    set("nightly-evals", 5e-2 * (double)rows, PERIOD_NONE, "");
    for (long t = 0; t < THREADS; t++)
        pthread_create(&threads[t], NULL, work, (void *)(intptr_t)t);
    for (long t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    ledger_close(ledger);
    return 0;
}
