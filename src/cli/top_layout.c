/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "cli/plain.h"
#include "cli/top.h"

/* A pane in the room that it has: which columns, how wide, and their cells. */

#define GAP        2
#define TEXT_LEAST 10 /* of a text that is longer, where there is little room */
#define BAR_LEAST  17
#define BAR_MOST   40
#define CELL_LEN   48

void top_share(int lines, const size_t wanted[PANES], int focus, int rows[PANES])
{
    int left = lines - 2 * PANES;
    bool given = true;

    for (int i = 0; i < PANES; i++)
        rows[i] = left < 0 ? -1 : 1; /* -1: not even its titles */
    if (left < 0) {
        rows[focus] = lines > 0 ? lines - 1 : -1;
        return;
    }
    while (left > 0 && given) {
        given = false;
        for (int i = 0; i < PANES; i++) {
            for (int n = i == focus ? 2 : 1; n && left && (size_t)rows[i] < wanted[i]; n--) {
                rows[i]++;
                left--;
                given = true;
            }
        }
    }
}

/* ---- cells ---- */

const char *top_until(int64_t ms, char out[TOP_UNTIL_LEN])
{
    static const struct {
        int64_t seconds;
        char name;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    int64_t s = ms > 0 ? ms / 1000 : 0;
    size_t i = 0;

    while (i < 3 && s < units[i].seconds)
        i++;
    if (i == 3 || s % units[i].seconds / units[i + 1].seconds == 0)
        snprintf(out, TOP_UNTIL_LEN, "%" PRId64 "%c", s / units[i].seconds, units[i].name);
    else
        snprintf(out, TOP_UNTIL_LEN, "%" PRId64 "%c %" PRId64 "%c", s / units[i].seconds,
                 units[i].name, s % units[i].seconds / units[i + 1].seconds, units[i + 1].name);
    return out;
}

/* As few decimals as the largest amount of a column leaves room for, so that points stand below
 * each other. */
static int decimals_of(const struct pane *p, size_t column)
{
    int64_t most = 0;

    for (size_t i = 0; i < p->nrows; i++) {
        int64_t v = llabs(pane_cell(p, i, column)->number);

        most = v > most ? v : most;
    }
    return most < 100 * NANO_PER_USD ? 6 : most < 10000 * NANO_PER_USD ? 4 : 2;
}

static void money_text(int64_t v, int decimals, char out[CELL_LEN])
{
    int64_t unit = decimals == 6 ? 1000 : decimals == 4 ? 100000 : 10000000; /* of the last digit */
    int64_t rounded = (llabs(v) + unit / 2) / unit, whole = NANO_PER_USD / unit;

    snprintf(out, CELL_LEN, "%s%" PRId64 ".%0*" PRId64, v < 0 ? "-" : "", rounded / whole, decimals,
             rounded % whole);
}

static struct span cell_text(const struct top_cell *cell, enum top_kind kind, int decimals,
                             int64_t now_ms, char out[CELL_LEN])
{
    char iso[CLOCK_ISO_LEN];

    if (!cell->known)
        return SPAN("-");
    switch (kind) {
    case TOP_TEXT:
    case TOP_OWNER:
        return span_of(cell->text);
    case TOP_BAR:
        snprintf(out, CELL_LEN, "%" PRId64 " %%", (cell->number + 5) / 10);
        break;
    case TOP_COUNT:
        snprintf(out, CELL_LEN, "%" PRId64, cell->number);
        break;
    case TOP_MONEY:
        money_text(cell->number, decimals, out);
        break;
    case TOP_TIME:
        clock_iso(cell->number, iso);
        snprintf(out, CELL_LEN, "%.8s", iso + 11);
        break;
    case TOP_UNTIL:
        top_until(cell->number - now_ms, out);
        break;
    case TOP_TOOK:
        snprintf(out, CELL_LEN, "%.*f s", cell->number < 9995 ? 2 : 1, (double)cell->number / 1000);
        break;
    }
    return span_of(out);
}

static bool is_text(enum top_kind kind)
{
    return kind == TOP_TEXT || kind == TOP_OWNER || kind == TOP_TIME;
}

/* ---- columns ---- */

struct fitted {
    int width; /* 0: it is left out */
    int wants;
    int decimals;
};

static void measure(const struct pane *p, struct fitted *f, size_t c, int64_t now_ms)
{
    enum top_kind kind = p->columns[c].kind;
    char text[CELL_LEN];

    f[c] = (struct fitted){.decimals = kind == TOP_MONEY ? decimals_of(p, c) : 0};
    f[c].wants = (int)plain_width(span_of(p->columns[c].title)) + 1; /* and the mark of sorting */
    for (size_t i = 0; i < p->nrows; i++) {
        struct top_cell *cell = pane_cell(p, i, c);
        int w = (int)plain_width(cell_text(cell, kind, f[c].decimals, now_ms, text));

        f[c].wants = w > f[c].wants ? w : f[c].wants;
    }
    if (kind == TOP_BAR)
        f[c].wants = BAR_MOST;
    f[c].width = f[c].wants;
    if (kind == TOP_BAR)
        f[c].width = BAR_LEAST;
    else if ((kind == TOP_TEXT || kind == TOP_OWNER) && f[c].width > TEXT_LEAST)
        f[c].width = TEXT_LEAST;
}

static int total(const struct pane *p, const struct fitted *f)
{
    int sum = -GAP;

    for (size_t c = 0; c < p->ncolumns; c++)
        sum += f[c].width ? f[c].width + GAP : 0;
    return sum;
}

/* Leaves columns out, those of the highest rank first, until the others have room. */
static void drop(const struct pane *p, struct fitted *f, int width)
{
    for (int rank = 9; rank > 0 && total(p, f) > width; rank--)
        for (size_t c = 0; c < p->ncolumns; c++)
            if (p->columns[c].rank == rank)
                f[c].width = 0;
}

/* What room is left goes to the texts that are cut, a column each in turn; then to the bar. */
static void widen(const struct pane *p, struct fitted *f, int width)
{
    int left = width - total(p, f);

    for (int bars = 0; bars < 2; bars++) {
        for (bool given = true; given && left > 0;) {
            given = false;
            for (size_t c = 0; c < p->ncolumns && left > 0; c++) {
                bool bar = p->columns[c].kind == TOP_BAR;

                if (f[c].width && bar == bars && f[c].width < f[c].wants) {
                    f[c].width++;
                    left--;
                    given = true;
                }
            }
        }
    }
}

static void fit(const struct pane *p, struct fitted *f, int width, int64_t now_ms)
{
    for (size_t c = 0; c < p->ncolumns; c++)
        measure(p, f, c, now_ms);
    drop(p, f, width);
    widen(p, f, width);
}

/* ---- drawing ---- */

static void draw_titles(const struct pane *p, const struct fitted *f, struct canvas *c,
                        bool focused)
{
    enum style style = focused ? STYLE_TITLE : STYLE_BOLD;
    char title[CELL_LEN];
    bool first = true;

    for (size_t i = 0; i < p->ncolumns; i++) {
        const char *mark = i != p->sort    ? ""
                           : p->descending ? (c->ascii ? "-" : "▾")
                           : c->ascii      ? "+"
                                           : "▴";

        if (!f[i].width)
            continue;
        if (!first)
            canvas_fill(c, style, GAP);
        first = false;
        snprintf(title, sizeof title, "%s%s", p->columns[i].title, mark);
        canvas_cell(c, style, span_of(title), f[i].width,
                    !is_text(p->columns[i].kind) && p->columns[i].kind != TOP_BAR);
    }
    if (focused)
        canvas_fill(c, style, c->width - c->column);
    canvas_end_line(c);
}

/* "####==.... 42 %": spent, held and left of the limit. */
static void draw_bar(const struct top_cell *cell, struct canvas *c, int width)
{
    static const char *const marks[2][3] = {{"█", "▒", "·"}, {"#", "=", "."}};
    enum style spent_style = cell->number >= 1000               ? STYLE_BAD
                             : cell->number + cell->held >= 900 ? STYLE_WARN
                                                                : STYLE_GOOD;
    const enum style styles[] = {spent_style, STYLE_WARN, STYLE_DIM};
    int room = width - 7, spent, held;
    char percent[CELL_LEN];

    spent = (int)((cell->number < 1000 ? cell->number : 1000) * room / 1000);
    held =
        (int)((cell->number + cell->held < 1000 ? cell->number + cell->held : 1000) * room / 1000);
    for (int i = 0; i < room; i++) {
        int part = i < spent ? 0 : i < held ? 1 : 2;

        canvas_put(c, styles[part], span_of(marks[c->ascii][part]));
    }
    canvas_cell(c, spent_style, cell_text(cell, TOP_BAR, 0, 0, percent), width - room, true);
}

static enum style style_of(const struct top_column *column, const struct top_cell *cell)
{
    if (!cell->known)
        return STYLE_DIM;
    return column->kind == TOP_TIME || column->kind == TOP_UNTIL ? STYLE_DIM : STYLE_PLAIN;
}

static void draw_row(const struct pane *p, const struct fitted *f, size_t row, struct canvas *c,
                     int64_t now_ms)
{
    char text[CELL_LEN];
    bool first = true;

    for (size_t i = 0; i < p->ncolumns; i++) {
        const struct top_column *column = &p->columns[i];
        const struct top_cell *cell = pane_cell(p, row, i);

        if (!f[i].width)
            continue;
        if (!first)
            canvas_fill(c, STYLE_PLAIN, GAP);
        first = false;
        if (column->kind == TOP_BAR)
            draw_bar(cell, c, f[i].width);
        else
            canvas_cell(c, style_of(column, cell),
                        cell_text(cell, column->kind, f[i].decimals, now_ms, text), f[i].width,
                        !is_text(column->kind));
    }
    canvas_end_line(c);
}

void pane_draw(struct pane *p, struct canvas *c, int rows, bool focused, int64_t now_ms)
{
    struct fitted f[TOP_COLUMNS_MAX];

    if (rows < 0)
        return;
    if (p->first + (size_t)rows > p->nrows)
        p->first = p->nrows > (size_t)rows ? p->nrows - (size_t)rows : 0;
    fit(p, f, c->width, now_ms);
    draw_titles(p, f, c, focused);
    for (int i = 0; i < rows; i++) {
        if (p->first + (size_t)i < p->nrows)
            draw_row(p, f, p->first + (size_t)i, c, now_ms);
        else if (!p->nrows && i == 0) {
            canvas_put(c, STYLE_DIM, SPAN("none"));
            canvas_end_line(c);
        } else
            break;
    }
}
