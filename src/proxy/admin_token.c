/* SPDX-License-Identifier: MIT */
#include "proxy/admin.h"

#include <jansson.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "wire/json.h"

static void write_members(struct jsonw *w, const struct token *t)
{
    jsonw_member_int(w, "id", t->id);
    jsonw_member_str(w, "projectId", span_of(t->project));
    jsonw_member_str(w, "models", span_of(t->models));
    jsonw_member_str(w, "label", span_of(t->label));
    jsonw_member_time(w, "createdAt", t->created_ms);
    jsonw_member_time(w, "expiresAt", t->expires_ms);
    jsonw_member_time(w, "revokedAt", t->revoked_ms);
}

static int take_text(struct exchange *x, const char *field, json_t *v, char *out, size_t size)
{
    size_t n = json_string_length(v);

    if (!json_is_string(v) || n >= size || strlen(json_string_value(v)) != n)
        return refuse(&x->refusal, REFUSE_INVALID_REQUEST, field,
                      "%s: a string of less than %zu bytes is expected", field, size);
    memcpy(out, json_string_value(v), n + 1);
    return 0;
}

static int take_expiry(struct exchange *x, json_t *v, int64_t *out)
{
    int64_t ms = json_is_string(v) ? clock_parse_iso(json_string_value(v)) : -1;

    if (json_is_null(v))
        return 0;
    if (ms <= clock_wall_ms())
        return refuse(&x->refusal, REFUSE_INVALID_REQUEST, "expires",
                      "expires: a time in the future like 2027-01-01T00:00:00Z is expected");
    *out = ms;
    return 0;
}

static int take_fields(struct exchange *x, json_t *root, struct token *t)
{
    const char *key;
    json_t *v;
    int r = 0;

    json_object_foreach(root, key, v) {
        if (!strcmp(key, "projectId"))
            r = take_text(x, "projectId", v, t->project, sizeof t->project);
        else if (!strcmp(key, "models"))
            r = take_text(x, "models", v, t->models, sizeof t->models);
        else if (!strcmp(key, "label"))
            r = take_text(x, "label", v, t->label, sizeof t->label);
        else if (!strcmp(key, "expires"))
            r = take_expiry(x, v, &t->expires_ms);
        else
            r = refuse(&x->refusal, REFUSE_INVALID_REQUEST, NULL, "%.100s: no such field", key);
        if (r)
            return -1;
    }
    if (!exchange_is_project_id(span_of(t->project)))
        return refuse(&x->refusal, REFUSE_INVALID_REQUEST, "projectId",
                      "projectId: 1 to 128 of A-Z a-z 0-9 . _ : @ - are expected");
    return 0;
}

static int read_token(struct exchange *x, struct token *t)
{
    struct json_limits limits = {4, 100};
    json_t *root;
    struct err e;
    int r;

    *t = (struct token){.created_ms = clock_wall_ms()};
    if (json_read(buf_all(&x->body), &limits, &root, &e) != JSON_OK)
        return refuse(&x->refusal, REFUSE_INVALID_REQUEST, NULL, "%s", e.msg);
    r = take_fields(x, root, t);
    json_decref(root);
    return r;
}

static int create(struct exchange *x)
{
    struct token asked, made;
    char text[TOKEN_TEXT_MAX];
    struct jsonw w;
    struct err e;

    if (read_token(x, &asked))
        return -1;
    if (ledger_token_create(x->server->ledger, &asked, text, &made, &e))
        return admin_refuse_ledger(x, &e);
    jsonw_init(&w, &x->reply.body);
    jsonw_open(&w, '{');
    jsonw_member_str(&w, "token", span_of(text));
    write_members(&w, &made);
    jsonw_close(&w, '}');
    return admin_reply(x, 200, "application/json");
}

static void list_one(void *ctx, const struct token *t)
{
    struct jsonw *w = ctx;

    jsonw_open(w, '{');
    write_members(w, t);
    jsonw_close(w, '}');
}

int admin_tokens(struct exchange *x)
{
    struct jsonw w;
    struct err e;

    if (x->method == METHOD_POST)
        return create(x);
    jsonw_init(&w, &x->reply.body);
    jsonw_open(&w, '{');
    jsonw_key(&w, "tokens");
    jsonw_open(&w, '[');
    if (ledger_token_each(x->server->ledger, list_one, &w, &e))
        return admin_refuse_ledger(x, &e);
    jsonw_close(&w, ']');
    jsonw_close(&w, '}');
    return admin_reply(x, 200, "application/json");
}

int admin_token(struct exchange *x)
{
    long long id;
    struct err e;
    int status = 200;

    if (!span_to_int64(x->target.segment, &id))
        return refuse(&x->refusal, REFUSE_INVALID_REQUEST, NULL, "A token's id is a number.");
    if (ledger_token_revoke(x->server->ledger, id, clock_wall_ms(), &e)) {
        if (e.code != ERR_NOT_FOUND)
            return admin_refuse_ledger(x, &e);
        status = 404;
    }
    buf_printf(&x->reply.body, "{\"success\":%s,\"message\":\"%s: %lld\"}", status == 200 ? "true" : "false",
               status == 200 ? "Token revoked" : "No such token", id);
    return admin_reply(x, status, "application/json");
}
