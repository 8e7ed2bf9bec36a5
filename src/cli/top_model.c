/* SPDX-License-Identifier: MIT */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/plain.h"
#include "cli/top.h"

#define COUNT_OF(a)   (sizeof(a) / sizeof *(a))
#define DAY_MS        INT64_C(86400000)
#define REQUESTS_MOST 200

static const struct top_column budget_columns[] = {
    {"BUDGET", NULL, TOP_OWNER, 0},           {"USED", NULL, TOP_BAR, 0},
    {"SPENT $", "spentUsd", TOP_MONEY, 3},    {"HELD $", "reservedUsd", TOP_MONEY, 4},
    {"LEFT $", "remainingUsd", TOP_MONEY, 1}, {"LIMIT $", "limitUsd", TOP_MONEY, 5},
    {"RESETS IN", "periodEnd", TOP_UNTIL, 2},
};

enum { GROUP_KEY, GROUP_REQUESTS, GROUP_INPUT, GROUP_OUTPUT, GROUP_COST, GROUP_COLUMNS };

#define GROUPED(title)                                                                             \
    {                                                                                              \
        [GROUP_KEY] = {title, "key", TOP_TEXT, 0},                                                 \
        [GROUP_REQUESTS] = {"REQUESTS", "totalRequests", TOP_COUNT, 1},                            \
        [GROUP_INPUT] = {"INPUT", "totalInputTokens", TOP_COUNT, 3},                               \
        [GROUP_OUTPUT] = {"OUTPUT", "totalOutputTokens", TOP_COUNT, 2},                            \
        [GROUP_COST] = {"COST $", "totalCostUsd", TOP_MONEY, 0},                                   \
    }

static const struct top_column model_columns[] = GROUPED("MODEL TODAY");
static const struct top_column project_columns[] = GROUPED("PROJECT TODAY");

static const struct top_column request_columns[] = {
    {"REQUEST", "createdAt", TOP_TIME, 2},    {"PROJECT", "projectId", TOP_TEXT, 1},
    {"MODEL", "model", TOP_TEXT, 0},          {"INPUT", "inputTokens", TOP_COUNT, 4},
    {"OUTPUT", "outputTokens", TOP_COUNT, 3}, {"COST $", "costUsd", TOP_MONEY, 0},
    {"FIRST", "ttftMs", TOP_TOOK, 7},         {"TOOK", "durationMs", TOP_TOOK, 5},
    {"STATUS", "status", TOP_TEXT, 6},
};

void top_init(struct top *t, const char *url)
{
    *t = (struct top){.url = url,
                      .panes = {
                          [PANE_BUDGETS] = {budget_columns, COUNT_OF(budget_columns), .sort = 1},
                          [PANE_GROUPS] = {model_columns, GROUP_COLUMNS, .sort = GROUP_COST},
                          [PANE_REQUESTS] = {request_columns, COUNT_OF(request_columns), .sort = 0},
                      }};
    for (int i = 0; i < PANES; i++)
        t->panes[i].descending = true;
}

/* ---- cells ---- */

static int64_t money_of(const json_t *v)
{
    return llround(fmax(-1e18, fmin(json_number_value(v) * 1e9, 1e18)));
}

static bool text_cell(struct top_cell *cell, struct span s)
{
    struct buf text;

    buf_init(&text, 0);
    plain_add(&text, s);
    if (!s.n)
        buf_str(&text, "");
    cell->known = !text.failed && text.p;
    cell->text = text.p;
    return cell->known;
}

static bool owner_cell(struct top_cell *cell, const json_t *budget)
{
    const char *project = json_string_value(json_object_get(budget, "projectId"));
    const json_t *token = json_object_get(budget, "tokenId");
    char name[32];

    if (project && !json_is_integer(token))
        return text_cell(cell, span_of(project));
    if (!json_is_integer(token))
        return text_cell(cell, SPAN("(everything)"));
    snprintf(name, sizeof name, "(token %lld)", (long long)json_integer_value(token));
    return text_cell(cell, span_of(name));
}

static int64_t thousandths(double part, double whole)
{
    double share = whole > 0 ? part / whole : part > 0 ? 1 : 0;

    return llround(1000 * fmin(share, 1e6));
}

static void bar_cell(struct top_cell *cell, const json_t *budget)
{
    double limit = json_number_value(json_object_get(budget, "limitUsd"));

    cell->known = true;
    cell->number = thousandths(json_number_value(json_object_get(budget, "spentUsd")), limit);
    cell->held = thousandths(json_number_value(json_object_get(budget, "reservedUsd")), limit);
}

static bool fill_cell(struct top_cell *cell, const struct top_column *column, const json_t *row)
{
    const json_t *v = column->key ? json_object_get(row, column->key) : NULL;

    *cell = (struct top_cell){0};
    switch (column->kind) {
    case TOP_TEXT:
        return !json_is_string(v) ||
               text_cell(cell, (struct span){json_string_value(v), json_string_length(v)});
    case TOP_OWNER:
        return owner_cell(cell, row);
    case TOP_BAR:
        bar_cell(cell, row);
        return true;
    case TOP_TIME:
    case TOP_UNTIL:
        cell->number = json_is_string(v) ? clock_parse_iso(json_string_value(v)) : -1;
        cell->known = cell->number >= 0;
        return true;
    case TOP_MONEY:
        cell->number = money_of(v);
        cell->known = json_is_number(v);
        return true;
    case TOP_COUNT:
    case TOP_TOOK:
        cell->number = json_integer_value(v);
        cell->known = json_is_integer(v);
        return true;
    }
    return true;
}

/* ---- panes ---- */

static void pane_clear(struct pane *p)
{
    for (size_t i = 0; i < p->nrows * p->ncolumns; i++)
        free(p->cells[i].text);
    free(p->cells);
    p->cells = NULL;
    p->nrows = 0;
}

void top_finish(struct top *t)
{
    for (int i = 0; i < PANES; i++)
        pane_clear(&t->panes[i]);
    json_decref(t->budgets);
}

bool pane_fill(struct pane *p, const struct json_t *rows)
{
    const json_t *row;
    size_t i;

    pane_clear(p);
    p->cells = calloc(json_array_size(rows) * p->ncolumns + 1, sizeof *p->cells);
    if (!p->cells)
        return false;
    json_array_foreach (rows, i, row) {
        p->nrows++;
        for (size_t c = 0; c < p->ncolumns; c++) {
            if (!fill_cell(pane_cell(p, i, c), &p->columns[c], row)) {
                pane_clear(p);
                return false;
            }
            pane_cell(p, i, c)->order = (int)i;
        }
    }
    pane_sort(p);
    return true;
}

/* What is not known comes last, whatever the direction; what is equal stays in the daemon's order.
 */
static int compare(const void *va, const void *vb, void *ctx)
{
    const struct pane *p = ctx;
    const struct top_cell *a = (const struct top_cell *)va + p->sort;
    const struct top_cell *b = (const struct top_cell *)vb + p->sort;
    int order;

    if (a->known != b->known)
        return b->known - a->known;
    if (!a->known)
        order = 0;
    else if (a->text)
        order = strcmp(a->text, b->text);
    else if (a->number != b->number)
        order = a->number < b->number ? -1 : 1;
    else
        order = (a->held > b->held) - (a->held < b->held);
    if (order == 0)
        return a->order - b->order;
    return p->descending ? -order : order;
}

void pane_sort(struct pane *p)
{
    if (p->nrows)
        qsort_r(p->cells, p->nrows, p->ncolumns * sizeof *p->cells, compare, p);
}

/* ---- answers ---- */

static int no_answer(struct err *e, const char *what)
{
    return err_set(e, ERR_INVALID, "the answer has no %s; is that tokencapd?", what);
}

static int fill(struct pane *p, const json_t *rows, const char *what, struct err *e)
{
    if (!json_is_array(rows))
        return no_answer(e, what);
    return pane_fill(p, rows) ? 0 : err_set(e, ERR_MEMORY, "no memory");
}

/* Those of the chosen project. */
static int fill_budgets(struct top *t, struct err *e)
{
    json_t *chosen = json_array(), *b;
    size_t i;
    int r;

    json_array_foreach (t->budgets, i, b) {
        const char *project = json_string_value(json_object_get(b, "projectId"));

        if (!*t->project || (project && strcmp(project, t->project) == 0))
            json_array_append(chosen, b);
    }
    r = fill(&t->panes[PANE_BUDGETS], chosen, "budgets", e);
    json_decref(chosen);
    return r;
}

void top_choose(struct top *t, const char *project)
{
    struct err ignored; /* the next event fills it again */

    if (strcmp(t->project, project) == 0)
        return;
    snprintf(t->project, sizeof t->project, "%s", project);
    if (t->budgets && fill_budgets(t, &ignored) < 0)
        return;
    for (int i = 0; i < PANES; i++)
        t->panes[i].first = 0;
}

int top_take_live(struct top *t, const struct json_t *root, struct err *e)
{
    const json_t *live = json_object_get(root, "live");
    json_t *budgets = json_object_get(root, "budgets");
    const char *started = json_string_value(json_object_get(live, "startedAt"));
    const char *version = json_string_value(json_object_get(root, "version"));
    const struct {
        const char *key;
        int64_t *to;
    } counts[] = {
        {"inFlight", &t->in_flight}, {"holdsOpen", &t->holds_open}, {"refusals", &t->refusals}};

    if (!started || !json_is_array(budgets))
        return no_answer(e, "live figures");
    json_decref(t->budgets);
    t->budgets = json_incref(budgets);
    if (fill_budgets(t, e) < 0)
        return -1;
    for (size_t i = 0; i < COUNT_OF(counts); i++)
        *counts[i].to = json_integer_value(json_object_get(live, counts[i].key));
    t->held = money_of(json_object_get(live, "heldUsd"));
    t->refused = money_of(json_object_get(live, "budgetRefusedUsd"));
    t->seq = (uint64_t)json_integer_value(json_object_get(root, "seq"));
    t->started_ms = clock_parse_iso(started);
    snprintf(t->version, sizeof t->version, "%s", version ? version : "");
    return 0;
}

static int64_t sum(const struct pane *p, size_t column)
{
    int64_t total = 0;

    for (size_t i = 0; i < p->nrows; i++)
        total += pane_cell(p, i, column)->number;
    return total;
}

int top_take_groups(struct top *t, const struct json_t *root, struct err *e)
{
    struct pane *p = &t->panes[PANE_GROUPS];

    p->columns = t->by_project && !*t->project ? project_columns : model_columns;
    if (fill(p, json_object_get(root, "groups"), "groups", e) < 0)
        return -1;
    t->requests = sum(p, GROUP_REQUESTS);
    t->input = sum(p, GROUP_INPUT);
    t->output = sum(p, GROUP_OUTPUT);
    t->cost = sum(p, GROUP_COST);
    return 0;
}

int top_take_requests(struct top *t, const struct json_t *root, struct err *e)
{
    return fill(&t->panes[PANE_REQUESTS], json_object_get(root, "records"), "records", e);
}

/* ---- questions ---- */

static void add_whose(const struct top *t, struct buf *out)
{
    if (!*t->project) {
        buf_str(out, "all=true");
        return;
    }
    buf_str(out, "project_id=");
    url_encode(out, t->project);
}

void top_groups_path(const struct top *t, int64_t now_ms, struct buf *out)
{
    char day[CLOCK_ISO_LEN];

    clock_iso(now_ms / DAY_MS * DAY_MS, day);
    buf_printf(out, "/v1/usage?by=%s&from=%.10s&",
               t->by_project && !*t->project ? "project" : "model", day);
    add_whose(t, out);
}

void top_requests_path(const struct top *t, struct buf *out)
{
    buf_printf(out, "/v1/usage/history?limit=%d&", REQUESTS_MOST);
    add_whose(t, out);
}
