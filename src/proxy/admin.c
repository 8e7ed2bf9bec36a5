/* SPDX-License-Identifier: MIT */
#include "proxy/admin.h"

#include "base/jsonw.h"
#include "base/log.h"

static int (*const answers[MANAGE_KINDS])(struct exchange *) = {
    [MANAGE_ROOT] = admin_root,       [MANAGE_HEALTH] = admin_health,
    [MANAGE_METRICS] = admin_metrics, [MANAGE_USAGE] = admin_usage,
    [MANAGE_HISTORY] = admin_history, [MANAGE_BUDGET] = admin_budget,
    [MANAGE_BUDGETS] = admin_budgets, [MANAGE_BUDGET_RESET] = admin_budget_reset,
    [MANAGE_TOKENS] = admin_tokens,   [MANAGE_TOKEN] = admin_token,
    [MANAGE_SERIES] = admin_series,   [MANAGE_LIVE] = admin_live,
    [MANAGE_DASHBOARD] = admin_dashboard, [MANAGE_LOGIN] = admin_login,
    [MANAGE_LOGOUT] = admin_logout,
};

int admin_answer(struct exchange *x)
{
    const struct route *route = x->target.route;

    if (route->kind == ROUTE_MANAGE &&
        access_manage(&x->caller, route, x->method, span_of(x->project), &x->refusal))
        return -1;
    if (answers[route->manage](x))
        return -1;
    if (x->method != METHOD_GET && x->method != METHOD_HEAD)
        feed_poke(&x->server->feed); /* who watches sees what has changed */
    return 0;
}

int admin_reply(struct exchange *x, int status, const char *content_type)
{
    if (x->reply.body.failed)
        return refuse(&x->refusal, REFUSE_INTERNAL, NULL, "No memory for the answer.");
    x->reply.status = status;
    headers_add(&x->reply.headers, &x->arena, SPAN("Content-Type"), span_of(content_type));
    headers_add(&x->reply.headers, &x->arena, SPAN("Cache-Control"), SPAN("no-store"));
    return 0;
}

int admin_refuse_ledger(struct exchange *x, const struct err *e)
{
    if (e->code == ERR_INVALID)
        return refuse(&x->refusal, REFUSE_INVALID_REQUEST, NULL, "%s", e->msg);
    log_error("request_id=%s ledger: %s", x->id, e->msg);
    return refuse(&x->refusal, REFUSE_LEDGER_UNAVAILABLE, NULL, "The ledger cannot answer now.");
}

int admin_health(struct exchange *x)
{
    buf_str(&x->reply.body, "{\"status\":\"ok\"}");
    return admin_reply(x, 200, "application/json");
}

static void write_endpoints(struct jsonw *w, struct arena *a)
{
    size_t n;
    const struct route *table = route_table(&n);

    jsonw_key(w, "endpoints");
    jsonw_open(w, '{');
    for (size_t i = 0; i < n; i++) {
        struct target t = {.route = &table[i]};
        jsonw_member_str(w, table[i].path, span_of(route_allow(&t, a)));
    }
    jsonw_close(w, '}');
}

int admin_root(struct exchange *x)
{
    struct jsonw w;

    jsonw_init(&w, &x->reply.body);
    jsonw_open(&w, '{');
    jsonw_member_str(&w, "name", SPAN("Tokencap Proxy"));
    jsonw_member_str(&w, "version", SPAN(TOKENCAP_VERSION));
    jsonw_member_str(&w, "status", SPAN("healthy"));
    write_endpoints(&w, &x->arena);
    jsonw_close(&w, '}');
    return admin_reply(x, 200, "application/json");
}
