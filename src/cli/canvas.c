/* SPDX-License-Identifier: MIT */
#include "cli/canvas.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "cli/plain.h"

void canvas_init(struct canvas *c, int width, int height, bool ascii)
{
    *c = (struct canvas){.width = width, .height = height, .ascii = ascii};
    buf_init(&c->text, 0);
}

void canvas_finish(struct canvas *c)
{
    buf_finish(&c->text);
    free(c->runs);
    *c = (struct canvas){0};
}

static bool make_room(struct canvas *c)
{
    size_t cap = c->cap ? 2 * c->cap : 128;
    struct run *runs;

    if (c->nruns < c->cap)
        return true;
    runs = realloc(c->runs, cap * sizeof *runs);
    if (!runs)
        return false;
    c->runs = runs;
    c->cap = cap;
    return true;
}

/* As wide as it is. */
static void add_ascii(struct buf *out, struct span text)
{
    while (text.n) {
        size_t n = (unsigned char)*text.p < 0x80 ? 1 : utf8_valid_len(text);
        struct span c = {text.p, n ? n : 1};

        if (c.n == 1)
            buf_char(out, (unsigned char)*text.p < 0x80 ? *text.p : '?');
        else
            buf_str(out, plain_width(c) == 2 ? "??" : "?");
        text = span_skip(text, c.n);
    }
}

void canvas_put(struct canvas *c, enum style style, struct span text)
{
    struct span fits = plain_fit(text, c->width > c->column ? (size_t)(c->width - c->column) : 0);
    size_t at = c->text.n;

    if (!fits.n || c->line >= c->height || !make_room(c))
        return;
    if (c->ascii)
        add_ascii(&c->text, fits);
    else
        buf_span(&c->text, fits);
    c->runs[c->nruns++] = (struct run){c->line, c->column, style, at, c->text.n - at};
    c->column += (int)plain_width(fits);
}

void canvas_printf(struct canvas *c, enum style style, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    canvas_put(c, style, span_of(text));
}

void canvas_fill(struct canvas *c, enum style style, int columns)
{
    static const char spaces[] = "                                ";

    for (; columns > 0; columns -= (int)sizeof spaces - 1)
        canvas_put(c, style,
                   (struct span){spaces, columns < (int)sizeof spaces - 1 ? (size_t)columns
                                                                          : sizeof spaces - 1});
}

void canvas_end_line(struct canvas *c)
{
    c->line++;
    c->column = 0;
}

void canvas_cell(struct canvas *c, enum style style, struct span text, int width, bool right)
{
    int takes = (int)plain_width(text), end = c->column + width;

    if (right && takes < width)
        canvas_fill(c, style, width - takes);
    if (takes > width && width > 0) {
        canvas_put(c, style, plain_fit(text, (size_t)width - 1));
        canvas_put(c, style, c->ascii ? SPAN("~") : SPAN("…"));
    } else
        canvas_put(c, style, plain_fit(text, width > 0 ? (size_t)width : 0));
    canvas_fill(c, style, end - c->column);
}

/* The runs of a line, without what is blank at its end. */
static size_t end_of_line(const struct canvas *c, size_t i, size_t *end)
{
    size_t n = i;

    for (*end = i; n < c->nruns && c->runs[n].line == c->runs[i].line; n++) {
        struct span text = {c->text.p + c->runs[n].at, c->runs[n].n};

        if (span_trim(text).n)
            *end = n + 1;
    }
    return n;
}

static void print_run(const struct canvas *c, const struct run *r, bool last, FILE *out)
{
    size_t n = r->n;

    while (last && n && c->text.p[r->at + n - 1] == ' ')
        n--;
    fwrite(c->text.p + r->at, 1, n, out);
}

void canvas_print(const struct canvas *c, FILE *out)
{
    size_t i = 0, end, next;

    for (int line = 0; line < c->line && line < c->height; line++) {
        if (i < c->nruns && c->runs[i].line == line) {
            next = end_of_line(c, i, &end);
            for (; i < end; i++)
                print_run(c, &c->runs[i], i + 1 == end, out);
            i = next;
        }
        fputc('\n', out);
    }
}
