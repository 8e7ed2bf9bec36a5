/* SPDX-License-Identifier: MIT */
#ifndef CLI_TOP_H
#define CLI_TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cli/canvas.h"
#include "ledger/ledger.h"

/*
 * `tokencap top`: what it knows (top_model.c), how that looks (top_draw.c, top_layout.c), and what
 * keys do to it (top_keys.c). Fetching is in fetch.h, the terminal in term.h. One thread; times are
 * milliseconds since 1970, money is nanodollars.
 */

struct json_t;

/* ---- panes: rows of cells under columns ---- */

enum top_kind {
    TOP_TEXT,
    TOP_OWNER, /* whose budget: text */
    TOP_BAR,   /* of a budget: spent and held, thousandths of the limit */
    TOP_COUNT,
    TOP_MONEY,
    TOP_TIME,  /* a moment, as a time of day */
    TOP_UNTIL, /* a moment to come, as how long until then */
    TOP_TOOK,  /* milliseconds */
};

struct top_column {
    const char *title;
    const char *key; /* the member of the daemon's object */
    enum top_kind kind;
    int rank; /* where there is no room, columns of the highest rank go; those of 0 stay */
};

struct top_cell {
    bool known;
    int order;      /* its row's, as the daemon had it */
    int64_t number; /* of a bar: what is spent */
    int64_t held;   /* of a bar */
    char *text;     /* plain; of texts alone */
};

#define TOP_COLUMNS_MAX 10

struct pane {
    const struct top_column *columns;
    size_t ncolumns;
    struct top_cell *cells; /* row by row */
    size_t nrows;
    size_t sort; /* a column */
    bool descending;
    size_t first; /* the row on top */
};

/* Replaces the rows, of a JSON array of objects, and sorts them; false: no memory, and no rows. */
bool pane_fill(struct pane *p, const struct json_t *rows);
void pane_sort(struct pane *p);

static inline struct top_cell *pane_cell(const struct pane *p, size_t row, size_t column)
{
    return &p->cells[row * p->ncolumns + column];
}

/* ---- all of it ---- */

enum { PANE_BUDGETS, PANE_GROUPS, PANE_REQUESTS, PANES };
enum top_state { TOP_CONNECTING, TOP_LIVE, TOP_LOST };

struct top {
    const char *url;
    enum top_state state;
    char notice[256];   /* what happened to the connection; "" nothing to tell */
    char version[32];   /* the daemon's */
    int64_t started_ms; /* when the daemon was */
    uint64_t seq;       /* of the newest thing that happened in it */
    int64_t in_flight, holds_open, held, refusals, refused; /* refused: by budgets, in money */
    int64_t requests, input, output, cost;                  /* today */
    struct json_t *budgets; /* all of them, as the daemon sent them last */
    struct pane panes[PANES];
    int focus; /* the pane that keys act on */
    bool by_project;
    char project[PROJECT_ID_MAX + 1]; /* the only one to show; "" all */
    bool typing;                      /* what is typed is to be the project */
    char typed[PROJECT_ID_MAX + 1];
    bool help, quit;
};

void top_init(struct top *t, const char *url);
void top_finish(struct top *t);

/* Shows that project alone, or all for "". */
void top_choose(struct top *t, const char *project);

/* Answers of the daemon: of /v1/usage/live, of /v1/usage?by=…, of /v1/usage/history. */
int top_take_live(struct top *t, const struct json_t *root, struct err *e) MUST_CHECK;
int top_take_groups(struct top *t, const struct json_t *root, struct err *e) MUST_CHECK;
int top_take_requests(struct top *t, const struct json_t *root, struct err *e) MUST_CHECK;

/* What to ask for, with the project and the grouping that are chosen: appends the path. */
void top_groups_path(const struct top *t, int64_t now_ms, struct buf *out);
void top_requests_path(const struct top *t, struct buf *out);

/* ---- looks ---- */

/* The whole screen; keys: with what a person at the terminal needs. */
void top_draw(struct top *t, struct canvas *c, int64_t now_ms, bool keys);

/* One pane: a line of titles and at most `rows` rows. */
void pane_draw(struct pane *p, struct canvas *c, int rows, bool focused, int64_t now_ms);

/* Shares lines out among panes that want so many rows and a line of titles each; the focused one
 * gets two where the others get one. Where there is no room for all, it is alone. */
void top_share(int lines, const size_t wanted[PANES], int focus, int rows[PANES]);

#define TOP_UNTIL_LEN 32

/* A time to come in at most two units ("3d 4h", "59s"). */
const char *top_until(int64_t ms, char out[TOP_UNTIL_LEN]);

/* ---- live ---- */

/* Takes the terminal over until a key ends it. url NULL: as the environment says. */
int top_watch(const char *url, struct top *t, struct err *e) MUST_CHECK;

/* ---- keys ---- */

struct top_key_row {
    int key; /* by term.h */
    void (*act)(struct top *t, int by);
    int by;
    const char *name;  /* in the help; NULL: another row tells of it */
    const char *brief; /* in the line of keys; NULL: not there */
    const char *what;
};

extern const struct top_key_row top_keys[];
extern const size_t ntop_keys;

/* What a key does. */
void top_key(struct top *t, int key);

#endif
