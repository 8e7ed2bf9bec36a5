/* SPDX-License-Identifier: MIT */
#include "proxy/admin.h"

#include "base/clock.h"
#include "base/jsonw.h"

/*
 * GET /v1/usage?by=model|day|project: totals in groups, of one project, or with all=true of all.
 * from and to are taken as whole days in UTC.
 */

static const char *const groupings[] = {
    [GROUP_MODEL] = "model", [GROUP_DAY] = "day", [GROUP_PROJECT] = "project"};

static int bad(struct exchange *x, const char *name, const char *what)
{
    return refuse(&x->refusal, REFUSE_INVALID_REQUEST, name, "%s: %s", name, what);
}

static int read_grouping(struct exchange *x, enum usage_group *out)
{
    struct span by = query_get(x->target.raw_query, "by", &x->arena);

    for (size_t i = 0; i < sizeof groupings / sizeof *groupings; i++) {
        if (span_eq(by, span_of(groupings[i]))) {
            *out = (enum usage_group)i;
            return 0;
        }
    }
    return bad(x, "by", "model, day or project is expected");
}

static int read_time(struct exchange *x, const char *name, int64_t *out)
{
    struct span v = query_get(x->target.raw_query, name, &x->arena);

    if (v.p && (strlen(v.p) != v.n || (*out = clock_parse_iso(v.p)) < 0))
        return bad(x, name, "a date or time like 2026-11-24T08:00:00Z is expected");
    return 0;
}

/* A project token sees its own project, whatever it asks for. */
static int read_all(struct exchange *x, struct usage_query *q)
{
    struct span all = query_get(x->target.raw_query, "all", &x->arena);

    if (all.p && !span_eq(all, SPAN("true")) && !span_eq(all, SPAN("false")))
        return bad(x, "all", "true or false is expected");
    q->project = span_eq(all, SPAN("true")) ? NULL : x->project;
    if (!q->project && x->caller.has_token)
        return refuse(&x->refusal, REFUSE_FORBIDDEN, "all",
                      "A project token sees its own project; all=true needs the admin token.");
    return 0;
}

static void write_group(void *ctx, const char *key, const struct usage_total *t)
{
    struct jsonw *w = ctx;

    jsonw_open(w, '{');
    jsonw_member_str(w, "key", span_of(key));
    jsonw_member_int(w, "totalRequests", t->requests);
    jsonw_member_int(w, "totalInputTokens", t->input_tokens);
    jsonw_member_int(w, "totalOutputTokens", t->output_tokens);
    money_member(w, "totalCostUsd", t->cost);
    jsonw_close(w, '}');
}

int admin_usage_by(struct exchange *x)
{
    struct usage_query q = {0};
    enum usage_group group = GROUP_MODEL;
    struct jsonw w;
    struct err e;

    if (read_grouping(x, &group) || read_all(x, &q) || read_time(x, "from", &q.from_ms) ||
        read_time(x, "to", &q.to_ms))
        return -1;
    jsonw_init(&w, &x->reply.body);
    jsonw_open(&w, '{');
    jsonw_member_str(&w, "by", span_of(groupings[group]));
    jsonw_key(&w, "groups");
    jsonw_open(&w, '[');
    if (ledger_usage_by(x->server->ledger, &q, group, write_group, &w, &e))
        return admin_refuse_ledger(x, &e);
    jsonw_close(&w, ']');
    jsonw_close(&w, '}');
    return admin_reply(x, 200, "application/json");
}
