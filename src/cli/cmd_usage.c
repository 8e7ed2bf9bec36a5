/* SPDX-License-Identifier: MIT */
#include <jansson.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"

enum { BY, PROJECT, SINCE, UNTIL, CSV, JSON, URL };

const struct flag usage_flags[] = {
    [BY] = {"by", "WORD", "Totals by model, day or project."},
    [PROJECT] = {"project", "ID", "Of this project; with --by, of all when absent."},
    [SINCE] = {"since", "WHEN", "From that long ago (7d) or that date on; needs --by."},
    [UNTIL] = {"until", "WHEN", "Up to then; needs --by."},
    [CSV] = {"csv", NULL, "Print CSV."},
    [JSON] = {"json", NULL, "Print JSON."},
    [URL] = {"url", "URL", "Where the daemon is; else TOKENCAP_URL, else http://127.0.0.1:3456."},
    {NULL, NULL, NULL},
};

static const struct column summary_columns[] = {
    {"PROJECT", "projectId", COLUMN_TEXT},
    {"REQUESTS", "totalRequests", COLUMN_NUMBER},
    {"INPUT", "totalInputTokens", COLUMN_NUMBER},
    {"OUTPUT", "totalOutputTokens", COLUMN_NUMBER},
    {"COST $", "totalCostUsd", COLUMN_USD},
    {"LIMIT $", "budgetLimitUsd", COLUMN_USD},
    {"LEFT $", "budgetRemainingUsd", COLUMN_USD},
};

static struct column group_columns[] = {
    {NULL, "key", COLUMN_TEXT}, /* its title and key are the grouping's */
    {"REQUESTS", "totalRequests", COLUMN_NUMBER},
    {"INPUT", "totalInputTokens", COLUMN_NUMBER},
    {"OUTPUT", "totalOutputTokens", COLUMN_NUMBER},
    {"COST $", "totalCostUsd", COLUMN_USD},
};

static const char *const groupings[][2] = {
    {"model", "MODEL"}, {"day", "DAY"}, {"project", "PROJECT"},
};

static int title_group(const char *by, struct err *e)
{
    for (size_t i = 0; i < sizeof groupings / sizeof *groupings; i++) {
        if (strcmp(by, groupings[i][0]) == 0) {
            group_columns[0].title = groupings[i][1];
            return 0;
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
        table_init(t, summary_columns, sizeof summary_columns / sizeof *summary_columns);
        add_row(t, json_object_get(root, "usage"));
        return;
    }
    table_init(t, group_columns, sizeof group_columns / sizeof *group_columns);
    json_array_foreach(json_object_get(root, "groups"), i, row)
        add_row(t, row);
    group_columns[0].key = in->values[BY];
}

int cmd_usage(const struct invocation *in, struct err *e)
{
    enum layout layout = given(in, CSV) ? LAYOUT_CSV : given(in, JSON) ? LAYOUT_JSON : LAYOUT_TABLE;
    struct buf path;
    struct table t;
    json_t *root;
    int r;

    if (given(in, CSV) && given(in, JSON))
        return err_set(e, ERR_USAGE, "--csv and --json exclude each other");
    buf_init(&path, 0);
    r = make_path(in, &path, e);
    if (r == 0)
        r = daemon_call(in->values[URL], "GET", path.p, NULL, &root, e);
    buf_finish(&path);
    if (r < 0)
        return -1;
    fill(in, &t, root);
    json_decref(root);
    if (t.failed)
        r = err_set(e, ERR_MEMORY, "no memory");
    else
        table_print(&t, layout, stdout);
    table_finish(&t);
    return r;
}
