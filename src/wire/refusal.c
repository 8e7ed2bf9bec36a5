/* SPDX-License-Identifier: MIT */
#include "wire/refusal.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/jsonw.h"

static const struct {
    int status;
    const char *openai, *anthropic, *code;
} kinds[REFUSAL_KINDS] = {
#define X(name, status, openai, anthropic, code)                                                   \
    [REFUSE_##name] = {status, openai, anthropic, code},
    REFUSALS(X)
#undef X
};

int refuse(struct refusal *r, enum refusal_kind kind, const char *param, const char *fmt, ...)
{
    va_list ap;

    *r = (struct refusal){.kind = kind, .param = param};
    va_start(ap, fmt);
    vsnprintf(r->message, sizeof r->message, fmt, ap);
    va_end(ap);
    return -1;
}

int refusal_status(enum refusal_kind kind)
{
    return kinds[kind].status;
}

const char *refusal_code(enum refusal_kind kind)
{
    return kinds[kind].code;
}

static void member_or_null(struct jsonw *w, const char *key, const char *value)
{
    if (value)
        jsonw_member_str(w, key, span_of(value));
    else
        jsonw_member_raw(w, key, "null");
}

void refusal_body(const struct refusal *r, enum dialect d, const char *request_id, struct buf *out)
{
    const char *type = d == DIALECT_ANTHROPIC ? kinds[r->kind].anthropic : kinds[r->kind].openai;
    struct jsonw w;

    jsonw_init(&w, out);
    jsonw_open(&w, '{');
    if (d != DIALECT_MANAGEMENT)
        jsonw_member_str(&w, "type", SPAN("error"));
    jsonw_key(&w, "error");
    jsonw_open(&w, '{');
    jsonw_member_str(&w, "type", span_of(type));
    jsonw_member_str(&w, "message", span_of(r->message));
    if (d != DIALECT_MANAGEMENT) {
        member_or_null(&w, "param", r->param);
        jsonw_member_str(&w, "code", span_of(kinds[r->kind].code));
    }
    if (r->details)
        jsonw_member_raw(&w, "details", r->details);
    jsonw_close(&w, '}');
    if (d != DIALECT_MANAGEMENT)
        member_or_null(&w, "request_id", request_id);
    jsonw_close(&w, '}');
}
