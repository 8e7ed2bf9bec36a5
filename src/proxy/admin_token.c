/* SPDX-License-Identifier: MIT */
#include "proxy/admin.h"

#include <jansson.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "proxy/admin_fields.h"

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

/* ---- a token from JSON: one row a field ---- */

static struct token *token(const struct field_reader *in)
{
    return in->out;
}

static int read_project(const struct field_reader *in)
{
    return field_text(in, token(in)->project, sizeof token(in)->project);
}

static int read_models(const struct field_reader *in)
{
    return field_text(in, token(in)->models, sizeof token(in)->models);
}

static int read_label(const struct field_reader *in)
{
    return field_text(in, token(in)->label, sizeof token(in)->label);
}

static int read_expires(const struct field_reader *in)
{
    int64_t ms = json_is_string(in->value) ? clock_parse_iso(json_string_value(in->value)) : -1;

    if (json_is_null(in->value))
        return 0;
    if (ms <= clock_wall_ms())
        return field_bad(in, "a time in the future like 2027-01-01T00:00:00Z is expected");
    token(in)->expires_ms = ms;
    return 0;
}

static const struct field fields[] = {
    {"projectId", read_project},
    {"models", read_models},
    {"label", read_label},
    {"expires", read_expires},
};

static int read_token(struct exchange *x, struct token *t)
{
    json_t *root;
    int r;

    *t = (struct token){.created_ms = clock_wall_ms()};
    if (admin_read_json(x, &root))
        return -1;
    r = fields_read(x, root, fields, sizeof fields / sizeof *fields, t);
    json_decref(root);
    if (!r && !exchange_is_project_id(span_of(t->project)))
        r = refuse(&x->refusal, REFUSE_INVALID_REQUEST, "projectId",
                   "projectId: 1 to 128 of A-Z a-z 0-9 . _ : @ - are expected");
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
