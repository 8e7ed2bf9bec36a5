/* SPDX-License-Identifier: MIT */
#include "traffic.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"

#define DAY_MS     INT64_C(86400000)
#define DAILY_MAX  4096
#define CHANGE_DAY 200 /* the reports' prompt is rewritten */
#define JOIN_DAY   120 /* a second support project starts, on a model that is known by then */

const char *traffic_class_name(enum traffic_class c)
{
    static const char *const names[] = {"short chats", "classification", "agents",
                                        "code generation", "reports (one abrupt change)"};

    return names[c];
}

/* ---- chance ---- */

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static double uniform(uint64_t *state)
{
    return ((double)(splitmix(state) >> 11) + 0.5) / (double)(UINT64_C(1) << 53);
}

static bool chance(uint64_t *state, double p)
{
    return uniform(state) < p;
}

static int between(uint64_t *state, int least, int most)
{
    return least + (int)(uniform(state) * (most - least + 1));
}

/* Whole tokens, lognormal: how long texts are. */
static int64_t tokens(uint64_t *state, double median, double sigma)
{
    const double z = sqrt(-2 * log(uniform(state))) * cos(6.283185307179586 * uniform(state));
    const double v = median * exp(sigma * z);

    return v < 1 ? 1 : (int64_t)v;
}

/* ---- one day ---- */

struct day {
    uint64_t state;
    int number;
    struct traffic list[DAILY_MAX];
    int n;
};

/* Adds a request; its output is cut off at its limit. Returns when it is done. */
static int64_t ask(struct day *d, struct traffic t)
{
    if (t.limit && t.output > t.limit)
        t.output = t.limit;
    t.done_ms = t.at_ms + 400 + t.output * 14;
    if (d->n < DAILY_MAX)
        d->list[d->n++] = t;
    return t.done_ms;
}

/* A moment of the day: mostly office hours. */
static int64_t moment(struct day *d)
{
    const int64_t start = clock_parse_iso("2026-01-01") + d->number * DAY_MS;
    const double hour =
        chance(&d->state, 0.8) ? 8 + 10 * uniform(&d->state) : 24 * uniform(&d->state);

    return start + (int64_t)(hour * 3600e3);
}

/* A conversation: the input grows by each answer and question. Half of the projects set a limit. */
static void chat(struct day *d, const char *project, int64_t limit)
{
    struct traffic t = {.class = SHORT_CHAT,
                        .project = project,
                        .provider = "openai",
                        .model = "gpt-4o-mini",
                        .api = API_CHAT,
                        .limit = limit};

    t.at_ms = moment(d);
    t.input = 140;
    for (int turn = between(&d->state, 1, 8); turn > 0; turn--) {
        t.input += tokens(&d->state, 45, 0.9);
        t.output =
            chance(&d->state, 0.08) ? tokens(&d->state, 620, 0.5) : tokens(&d->state, 120, 0.75);
        t.at_ms = ask(d, t) + (int64_t)(60e3 * uniform(&d->state));
        t.input += t.output;
    }
}

/* A label, or a label in a little JSON. */
static void classify(struct day *d, struct traffic t)
{
    const double draw = uniform(&d->state);

    t.class = CLASSIFICATION;
    t.at_ms = moment(d);
    t.input = 180 + tokens(&d->state, 130, 0.7);
    t.output = draw < 0.55  ? between(&d->state, 1, 4)
               : draw < 0.9 ? between(&d->state, 5, 11)
                            : between(&d->state, 12, 24);
    ask(d, t);
}

/* Turns of tool calls over a context that grows by their results; most of it comes from the cache.
 */
static void agent(struct day *d)
{
    struct traffic t = {.class = AGENT,
                        .project = "agent",
                        .provider = "anthropic",
                        .model = "claude-sonnet-4-6",
                        .api = API_MESSAGES,
                        .limit = 8192,
                        .tools = true};
    int64_t before = 0;

    t.at_ms = moment(d);
    t.input = 9000 + tokens(&d->state, 800, 0.8);
    for (int turn = between(&d->state, 5, 40); turn > 0 && t.input < 180000; turn--) {
        const double draw = uniform(&d->state);

        t.cached = before;
        t.cache_written = t.input - before;
        t.output = draw < 0.78   ? tokens(&d->state, 110, 0.7)
                   : draw < 0.94 ? tokens(&d->state, 450, 0.8)
                                 : tokens(&d->state, 2400, 0.8);
        before = t.input;
        t.at_ms = ask(d, t) + 300 + (int64_t)(9e3 * uniform(&d->state));
        t.input += t.output + tokens(&d->state, 700, 1.1);
    }
}

/* Thinks, then writes; half of the callers set a limit. */
static void code(struct day *d)
{
    struct traffic t = {.class = CODE,
                        .project = "coder",
                        .provider = "openai",
                        .model = "gpt-5",
                        .api = API_RESPONSES};

    t.at_ms = moment(d);
    t.limit = chance(&d->state, 0.5) ? 32000 : 0;
    t.input = 600 + tokens(&d->state, 2500, 1.0);
    t.output = tokens(&d->state, 900, 1.0) + tokens(&d->state, 700, 0.9);
    ask(d, t);
}

static void report(struct day *d)
{
    struct traffic t = {.class = REPORT,
                        .project = "reports",
                        .provider = "anthropic",
                        .model = "claude-opus-4-6",
                        .api = API_MESSAGES,
                        .limit = 4096};

    t.at_ms = moment(d);
    t.changed = d->number >= CHANGE_DAY;
    t.input = 2200 + tokens(&d->state, 900, 0.6);
    t.output = t.changed ? tokens(&d->state, 1500, 0.4) : tokens(&d->state, 380, 0.45);
    ask(d, t);
}

static int by_time(const void *a, const void *b)
{
    const struct traffic *x = a, *y = b;

    return (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
}

/* Weekends are quiet. */
static void fill(struct day *d)
{
    static const struct traffic taggers[] = {
        {.project = "triage",
         .provider = "anthropic",
         .model = "claude-haiku-4-5",
         .api = API_MESSAGES,
         .limit = 1024},
        {.project = "tagger", .provider = "openai", .model = "gpt-4o-mini", .api = API_CHAT},
        {.project = "moderation",
         .provider = "openai",
         .model = "gpt-4.1-nano",
         .api = API_CHAT,
         .limit = 64},
    };
    const int weekday = (d->number + 4) % 7; /* 2026-01-01 is a Thursday */
    const double busy = weekday == 0 || weekday == 6 ? 0.3 : 1;

    d->n = 0;
    for (int i = 0; i < 30 * busy; i++)
        chat(d, "assistant", 0);
    for (int i = 0; i < 20 * busy; i++)
        chat(d, d->number >= JOIN_DAY && i % 2 ? "support-2" : "support", 1024);
    for (int i = 0; i < 300 * busy; i++)
        classify(d, taggers[i % 3]);
    for (int i = 0; i < 9 * busy; i++)
        agent(d);
    for (int i = 0; i < 70 * busy; i++)
        code(d);
    for (int i = 0; i < 60 * busy; i++)
        report(d);
    qsort(d->list, (size_t)d->n, sizeof *d->list, by_time);
}

void traffic_year(uint64_t seed, void (*f)(void *ctx, const struct traffic *t), void *ctx)
{
    struct day *d = calloc(1, sizeof *d);

    if (!d)
        abort();
    d->state = seed;
    for (d->number = 0; d->number < TRAFFIC_DAYS; d->number++) {
        fill(d);
        for (int i = 0; i < d->n; i++)
            f(ctx, &d->list[i]);
    }
    free(d);
}
