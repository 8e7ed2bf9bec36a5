/* SPDX-License-Identifier: MIT */
#include "proxy/admin.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/jsonw.h"

#define HISTORY_DEFAULT 100
#define HISTORY_MAX     1000

/* ---- the summary ---- */

/* The three members that only a budget gives; null without one. */
static void write_budget_part(struct jsonw *w, const struct budget *b)
{
    static const char *const keys[] = {"budgetLimitUsd", "budgetRemainingUsd", "budgetUtilizationPercent"};
    nano_t left;
    char percent[32];

    if (!b) {
        for (size_t i = 0; i < 3; i++)
            jsonw_member_raw(w, keys[i], "null");
        return;
    }
    left = b->limit - b->spent - b->reserved;
    money_member(w, keys[0], b->limit);
    money_member(w, keys[1], left > 0 ? left : 0);
    snprintf(percent, sizeof percent, "%.10g",
             b->limit ? 100.0 * (double)b->spent / (double)b->limit : b->spent ? 100.0 : 0.0);
    jsonw_member_raw(w, keys[2], percent);
}

int admin_usage(struct exchange *x)
{
    struct usage_total t;
    struct budget b;
    struct jsonw w;
    struct err e;
    bool has_budget;

    if (query_get(x->target.raw_query, "by", &x->arena).p)
        return admin_usage_by(x);
    if (ledger_usage(x->server->ledger, x->project, &t, &e))
        return admin_refuse_ledger(x, &e);
    has_budget = ledger_budget_get(x->server->ledger, SCOPE_PROJECT, x->project, 0, clock_wall_ms(), &b,
                                   &e) == 0;
    if (!has_budget && e.code != ERR_NOT_FOUND)
        return admin_refuse_ledger(x, &e);
    jsonw_init(&w, &x->reply.body);
    jsonw_open(&w, '{');
    jsonw_key(&w, "usage");
    jsonw_open(&w, '{');
    jsonw_member_str(&w, "projectId", span_of(x->project));
    jsonw_member_int(&w, "totalRequests", t.requests);
    jsonw_member_int(&w, "totalInputTokens", t.input_tokens);
    jsonw_member_int(&w, "totalOutputTokens", t.output_tokens);
    money_member(&w, "totalCostUsd", t.cost);
    write_budget_part(&w, has_budget ? &b : NULL);
    jsonw_close(&w, '}');
    jsonw_close(&w, '}');
    return admin_reply(x, 200, "application/json");
}

/* ---- history: one table of columns makes the JSON and the CSV ---- */

struct cell {
    const char *text; /* NULL: a number, or null */
    int64_t number;
    bool null, money;
};

#define TEXT(v)   ((struct cell){.text = (v)})
#define NUMBER(v) ((struct cell){.number = (v)})
#define MONEY(v)  ((struct cell){.number = (v), .money = true})

static int64_t cache_written(const struct usage_row *r)
{
    return r->kinds[TOK_CACHE_WRITE_5M] + r->kinds[TOK_CACHE_WRITE_30M] + r->kinds[TOK_CACHE_WRITE_1H] +
           r->kinds[TOK_CACHE_WRITE_12H];
}

/*        column                 cell, of row r created at `when` */
#define COLUMNS(X)                                                                                 \
    X("id",                   NUMBER(r->id))                                                       \
    X("projectId",            TEXT(r->project))                                                    \
    X("provider",             TEXT(r->provider))                                                   \
    X("model",                TEXT(r->model))                                                      \
    X("inputTokens",          NUMBER(r->input_tokens))                                             \
    X("outputTokens",         NUMBER(r->output_tokens))                                            \
    X("costUsd",              MONEY(r->cost))                                                      \
    X("requestId",            TEXT(r->request_id))                                                 \
    X("createdAt",            TEXT(when))                                                          \
    X("estimatedCostUsd",     MONEY(r->estimate))                                                  \
    X("estimatedInputTokens", NUMBER(r->estimated_input))                                          \
    X("estimatedOutputTokens", NUMBER(r->estimated_output))                                        \
    X("cachedInputTokens",    NUMBER(r->kinds[TOK_CACHE_READ]))                                    \
    X("cacheWriteTokens",     NUMBER(cache_written(r)))                                            \
    X("reasoningTokens",      NUMBER(r->reasoning))                                                \
    X("status",               TEXT(hold_state_name(r->state)))                                     \
    X("endpoint",             TEXT(r->endpoint))                                                   \
    X("priceVersion",         TEXT(r->price_version))                                              \
    X("durationMs",           NUMBER(r->duration_ms))                                              \
    X("ttftMs",               ((struct cell){.number = r->ttft_ms, .null = r->ttft_ms < 0}))

struct listing {
    struct buf *out;
    struct jsonw w;
    int64_t last_id;
};

static void cell_text(const struct cell *c, char out[MONEY_LEN])
{
    if (c->money)
        money_json(c->number, out);
    else
        snprintf(out, MONEY_LEN, c->null ? "null" : "%" PRId64, c->number);
}

static void json_cell(struct jsonw *w, const char *name, const struct cell *c)
{
    char text[MONEY_LEN];

    if (c->text) {
        jsonw_member_str(w, name, span_of(c->text));
        return;
    }
    cell_text(c, text);
    jsonw_member_raw(w, name, text);
}

void admin_write_usage(struct jsonw *w, const struct usage_row *r)
{
    char when[CLOCK_ISO_LEN];

    clock_iso(r->created_ms, when);
    jsonw_open(w, '{');
#define X(name, cell) json_cell(w, name, &cell);
    COLUMNS(X)
#undef X
    jsonw_close(w, '}');
}

static void json_row(void *ctx, const struct usage_row *r)
{
    struct listing *l = ctx;

    l->last_id = r->id;
    admin_write_usage(&l->w, r);
}

/* RFC 4180; a cell that a spreadsheet would take for a formula is made text. */
static void csv_text(struct buf *out, const char *s)
{
    buf_char(out, '"');
    if (*s && strchr("=+-@\t\r", *s))
        buf_char(out, '\'');
    for (; *s; s++) {
        if (*s == '"')
            buf_char(out, '"');
        buf_char(out, *s);
    }
    buf_char(out, '"');
}

static void csv_cell(struct buf *out, const struct cell *c)
{
    char text[MONEY_LEN];

    if (out->n && out->p[out->n - 1] != '\n')
        buf_char(out, ',');
    if (c->text) {
        csv_text(out, c->text);
    } else if (!c->null) {
        cell_text(c, text);
        buf_str(out, text);
    }
}

static void csv_row(void *ctx, const struct usage_row *r)
{
    struct listing *l = ctx;
    char when[CLOCK_ISO_LEN];

    clock_iso(r->created_ms, when);
    l->last_id = r->id;
#define X(name, cell) csv_cell(l->out, &cell);
    COLUMNS(X)
#undef X
    buf_str(l->out, "\r\n");
}

static void csv_head(struct buf *out)
{
#define X(name, cell) buf_printf(out, "%s%s", out->n ? "," : "", name);
    COLUMNS(X)
#undef X
    buf_str(out, "\r\n");
}

/* ---- its query ---- */

static int read_query(struct exchange *x, struct usage_query *q)
{
    struct span model = query_get(x->target.raw_query, "model", &x->arena);
    long long limit = HISTORY_DEFAULT, before = 0;

    *q = (struct usage_query){.model = model.p};
    if (admin_query_project(x, &q->project) || admin_query_int(x, "limit", 1, HISTORY_MAX, &limit) ||
        admin_query_int(x, "before", 1, INT64_MAX, &before) || admin_query_time(x, "from", &q->from_ms) ||
        admin_query_time(x, "to", &q->to_ms))
        return -1;
    q->limit = (int)limit;
    q->before_id = before;
    return 0;
}

static int history_json(struct exchange *x, const struct usage_query *q)
{
    struct listing l = {.out = &x->reply.body};
    char cursor[24];
    struct err e;
    int n;

    jsonw_init(&l.w, l.out);
    jsonw_open(&l.w, '{');
    jsonw_key(&l.w, "records");
    jsonw_open(&l.w, '[');
    if ((n = ledger_history(x->server->ledger, q, json_row, &l, &e)) < 0)
        return admin_refuse_ledger(x, &e);
    jsonw_close(&l.w, ']');
    jsonw_key(&l.w, "nextCursor");
    snprintf(cursor, sizeof cursor, "%" PRId64, l.last_id);
    if (n == q->limit)
        jsonw_str(&l.w, span_of(cursor));
    else
        jsonw_null(&l.w);
    jsonw_close(&l.w, '}');
    return admin_reply(x, 200, "application/json");
}

/* The cursor for the next page goes into a header: CSV has no place for it. */
static int history_csv(struct exchange *x, const struct usage_query *q)
{
    struct listing l = {.out = &x->reply.body};
    struct err e;
    int n;

    csv_head(l.out);
    if ((n = ledger_history(x->server->ledger, q, csv_row, &l, &e)) < 0)
        return admin_refuse_ledger(x, &e);
    if (n == q->limit)
        headers_addf(&x->reply.headers, &x->arena, "X-Tokencap-Next-Cursor", "%" PRId64, l.last_id);
    return admin_reply(x, 200, "text/csv; charset=utf-8; header=present");
}

int admin_history(struct exchange *x)
{
    struct usage_query q;

    if (read_query(x, &q))
        return -1;
    return header_has_token(headers_get(&x->headers, "accept"), "text/csv") ? history_csv(x, &q)
                                                                            : history_json(x, &q);
}
