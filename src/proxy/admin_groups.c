/* SPDX-License-Identifier: MIT */
#include "proxy/admin.h"

#include "base/jsonw.h"

/*
 * GET /v1/usage?by=model|day|project: totals in groups, of one project, or with all=true of all.
 * from and to are taken as whole days in UTC.
 */

static const char *const groupings[] = {
    [GROUP_MODEL] = "model", [GROUP_DAY] = "day", [GROUP_PROJECT] = "project"};

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
    size_t group = GROUP_MODEL;
    struct jsonw w;
    struct err e;

    if (admin_query_word(x, "by", groupings, sizeof groupings / sizeof *groupings, &group) ||
        admin_query_project(x, &q.project) || admin_query_time(x, "from", &q.from_ms) ||
        admin_query_time(x, "to", &q.to_ms))
        return -1;
    jsonw_init(&w, &x->reply.body);
    jsonw_open(&w, '{');
    jsonw_member_str(&w, "by", span_of(groupings[group]));
    jsonw_key(&w, "groups");
    jsonw_open(&w, '[');
    if (ledger_usage_by(x->server->ledger, &q, (enum usage_group)group, write_group, &w, &e))
        return admin_refuse_ledger(x, &e);
    jsonw_close(&w, ']');
    jsonw_close(&w, '}');
    return admin_reply(x, 200, "application/json");
}
