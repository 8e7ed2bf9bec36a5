/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"
#include "cli/cli.h"
#include "cli/plain.h"

void table_init(struct table *t, const struct column *columns, size_t ncolumns)
{
    *t = (struct table){.columns = columns, .ncolumns = ncolumns};
}

void table_finish(struct table *t)
{
    for (size_t i = 0; i < t->ncells; i++)
        free(t->cells[i]);
    free(t->cells);
    *t = (struct table){0};
}

void table_add(struct table *t, struct span cell)
{
    char *copy = cell.p ? strndup(cell.p, cell.n) : NULL;

    if (t->ncells == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 64;
        char **cells = realloc(t->cells, cap * sizeof *cells);

        if (!cells) {
            t->failed = true;
            free(copy);
            return;
        }
        t->cells = cells;
        t->cap = cap;
    }
    t->failed |= cell.p && !copy;
    t->cells[t->ncells++] = copy;
}

/* Text from elsewhere must not steer the terminal. */
static const char *plain(struct buf *scratch, const char *s)
{
    buf_clear(scratch);
    plain_add(scratch, span_of(s));
    return scratch->failed || !scratch->n ? "" : scratch->p;
}

static void put_cell(const struct column *c, const char *text, size_t wide, bool last, FILE *out)
{
    size_t have = plain_width(span_of(text)), pad = wide > have ? wide - have : 0;

    if (c->kind != COLUMN_TEXT)
        fprintf(out, "%*s", (int)pad, "");
    fputs(text, out);
    if (c->kind == COLUMN_TEXT && !last)
        fprintf(out, "%*s", (int)pad, "");
    fputs(last ? "\n" : "  ", out);
}

static void print_table(const struct table *t, FILE *out)
{
    size_t *wide = calloc(t->ncolumns, sizeof *wide), last = 0;
    struct buf text;

    if (!wide)
        return;
    buf_init(&text, 0);
    for (size_t c = 0; c < t->ncolumns; c++) {
        if (!t->columns[c].title)
            continue;
        last = c;
        wide[c] = plain_width(span_of(t->columns[c].title));
        for (size_t i = c; i < t->ncells; i += t->ncolumns) {
            size_t have = t->cells[i] ? plain_width(span_of(plain(&text, t->cells[i]))) : 0;

            wide[c] = have > wide[c] ? have : wide[c];
        }
    }
    for (size_t c = 0; c < t->ncolumns; c++)
        if (t->columns[c].title)
            put_cell(&t->columns[c], t->columns[c].title, wide[c], c == last, out);
    for (size_t i = 0; i < t->ncells; i++) {
        size_t c = i % t->ncolumns;

        if (t->columns[c].title)
            put_cell(&t->columns[c], t->cells[i] ? plain(&text, t->cells[i]) : "-", wide[c],
                     c == last, out);
    }
    buf_finish(&text);
    free(wide);
}

static void print_json(const struct table *t, FILE *out)
{
    struct jsonw w;
    struct buf text;

    buf_init(&text, 0);
    jsonw_init(&w, &text);
    jsonw_open(&w, '[');
    for (size_t i = 0; i < t->ncells; i++) {
        const struct column *c = &t->columns[i % t->ncolumns];

        if (i % t->ncolumns == 0)
            jsonw_open(&w, '{');
        jsonw_key(&w, c->key);
        if (!t->cells[i])
            jsonw_null(&w);
        else if (c->kind == COLUMN_TEXT)
            jsonw_str(&w, span_of(t->cells[i]));
        else
            jsonw_raw(&w, t->cells[i]);
        if (i % t->ncolumns == t->ncolumns - 1)
            jsonw_close(&w, '}');
    }
    jsonw_close(&w, ']');
    fputs(text.failed ? "" : text.p, out);
    fputc('\n', out);
    buf_finish(&text);
}

/* Quoted where it must be; a text that a spreadsheet would run as a formula gets a quote before it.
 */
static void put_csv(const char *s, bool text, FILE *out)
{
    bool quote = strpbrk(s, ",\"\r\n") != NULL;

    if (quote)
        fputc('"', out);
    if (text && *s && strchr("=+-@\t\r", *s))
        fputc('\'', out);
    for (; *s; s++) {
        if (*s == '"')
            fputc('"', out);
        fputc(*s, out);
    }
    if (quote)
        fputc('"', out);
}

static void print_csv(const struct table *t, FILE *out)
{
    for (size_t c = 0; c < t->ncolumns; c++)
        fprintf(out, "%s%s", t->columns[c].key, c + 1 == t->ncolumns ? "\r\n" : ",");
    for (size_t i = 0; t->ncolumns && i < t->ncells; i++) {
        size_t c = i % t->ncolumns;

        if (t->cells[i])
            put_csv(t->cells[i], t->columns[c].kind == COLUMN_TEXT, out);
        fputs(c + 1 == t->ncolumns ? "\r\n" : ",", out);
    }
}

void table_print(const struct table *t, enum layout layout, FILE *out)
{
    static void (*const print[])(const struct table *t, FILE *out) = {
        [LAYOUT_TABLE] = print_table,
        [LAYOUT_JSON] = print_json,
        [LAYOUT_CSV] = print_csv,
    };

    print[layout](t, out);
}
