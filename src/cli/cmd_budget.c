/* SPDX-License-Identifier: MIT */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "base/jsonw.h"
#include "cli/cli.h"
#include "meter/money.h"

/* The flags that say which budget: the first rows of every budget command. */
#define WHICH                                                                                      \
    [SCOPE] = {"scope", "WORD", "project (the default), global or token."},                        \
    [TOKEN_ID] = {"token-id", "N", "The project token, with --scope=token."},                      \
    [URL] = {"url", "URL", "Where the daemon is; else TOKENCAP_URL, else http://127.0.0.1:3456."}, \
    [JSON] = {"json", NULL, "Print JSON."}

enum { SCOPE, TOKEN_ID, URL, JSON, PERIOD_DAYS, PERIOD, TIMEZONE, ENFORCEMENT, PER_REQUEST };

const struct flag budget_flags[] = {WHICH, {NULL, NULL, NULL}};

const struct flag budget_set_flags[] = {
    WHICH,
    [PERIOD_DAYS] = {"period-days", "N", "Start anew every N days."},
    [PERIOD] = {"period", "WORD", "Start anew every calendar day, week or month."},
    [TIMEZONE] = {"timezone", "NAME", "Whose calendar, such as Europe/Paris; UTC when absent."},
    [ENFORCEMENT] = {"enforcement", "WORD",
                     "estimate or strict; the daemon's default when absent."},
    [PER_REQUEST] = {"per-request", "USD", "The most that one request may cost."},
    {NULL, NULL, NULL},
};

static const struct column columns[] = {
    {"SCOPE", "scope", COLUMN_TEXT},        {"PROJECT", "projectId", COLUMN_TEXT},
    {NULL, "tokenId", COLUMN_NUMBER},       {"LIMIT $", "limitUsd", COLUMN_USD},
    {"SPENT $", "spentUsd", COLUMN_USD},    {"HELD $", "reservedUsd", COLUMN_USD},
    {"LEFT $", "remainingUsd", COLUMN_USD}, {"ENFORCED BY", "enforcement", COLUMN_TEXT},
    {NULL, "periodStart", COLUMN_TEXT},     {"RESETS", "periodEnd", COLUMN_TEXT},
};

#define COLUMNS (sizeof columns / sizeof *columns)

void add_json_cell(struct table *t, enum column_kind kind, const struct json_t *v)
{
    char text[MONEY_LEN];

    if (json_is_string(v)) {
        table_add(t, (struct span){json_string_value(v), json_string_length(v)});
        return;
    }
    if (kind == COLUMN_USD && json_is_number(v))
        table_add(t, span_of(money_json((nano_t)llround(json_number_value(v) * 1e9), text)));
    else if (json_is_integer(v) && kind == COLUMN_NUMBER) {
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(v));
        table_add(t, span_of(text));
    } else
        table_add(t, (struct span){NULL, 0});
}

static void add_budget(struct table *t, const json_t *budget)
{
    const json_t *scope = json_object_get(budget, "scope");

    for (size_t i = 0; i < COLUMNS; i++) {
        if (i == 0 && !scope)
            table_add(t, SPAN("project"));
        else
            add_json_cell(t, columns[i].kind, json_object_get(budget, columns[i].key));
    }
}

int finish_table(struct table *t, const struct invocation *in, int json_flag, struct err *e)
{
    int r = 0;

    if (t->failed)
        r = err_set(e, ERR_MEMORY, "no memory");
    else
        table_print(t, given(in, json_flag) ? LAYOUT_JSON : LAYOUT_TABLE, stdout);
    table_finish(t);
    return r;
}

/* path?project_id=…, or what the other scopes need. */
static int which(const struct invocation *in, const char *path, struct buf *out, struct err *e)
{
    buf_init(out, 0);
    buf_printf(out, "%s?project_id=", path);
    url_encode(out, in->noperands ? in->operands[0] : "default");
    if (given(in, SCOPE)) {
        buf_str(out, "&scope=");
        url_encode(out, in->values[SCOPE]);
    }
    if (given(in, TOKEN_ID)) {
        buf_str(out, "&tokenId=");
        url_encode(out, in->values[TOKEN_ID]);
    }
    if (!out->failed)
        return 0;
    buf_finish(out);
    return err_set(e, ERR_MEMORY, "no memory");
}

static int call(const struct invocation *in, const char *method, const char *path, json_t **root,
                struct err *e)
{
    struct buf full;
    int r;

    if (which(in, path, &full, e) < 0)
        return -1;
    r = daemon_call(in->values[URL], method, full.p, NULL, root, e);
    buf_finish(&full);
    return r;
}

int cmd_budget_list(const struct invocation *in, struct err *e)
{
    const json_t *budget;
    struct table t;
    json_t *root;
    size_t i;

    if (call(in, "GET", "/v1/budgets", &root, e) < 0)
        return -1;
    table_init(&t, columns, COLUMNS);
    json_array_foreach (json_object_get(root, "budgets"), i, budget)
        add_budget(&t, budget);
    json_decref(root);
    return finish_table(&t, in, JSON, e);
}

static int print_budget(const struct invocation *in, json_t *root, struct err *e)
{
    const json_t *budget = json_object_get(root, "budget");
    struct table t;

    if (!json_is_object(budget)) {
        const char *said = json_string_value(json_object_get(root, "message"));

        err_set(e, ERR_NOT_FOUND, "%s", said ? said : "there is no such budget");
        json_decref(root);
        return -1;
    }
    table_init(&t, columns, COLUMNS);
    add_budget(&t, budget);
    json_decref(root);
    return finish_table(&t, in, JSON, e);
}

int cmd_budget_show(const struct invocation *in, struct err *e)
{
    json_t *root;

    return call(in, "GET", "/v1/budget", &root, e) < 0 ? -1 : print_budget(in, root, e);
}

/* The number is sent in the digits that were typed; the daemon checks its range. */
static int add_amount(struct jsonw *w, const char *key, const char *text, struct err *e)
{
    char digits[MONEY_LEN];
    nano_t v;

    if (money_parse(span_of(text), 9, NANO_MAX, &v, e) < 0)
        return err_prefix(e, "%s", key);
    jsonw_member_raw(w, key, money_json(v, digits));
    return 0;
}

static int add_count(struct jsonw *w, const char *flag, const char *key, const char *text,
                     struct err *e)
{
    long long v;

    if (!text)
        return 0;
    if (!span_to_int64(span_of(text), &v))
        return err_set(e, ERR_USAGE, "--%s: \"%.80s\" is not a whole number", flag, text);
    jsonw_member_int(w, key, v);
    return 0;
}

static int write_wish(const struct invocation *in, struct jsonw *w, struct err *e)
{
    static const struct {
        int flag;
        const char *key;
    } words[] = {
        {SCOPE, "scope"}, {PERIOD, "period"}, {TIMEZONE, "timezone"}, {ENFORCEMENT, "enforcement"}};
    bool other = given(in, SCOPE) && strcmp(in->values[SCOPE], "project") != 0;

    if (other == (in->noperands == 2))
        return err_set(e, ERR_USAGE,
                       other ? "only a project's budget is set with a PROJECT"
                             : "budget set needs PROJECT and LIMIT");
    jsonw_open(w, '{');
    if (!other)
        jsonw_member_str(w, "projectId", span_of(in->operands[0]));
    if (add_amount(w, "limitUsd", in->operands[in->noperands - 1], e) < 0)
        return -1;
    if (given(in, PER_REQUEST) && add_amount(w, "perRequestUsd", in->values[PER_REQUEST], e) < 0)
        return -1;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (given(in, words[i].flag))
            jsonw_member_str(w, words[i].key, span_of(in->values[words[i].flag]));
    if (add_count(w, "token-id", "tokenId", in->values[TOKEN_ID], e) < 0 ||
        add_count(w, "period-days", "periodDays", in->values[PERIOD_DAYS], e) < 0)
        return -1;
    jsonw_close(w, '}');
    return 0;
}

int cmd_budget_set(const struct invocation *in, struct err *e)
{
    struct jsonw w;
    struct buf body;
    json_t *root;
    int r;

    buf_init(&body, 0);
    jsonw_init(&w, &body);
    r = write_wish(in, &w, e);
    if (r == 0)
        r = daemon_call(in->values[URL], "POST", "/v1/budget", body.p, &root, e);
    buf_finish(&body);
    return r ? -1 : print_budget(in, root, e);
}

static int do_and_say(const struct invocation *in, const char *method, const char *path,
                      struct err *e)
{
    const char *said;
    json_t *root;

    if (call(in, method, path, &root, e) < 0)
        return -1;
    said = json_string_value(json_object_get(root, "message"));
    if (given(in, JSON))
        json_dumpf(root, stdout, JSON_COMPACT);
    else
        fputs(said ? said : "done", stdout);
    putchar('\n');
    json_decref(root);
    return 0;
}

int cmd_budget_reset(const struct invocation *in, struct err *e)
{
    return do_and_say(in, "POST", "/v1/budget/reset", e);
}

int cmd_budget_delete(const struct invocation *in, struct err *e)
{
    return do_and_say(in, "DELETE", "/v1/budget", e);
}
