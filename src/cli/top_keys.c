/* SPDX-License-Identifier: MIT */
#include "cli/term.h"
#include "cli/top.h"

/* What keys do. */

static void quit(struct top *t, int ignored)
{
    (void)ignored;
    t->quit = true;
}

static void help(struct top *t, int ignored)
{
    (void)ignored;
    t->help = true;
}

static void next_pane(struct top *t, int step)
{
    t->focus = (t->focus + PANES + step) % PANES;
}

static void scroll(struct top *t, int rows)
{
    struct pane *p = &t->panes[t->focus];

    if (rows < 0 && p->first < (size_t)-rows)
        p->first = 0;
    else
        p->first += (size_t)rows; /* drawing keeps it above the end */
}

static void sort_by_next(struct top *t, int ignored)
{
    struct pane *p = &t->panes[t->focus];

    (void)ignored;
    p->sort = (p->sort + 1) % p->ncolumns;
    p->descending =
        p->columns[p->sort].kind >= TOP_BAR; /* names from A, figures from the largest */
    p->first = 0;
    pane_sort(p);
}

static void reverse(struct top *t, int ignored)
{
    struct pane *p = &t->panes[t->focus];

    (void)ignored;
    p->descending = !p->descending;
    p->first = 0;
    pane_sort(p);
}

static void ask_project(struct top *t, int ignored)
{
    (void)ignored;
    t->typing = true;
    memcpy(t->typed, t->project, sizeof t->typed);
}

static void all_projects(struct top *t, int ignored)
{
    (void)ignored;
    top_choose(t, "");
}

static void other_grouping(struct top *t, int ignored)
{
    (void)ignored;
    t->by_project = !t->by_project;
}

const struct top_key_row top_keys[] = {
    {'q', quit, 0, "q", "quit", "Quit."},
    {'?', help, 0, "?", "help", "This help; any key leaves it."},
    {TERM_TAB, next_pane, 1, "Tab", "pane",
     "The next pane: budgets, models or projects, requests."},
    {TERM_BACK_TAB, next_pane, -1, NULL, NULL, NULL},
    {'s', sort_by_next, 0, "s", "sort", "Sort the pane by its next column."},
    {'r', reverse, 0, "r", "reverse", "Reverse the pane's order."},
    {'/', ask_project, 0, "/", "project", "Show one project only: type it, then Enter."},
    {TERM_ESCAPE, all_projects, 0, "Esc", "all projects", "Show all projects again."},
    {'b', other_grouping, 0, "b", "by project", "Today by project instead of by model, and back."},
    {TERM_UP, scroll, -1, "Up, PgUp", NULL, "Scroll the pane up."},
    {TERM_DOWN, scroll, 1, "Down, PgDn", NULL, "Scroll the pane down."},
    {TERM_PAGE_UP, scroll, -10, NULL, NULL, NULL},
    {TERM_PAGE_DOWN, scroll, 10, NULL, NULL, NULL},
};

const size_t ntop_keys = sizeof top_keys / sizeof *top_keys;

static bool may_be_in_project(int key)
{
    return (key >= '0' && key <= '9') || (key >= 'a' && key <= 'z') || (key >= 'A' && key <= 'Z') ||
           (key > 0 && key < 128 && strchr("._:@-", key));
}

static void type(struct top *t, int key)
{
    size_t n = strlen(t->typed);

    if (key == TERM_ENTER)
        top_choose(t, t->typed);
    if (key == TERM_ENTER || key == TERM_ESCAPE)
        t->typing = false;
    else if (key == TERM_BACKSPACE && n)
        t->typed[n - 1] = '\0';
    else if (may_be_in_project(key) && n < sizeof t->typed - 1)
        memcpy(t->typed + n, (char[]){(char)key, '\0'}, 2);
}

void top_key(struct top *t, int key)
{
    if (key == TERM_RESIZED || key == TERM_OTHER)
        return;
    if (t->typing) {
        type(t, key);
        return;
    }
    if (t->help) {
        t->help = false;
        return;
    }
    for (size_t i = 0; i < ntop_keys; i++)
        if (top_keys[i].key == key)
            top_keys[i].act(t, top_keys[i].by);
}
