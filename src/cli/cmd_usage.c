/* SPDX-License-Identifier: MIT */
#include <jansson.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "ledger/ledger.h"

#define COUNT_OF(a) (sizeof(a) / sizeof *(a))

enum { BY, PROJECT, SINCE, UNTIL, CSV, JSON, DB, URL };

const struct flag usage_flags[] = {
    [BY] = {"by", "WORD", "Totals by model, day or project."},
    [PROJECT] = {"project", "ID", "Of this project; with --by, of all when absent."},
    [SINCE] = {"since", "WHEN",
               "From that long ago (7d) or that date on, whole days in UTC; needs --by."},
    [UNTIL] = {"until", "WHEN", "Up to then; needs --by."},
    [CSV] = {"csv", NULL, "Print CSV."},
    [JSON] = {"json", NULL, "Print JSON."},
    [DB] = {"db", "FILE",
            "Read this database instead of asking a daemon; by project when --by is absent."},
    [URL] = {"url", "URL", "Where the daemon is; else TOKENCAP_URL, else http://127.0.0.1:3456."},
    {NULL, NULL, NULL},
};

static const struct column summary_columns[] = {
    {"PROJECT", "projectId", COLUMN_TEXT},        {"REQUESTS", "totalRequests", COLUMN_NUMBER},
    {"INPUT", "totalInputTokens", COLUMN_NUMBER}, {"OUTPUT", "totalOutputTokens", COLUMN_NUMBER},
    {"COST $", "totalCostUsd", COLUMN_USD},       {"LIMIT $", "budgetLimitUsd", COLUMN_USD},
    {"LEFT $", "budgetRemainingUsd", COLUMN_USD},
};

static struct column group_columns[] = {
    {NULL, "key", COLUMN_TEXT}, /* its title is the grouping's */
    {"REQUESTS", "totalRequests", COLUMN_NUMBER},
    {"INPUT", "totalInputTokens", COLUMN_NUMBER},
    {"OUTPUT", "totalOutputTokens", COLUMN_NUMBER},
    {"COST $", "totalCostUsd", COLUMN_USD},
};

static const char *const groupings[][2] = {
    [GROUP_MODEL] = {"model", "MODEL"},
    [GROUP_DAY] = {"day", "DAY"},
    [GROUP_PROJECT] = {"project", "PROJECT"},
};

/* The grouping of that name, after which the first column is called. */
static int title_group(const char *by, struct err *e)
{
    for (size_t i = 0; i < COUNT_OF(groupings); i++) {
        if (strcmp(by, groupings[i][0]) == 0) {
            group_columns[0].title = groupings[i][1];
            return (int)i;
        }
    }
    return err_set(e, ERR_USAGE, "--by: \"%.80s\" is not model, day or project", by);
}

static int add_time(struct buf *path, const char *key, const char *flag, const char *text,
                    struct err *e)
{
    char when[CLOCK_ISO_LEN];
    int64_t ms;

    if (!text)
        return 0;
    if (parse_when(flag, text, -1, &ms, e) < 0)
        return -1;
    clock_iso(ms, when);
    buf_printf(path, "&%s=", key);
    url_encode(path, when);
    return 0;
}

static int make_path(const struct invocation *in, struct buf *path, struct err *e)
{
    const char *project = in->values[PROJECT];

    buf_str(path, "/v1/usage?");
    if (given(in, BY) && !project)
        buf_str(path, "all=true");
    else {
        buf_str(path, "project_id=");
        url_encode(path, project ? project : "default");
    }
    if (!given(in, BY))
        return given(in, SINCE) || given(in, UNTIL)
                   ? err_set(e, ERR_USAGE, "--since and --until need --by")
                   : 0;
    if (title_group(in->values[BY], e) < 0)
        return -1;
    buf_printf(path, "&by=%s", in->values[BY]);
    return add_time(path, "from", "since", in->values[SINCE], e) < 0 ||
                   add_time(path, "to", "until", in->values[UNTIL], e) < 0
               ? -1
               : 0;
}

static void add_row(struct table *t, const json_t *row)
{
    for (size_t c = 0; c < t->ncolumns; c++)
        add_json_cell(t, t->columns[c].kind, json_object_get(row, t->columns[c].key));
}

static void fill(const struct invocation *in, struct table *t, const json_t *root)
{
    const json_t *row;
    size_t i;

    if (!given(in, BY)) {
        table_init(t, summary_columns, COUNT_OF(summary_columns));
        add_row(t, json_object_get(root, "usage"));
        return;
    }
    table_init(t, group_columns, COUNT_OF(group_columns));
    json_array_foreach (json_object_get(root, "groups"), i, row)
        add_row(t, row);
}

static int ask_daemon(const struct invocation *in, struct table *t, struct err *e)
{
    struct buf path;
    json_t *root;
    int r;

    buf_init(&path, 0);
    r = make_path(in, &path, e);
    if (r == 0)
        r = daemon_call(in->values[URL], "GET", path.p, NULL, &root, e);
    buf_finish(&path);
    if (r < 0)
        return -1;
    fill(in, t, root);
    json_decref(root);
    return 0;
}

static void add_group(void *ctx, const char *key, const struct usage_total *total)
{
    const int64_t numbers[] = {total->requests, total->input_tokens, total->output_tokens};
    char text[MONEY_LEN];
    struct table *t = ctx;

    table_add(t, span_of(key));
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        snprintf(text, sizeof text, "%lld", (long long)numbers[i]);
        table_add(t, span_of(text));
    }
    table_add(t, span_of(money_json(total->cost, text)));
}

static int read_database(const struct invocation *in, struct table *t, struct err *e)
{
    struct usage_query q = {.project = in->values[PROJECT]};
    const char *by = in->values[BY] ? in->values[BY] : "project";
    int group = title_group(by, e);

    if (group < 0)
        return -1;
    if ((given(in, SINCE) && parse_when("since", in->values[SINCE], -1, &q.from_ms, e) < 0) ||
        (given(in, UNTIL) && parse_when("until", in->values[UNTIL], -1, &q.to_ms, e) < 0))
        return -1;
    table_init(t, group_columns, COUNT_OF(group_columns));
    if (ledger_file_usage_by(in->values[DB], &q, (enum usage_group)group, add_group, t, e) == 0)
        return 0;
    table_finish(t);
    return -1;
}

int cmd_usage(const struct invocation *in, struct err *e)
{
    enum layout layout = given(in, CSV) ? LAYOUT_CSV : given(in, JSON) ? LAYOUT_JSON : LAYOUT_TABLE;
    struct table t;
    int r;

    if (given(in, CSV) && given(in, JSON))
        return err_set(e, ERR_USAGE, "--csv and --json exclude each other");
    if (given(in, DB) && given(in, URL))
        return err_set(e, ERR_USAGE, "--db and --url exclude each other");
    r = given(in, DB) ? read_database(in, &t, e) : ask_daemon(in, &t, e);
    if (r < 0)
        return -1;
    if (t.failed)
        r = err_set(e, ERR_MEMORY, "no memory");
    else
        table_print(&t, layout, stdout);
    table_finish(&t);
    return r;
}
