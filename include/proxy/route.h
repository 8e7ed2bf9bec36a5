/* SPDX-License-Identifier: MIT */
#ifndef PROXY_ROUTE_H
#define PROXY_ROUTE_H

#include <stdbool.h>

#include "base/arena.h"
#include "meter/prompt.h"
#include "proxy/headers.h"
#include "proxy/provider.h"
#include "wire/refusal.h"

/*
 * Where a request goes: one table of routes, matched on the raw target, and one parse of it that access
 * control, routing and forwarding all use. Pure; the results borrow from the target and the arena.
 */

enum method { METHOD_GET = 1, METHOD_HEAD = 2, METHOD_POST = 4, METHOD_DELETE = 8, METHOD_OTHER = 16 };

enum method method_of(const char *name);

enum route_kind {
    ROUTE_HEALTH,   /* answered on the connection's thread, always, to anyone */
    ROUTE_MANAGE,   /* likewise, to those who may */
    ROUTE_FORWARD,  /* to the upstream, never charged */
    ROUTE_PRICED,   /* to the upstream, held and settled */
    ROUTE_ESTIMATE, /* a priced endpoint's price instead of its answer */
};

/* What answers a health or management route; admin.c has one function for each. */
enum manage {
    MANAGE_NONE, MANAGE_ROOT, MANAGE_HEALTH, MANAGE_METRICS, MANAGE_USAGE, MANAGE_HISTORY,
    MANAGE_SERIES, MANAGE_LIVE, MANAGE_DASHBOARD, MANAGE_LOGIN, MANAGE_LOGOUT,
    MANAGE_BUDGET, MANAGE_BUDGET_RESET, MANAGE_BUDGETS, MANAGE_TOKENS, MANAGE_TOKEN, MANAGE_KINDS
};

struct route {
    const char *path; /* a final '*' is one segment (of a model's id: the rest) */
    int methods;      /* enum method, or-ed; HEAD goes wherever GET does */
    enum route_kind kind;
    enum api api;     /* priced and estimate routes */
    bool anthropic;   /* the upstream and dialect, unless `either` */
    bool either;      /* Anthropic's when anthropic-version is sent, else OpenAI's */
    enum manage manage;
};

struct target {
    const struct route *route;
    enum dialect dialect;
    struct span path;    /* normalised, "/v1/…" or "/…" */
    struct span query;   /* without '?'; project_id taken out */
    struct span raw_query; /* as it came */
    struct span segment; /* what '*' matched */
    const struct provider *provider; /* of the path's prefix; NULL: none */
    struct span project; /* from ?project_id= or the path prefix; p == NULL: neither */
};

/* 0, or -1 with *r filled (404, 405, 426) and out->dialect set for the answer. */
int route_find(enum method method, struct span raw, const struct headers *h,
               const struct providers *providers, struct arena *a, struct target *out,
               struct refusal *r) MUST_CHECK;

/* For the Allow header of a 405: the methods of the path. */
const char *route_allow(const struct target *t, struct arena *a);

/* The value of a query parameter, percent-decoded into the arena; p == NULL when absent. What is no escape
 * stays as it is. */
struct span query_get(struct span query, const char *name, struct arena *a);

/* Every route, for GET / and the tests. */
const struct route *route_table(size_t *n);

#endif
