/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>

#include "ledger/postgresql/group.h"
#include "ledger/postgresql/statements.h"

/*
 * The second half of a group: what has changed, a statement a table, each a row of arrays that
 * unnest() makes rows of. In one order everywhere, and within a table by key, so that groups of
 * different daemons wait for each other and do not meet crosswise.
 */

/* In the order in which they are told. The columns of `types` are those of $1, $2 … */
static const struct {
    enum rows rows;
    const char *types;
    enum statement statement;
} told[] = {
    {ROWS_BUDGET, "iiiiitiittii", SET_BUDGETS},
    {ROWS_NEW_BUDGET, "iiiiitiittiiit", ADD_BUDGETS},
    {ROWS_PERIOD, "iiiii", SET_PERIODS},
    {ROWS_NEW_PERIOD, "iiiiiii", ADD_PERIODS},
    {ROWS_CAP, "iii", ADD_CAPS},
    {ROWS_HOLD_END, "i", END_HOLDS},
    {ROWS_HOLD, "itiiiiiiiiiiiiiiii", ADD_HOLDS},
    {ROWS_USAGE, "itiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii", ADD_USAGE},
    {ROWS_VOIDED, "iiiiiii", ADD_VOIDED},
    {ROWS_SUMS, "iiiiiiiiiiiiiiii", ADD_SUMS},
};

static const char *types_of(enum rows rows)
{
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (told[i].rows == rows)
            return told[i].types;
    return "";
}

void group_row(struct group *g, enum rows rows, ...)
{
    const char *types = types_of(rows);
    struct rows_of *r = &g->rows[rows];
    va_list ap;

    va_start(ap, rows);
    for (int c = 0; types[c]; c++) {
        struct buf *column = &r->columns[c];

        if (r->n == 0)
            array_open(column);
        if (types[c] == 'i')
            array_int(column, va_arg(ap, int64_t));
        else
            array_text(column, va_arg(ap, struct span));
    }
    va_end(ap);
    r->n++;
    g->changed = true;
}

static void tell_budget(struct group *g, const struct account *a)
{
    const struct budget *b = &a->b;
    char alerts[ALERTS_TEXT_MAX];

    budget_alerts_write(b, alerts);
    group_row(g, a->fresh ? ROWS_NEW_BUDGET : ROWS_BUDGET, a->id, b->limit, b->per_request,
              (int64_t)b->period, (int64_t)b->period_days, span_of(b->timezone),
              (int64_t)b->enforcement, (int64_t)b->predictor, span_of(alerts),
              span_of(b->alert_url), a->running->id, a->deleted, (int64_t)b->scope,
              span_of(a->key));
}

static void tell_period(struct group *g, const struct period *p)
{
    group_row(g, p->fresh ? ROWS_NEW_PERIOD : ROWS_PERIOD, p->id, p->span.end, p->now.spent,
              p->now.held, p->now.likely, p->budget, p->span.start);
}

static void tell_rows(struct group *g, struct rows_of *r, const char *types,
                      enum statement statement)
{
    const char *texts[COLUMNS_MAX];
    int n = 0;

    for (; types[n]; n++) {
        if (r->columns[n].failed)
            pq_fail(g->q, PQ_BUSY, "no memory");
        texts[n] = r->columns[n].p;
    }
    pq_ask_kept_texts(g->q, statement, n, texts);
}

void group_tell(struct group *g)
{
    for (const struct account *a = g->account_list; a; a = a->next)
        if (a->dirty || a->fresh)
            tell_budget(g, a);
    for (const struct period *p = g->period_list; p; p = p->next)
        if (p->dirty || p->fresh)
            tell_period(g, p);
    for (int i = 0; i < ROWS_ALL; i++)
        for (int c = 0; g->rows[i].n && types_of((enum rows)i)[c]; c++)
            array_close(&g->rows[i].columns[c]);
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (g->rows[told[i].rows].n)
            tell_rows(g, &g->rows[told[i].rows], told[i].types, told[i].statement);
    if (g->overrun)
        pq_ask_kept(g->q, ADD_OVERRUN, "i", g->overrun);
}
