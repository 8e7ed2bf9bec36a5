/* SPDX-License-Identifier: MIT */
#ifndef CLI_CANVAS_H
#define CLI_CANVAS_H

#include <stdio.h>

#include "base/str.h"

/*
 * A screen of styled text, before it meets a terminal. What does not fit into a line is cut, what
 * comes after the last line is lost. Texts are plain (plain.h). One thread.
 */

enum style {
    STYLE_PLAIN,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_TITLE,
    STYLE_GOOD,
    STYLE_WARN,
    STYLE_BAD,
    STYLES
};

struct run {
    int line, column;
    enum style style;
    size_t at, n; /* its part of the text */
};

struct canvas {
    int width, height; /* in columns and lines */
    bool ascii;        /* the terminal has nothing else: other characters are question marks */
    int line, column;  /* where the next text goes */
    struct buf text;
    struct run *runs;
    size_t nruns, cap;
};

void canvas_init(struct canvas *c, int width, int height, bool ascii);
void canvas_finish(struct canvas *c);

void canvas_put(struct canvas *c, enum style style, struct span text);
void canvas_printf(struct canvas *c, enum style style, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void canvas_fill(struct canvas *c, enum style style, int columns); /* with spaces */
void canvas_end_line(struct canvas *c);

/* Text in so many columns, cut with a mark or filled up. */
void canvas_cell(struct canvas *c, enum style style, struct span text, int width, bool right);

/* As plain lines, without spaces at their ends. */
void canvas_print(const struct canvas *c, FILE *out);

#endif
