/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>

#include "base/clock.h"
#include "cli/plain.h"
#include "cli/top.h"

/* The whole screen: a line about the connection, two of figures, the panes, a line of keys. */

#define ROOMY 20 /* lines for the panes from which on there are blank ones between them */

/* A part of a line, which is there whole or not at all, and then ends the line. */
__attribute__((format(printf, 3, 4))) static void put_part(struct canvas *c, enum style style,
                                                           const char *fmt, ...)
{
    char text[256];
    enum style gap = style == STYLE_TITLE ? STYLE_TITLE : STYLE_PLAIN;
    int room = c->width - c->column - (c->column ? 2 : 0);
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (c->column && room < (int)plain_width(span_of(text))) {
        canvas_fill(c, gap, c->width - c->column);
        return;
    }
    canvas_fill(c, gap, c->column ? 2 : 0);
    canvas_put(c, style, span_of(text));
}

static const char *dollars(nano_t v, char out[MONEY_LEN + 1])
{
    char text[MONEY_LEN];

    snprintf(out, MONEY_LEN + 1, "$%s", money_fixed(v, text));
    return out;
}

static void draw_head(const struct top *t, struct canvas *c, int64_t now_ms)
{
    static const char *const states[] = {
        [TOP_CONNECTING] = "connecting", [TOP_LIVE] = "live", [TOP_LOST] = "NO CONNECTION"};
    char now[CLOCK_ISO_LEN];

    clock_iso(now_ms, now);
    put_part(c, STYLE_TITLE, "tokencap");
    put_part(c, STYLE_TITLE, "%s", states[t->state]);
    put_part(c, STYLE_TITLE, "%.8s UTC", now + 11);
    if (*t->project)
        put_part(c, STYLE_TITLE, "project %s", t->project);
    put_part(c, STYLE_TITLE, "%s", t->url);
    if (*t->version)
        put_part(c, STYLE_TITLE, "version %s", t->version);
    canvas_fill(c, STYLE_TITLE, c->width - c->column);
    canvas_end_line(c);
}

static void draw_figures(const struct top *t, struct canvas *c)
{
    char text[MONEY_LEN + 1];

    put_part(c, STYLE_BOLD, "Today %s", dollars(t->cost, text));
    put_part(c, STYLE_PLAIN, "%" PRId64 " requests", t->requests);
    put_part(c, STYLE_PLAIN, "%" PRId64 " tokens in", t->input);
    put_part(c, STYLE_PLAIN, "%" PRId64 " out", t->output);
    canvas_end_line(c);
    put_part(c, STYLE_BOLD, "Now   %s held", dollars(t->held, text));
    put_part(c, STYLE_PLAIN, "%" PRId64 " in flight", t->in_flight);
    put_part(c, t->refusals ? STYLE_WARN : STYLE_PLAIN, "%" PRId64 " refused since its start",
             t->refusals);
    put_part(c, t->refused ? STYLE_WARN : STYLE_PLAIN, "%s kept from spending",
             dollars(t->refused, text));
    canvas_end_line(c);
}

static void draw_notice(const struct top *t, struct canvas *c)
{
    if (!*t->notice)
        return;
    canvas_put(c, t->state == TOP_LOST ? STYLE_BAD : STYLE_GOOD, span_of(t->notice));
    canvas_end_line(c);
}

/* Empty lines down to the last but one. */
static void skip_to_foot(struct canvas *c)
{
    while (c->line < c->height - 1)
        canvas_end_line(c);
}

static void draw_foot(const struct top *t, struct canvas *c)
{
    if (t->typing) {
        canvas_printf(c, STYLE_BOLD, "project (none: all): %s", t->typed);
        canvas_put(c, STYLE_TITLE, SPAN(" "));
        return;
    }
    for (size_t i = 0; i < ntop_keys; i++)
        if (top_keys[i].brief)
            put_part(c, STYLE_DIM, "%s %s", top_keys[i].name, top_keys[i].brief);
}

static void draw_help(struct canvas *c)
{
    canvas_end_line(c);
    for (size_t i = 0; i < ntop_keys; i++) {
        if (!top_keys[i].name)
            continue;
        canvas_cell(c, STYLE_BOLD, span_of(top_keys[i].name), 12, false);
        canvas_put(c, STYLE_PLAIN, span_of(top_keys[i].what));
        canvas_end_line(c);
    }
    canvas_end_line(c);
    canvas_put(c, STYLE_DIM,
               SPAN("Days and times are UTC. What is held is spent by requests in flight."));
    canvas_end_line(c);
}

static void draw_panes(struct top *t, struct canvas *c, int64_t now_ms, bool foot)
{
    int lines = c->height - c->line - foot, rows[PANES];
    size_t wanted[PANES];
    bool roomy = lines >= ROOMY;

    for (int i = 0; i < PANES; i++)
        wanted[i] = t->panes[i].nrows;
    top_share(roomy ? lines - PANES : lines, wanted, t->focus, rows);
    for (int i = 0; i < PANES; i++) {
        if (roomy)
            canvas_end_line(c);
        pane_draw(&t->panes[i], c, rows[i], foot && i == t->focus, now_ms);
    }
}

void top_draw(struct top *t, struct canvas *c, int64_t now_ms, bool keys)
{
    draw_head(t, c, now_ms);
    draw_figures(t, c);
    draw_notice(t, c);
    if (t->help)
        draw_help(c);
    else
        draw_panes(t, c, now_ms, keys);
    if (keys) {
        skip_to_foot(c);
        draw_foot(t, c);
        canvas_end_line(c);
    }
}
