/* SPDX-License-Identifier: MIT */
#include "proxy/admin.h"

#include <jansson.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "wire/json.h"

/* ---- which budget a GET, DELETE or reset is about ---- */

struct which {
    enum scope scope;
    int64_t token_id;
    char name[PROJECT_ID_MAX + 32];
};

static int find_which(struct exchange *x, struct which *w)
{
    struct span scope = query_get(x->target.raw_query, "scope", &x->arena);
    struct span id = query_get(x->target.raw_query, "tokenId", &x->arena);
    long long token = 0;

    *w = (struct which){.scope = SCOPE_PROJECT};
    if (span_eq(scope, SPAN("global")))
        w->scope = SCOPE_GLOBAL;
    else if (span_eq(scope, SPAN("token")))
        w->scope = SCOPE_TOKEN;
    else if (scope.p && !span_eq(scope, SPAN("project")))
        return refuse(&x->refusal, REFUSE_INVALID_REQUEST, "scope", "scope: project, global or token");
    if (w->scope == SCOPE_TOKEN && (!span_to_int64(id, &token) || !token))
        return refuse(&x->refusal, REFUSE_INVALID_REQUEST, "tokenId", "tokenId is missing");
    if (w->scope != SCOPE_PROJECT && x->caller.has_token && !x->caller.admin)
        return refuse(&x->refusal, REFUSE_FORBIDDEN, "scope",
                      "A project token reads its own project's budget alone; others need the admin token.");
    w->token_id = token;
    if (w->scope == SCOPE_PROJECT)
        snprintf(w->name, sizeof w->name, "project: %s", x->project);
    else if (w->scope == SCOPE_GLOBAL)
        snprintf(w->name, sizeof w->name, "everything");
    else
        snprintf(w->name, sizeof w->name, "token: %lld", token);
    return 0;
}

/* A POST to reset may name the project in its body, as a POST to set does; else the query does. */
static int project_from_body(struct exchange *x)
{
    struct span id;
    json_t *root, *value;
    bool good;

    if (!x->body.n)
        return 0;
    if (admin_read_json(x, &root))
        return -1;
    value = json_object_get(root, "projectId");
    id = (struct span){json_string_value(value), json_string_length(value)};
    good = value ? id.p && exchange_is_project_id(id) : json_is_object(root);
    if (good && value)
        snprintf(x->project, sizeof x->project, "%s", id.p);
    json_decref(root);
    return good ? 0
                : refuse(&x->refusal, REFUSE_INVALID_REQUEST, "projectId",
                         "projectId: 1 to 128 of A-Z a-z 0-9 . _ : @ - are expected");
}

static int say(struct exchange *x, int status, bool success, const char *message)
{
    struct jsonw w;

    jsonw_init(&w, &x->reply.body);
    jsonw_open(&w, '{');
    jsonw_member_bool(&w, "success", success);
    jsonw_member_str(&w, "message", span_of(message));
    jsonw_close(&w, '}');
    return admin_reply(x, status, "application/json");
}

static int say_none(struct exchange *x)
{
    return say(x, 404, false, "No budget found for this project");
}

/* ---- the endpoints ---- */

static int set_budget(struct exchange *x)
{
    struct budget b, now;
    struct jsonw w;
    struct err e;

    if (admin_read_budget(x, &b))
        return -1;
    if (ledger_budget_set(x->server->ledger, &b, clock_wall_ms(), &now, &e))
        return admin_refuse_ledger(x, &e);
    jsonw_init(&w, &x->reply.body);
    jsonw_open(&w, '{');
    jsonw_member_bool(&w, "success", true);
    jsonw_key(&w, "budget");
    admin_write_budget(&w, &now, true);
    jsonw_close(&w, '}');
    return admin_reply(x, 200, "application/json");
}

static int get_budget(struct exchange *x, const struct which *which)
{
    struct budget b;
    struct jsonw w;
    struct err e;
    bool found = ledger_budget_get(x->server->ledger, which->scope, x->project, which->token_id,
                                   clock_wall_ms(), &b, &e) == 0;

    if (!found && e.code != ERR_NOT_FOUND)
        return admin_refuse_ledger(x, &e);
    jsonw_init(&w, &x->reply.body);
    jsonw_open(&w, '{');
    jsonw_key(&w, "budget");
    if (found) {
        admin_write_budget(&w, &b, !x->caller.has_token);
    } else {
        jsonw_null(&w);
        jsonw_member_str(&w, "message", SPAN("No budget set for this project"));
    }
    jsonw_close(&w, '}');
    return admin_reply(x, 200, "application/json");
}

static int delete_budget(struct exchange *x, const struct which *which)
{
    char text[PROJECT_ID_MAX + 64];
    struct err e;

    if (ledger_budget_delete(x->server->ledger, which->scope, x->project, which->token_id,
                             clock_wall_ms(), &e))
        return e.code == ERR_NOT_FOUND ? say_none(x) : admin_refuse_ledger(x, &e);
    snprintf(text, sizeof text, "Budget deleted for %s", which->name);
    return say(x, 200, true, text);
}

int admin_budget(struct exchange *x)
{
    struct which which;

    if (x->method == METHOD_POST)
        return set_budget(x);
    if (find_which(x, &which))
        return -1;
    return x->method == METHOD_DELETE ? delete_budget(x, &which) : get_budget(x, &which);
}

int admin_budget_reset(struct exchange *x)
{
    char text[PROJECT_ID_MAX + 64];
    struct which which;
    struct err e;

    if (project_from_body(x) || find_which(x, &which))
        return -1;
    if (ledger_budget_reset(x->server->ledger, which.scope, x->project, which.token_id,
                            clock_wall_ms(), &e))
        return e.code == ERR_NOT_FOUND ? say_none(x) : admin_refuse_ledger(x, &e);
    snprintf(text, sizeof text, "Budget reset for %s", which.name);
    return say(x, 200, true, text);
}

static void list_one(void *ctx, const struct budget *b)
{
    admin_write_budget(ctx, b, true);
}

int admin_budgets(struct exchange *x)
{
    struct jsonw w;
    struct err e;

    jsonw_init(&w, &x->reply.body);
    jsonw_open(&w, '{');
    jsonw_key(&w, "budgets");
    jsonw_open(&w, '[');
    if (ledger_budget_each(x->server->ledger, clock_wall_ms(), list_one, &w, &e))
        return admin_refuse_ledger(x, &e);
    jsonw_close(&w, ']');
    jsonw_close(&w, '}');
    return admin_reply(x, 200, "application/json");
}
