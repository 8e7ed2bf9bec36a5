/* SPDX-License-Identifier: MIT */
#include "base/nearest.h"
#include "proxy/config.h"

/* The units and marks in which the table is written. */
#define K (INT64_C(1) << 10)
#define M (INT64_C(1) << 20)
#define G (INT64_C(1) << 30)
#define S INT64_C(1000)
#define H (3600 * S)
#define D (24 * H)
enum { STARTUP = 0, RELOAD = OPTION_RELOAD, BRIEF = OPTION_BRIEF, FREE = OPTION_FREE };

const struct option_row option_rows[OPTION_COUNT] = {
#define X(type, field, name, env, dflt, least, most, words, marks, group, help)                    \
    {OPTION_##type, offsetof(struct config, field),                                                \
     name,          env,                                                                           \
     dflt,          least,                                                                         \
     most,          words,                                                                         \
     marks,         OPTIONS_##group,                                                               \
     help},
    OPTIONS(X)
#undef X
};

static const char *const titles[OPTION_GROUPS] = {
    [OPTIONS_SERVICE] = "Service", [OPTIONS_UPSTREAMS] = "Upstreams",
    [OPTIONS_BUDGETS] = "Budgets", [OPTIONS_ALERTS] = "Alerts",
    [OPTIONS_ACCESS] = "Access",
    [OPTIONS_LIMITS] = "Limits",   [OPTIONS_DEADLINES] = "Deadlines",
};

const char *option_group_title(enum option_group g)
{
    return titles[g];
}

int option_find(struct span name)
{
    for (int i = 0; i < OPTION_COUNT; i++)
        if (span_eq(name, span_of(option_rows[i].name)))
            return i;
    return -1;
}

int option_find_env(struct span name)
{
    for (int i = 0; i < OPTION_COUNT; i++)
        if (span_eq(name, span_of(option_rows[i].env)))
            return i;
    return -1;
}

static const char *name_at(const void *ctx, size_t i)
{
    (void)ctx;
    return option_rows[i].type == OPTION_SECRET ? NULL : option_rows[i].name;
}

static const char *env_at(const void *ctx, size_t i)
{
    (void)ctx;
    return option_rows[i].env;
}

const char *option_nearest(struct span name)
{
    return nearest_name(name, name_at, NULL, OPTION_COUNT);
}

const char *option_nearest_env(struct span name)
{
    return nearest_within(name, 2, env_at, NULL, OPTION_COUNT);
}
