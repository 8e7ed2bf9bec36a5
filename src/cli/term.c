/* SPDX-License-Identifier: MIT */
#include "cli/term.h"

#define NCURSES_NOMACROS
#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/canvas.h"
#include "cli/cli.h"

#include <term.h> /* last: its macros are ordinary words, "lines" and "columns" among them */

static SCREEN *screen;
static volatile sig_atomic_t ended_by; /* a signal that asked for the end; 0: none */

static struct {
    attr_t attributes;
    short colour; /* of ncurses; -1: the terminal's own */
} looks[STYLES] = {
    [STYLE_PLAIN] = {A_NORMAL, -1},
    [STYLE_BOLD] = {A_BOLD, -1},
    [STYLE_DIM] = {A_DIM, -1},
    [STYLE_TITLE] = {A_REVERSE, -1},
    [STYLE_GOOD] = {A_NORMAL, COLOR_GREEN},
    [STYLE_WARN] = {A_NORMAL, COLOR_YELLOW},
    [STYLE_BAD] = {A_BOLD, COLOR_RED},
};

static const struct {
    int curses, key;
} keys[] = {
    {ERR, TERM_NONE},        {KEY_RESIZE, TERM_RESIZED}, {KEY_UP, TERM_UP},
    {KEY_DOWN, TERM_DOWN},   {KEY_PPAGE, TERM_PAGE_UP},  {KEY_NPAGE, TERM_PAGE_DOWN},
    {KEY_HOME, TERM_HOME},   {KEY_END, TERM_END},        {KEY_BTAB, TERM_BACK_TAB},
    {KEY_ENTER, TERM_ENTER}, {'\r', TERM_ENTER},         {KEY_BACKSPACE, TERM_BACKSPACE},
    {'\b', TERM_BACKSPACE},
};

/* Each style's colour is the pair of its number. */
static void begin_colours(void)
{
    if (env_value("NO_COLOR") || !has_colors() || start_color() == ERR)
        return;
    use_default_colors();
    for (int i = 0; i < STYLES; i++) {
        if (looks[i].colour < 0)
            continue;
        init_pair((short)(i + 1), looks[i].colour, -1);
        looks[i].attributes |= COLOR_PAIR(i + 1);
    }
}

/* Before newterm(), which leaks where it fails. */
static bool is_known(void)
{
    int ignored;

    if (setupterm(NULL, STDOUT_FILENO, &ignored) != OK)
        return false;
    del_curterm(cur_term);
    return true;
}

static void on_end(int signal)
{
    ended_by = signal;
}

/* ncurses' own handlers, which it leaves out where there are others, draw and free in the handler. */
static void watch_signals(void)
{
    struct sigaction end = {.sa_handler = on_end};

    sigaction(SIGINT, &end, NULL);
    sigaction(SIGTERM, &end, NULL);
}

bool term_ended(void)
{
    return ended_by != 0;
}

int term_open(struct err *e)
{
    const char *name = env_value("TERM");

    setlocale(LC_CTYPE, "");
    watch_signals();
    screen = is_known() ? newterm(NULL, stdout, stdin) : NULL;
    if (!screen)
        return err_set(e, ERR_INVALID,
                       "the terminal \"%.40s\" (TERM) is not known here; --once prints one screen",
                       name ? name : "");
    begin_colours();
    cbreak();
    noecho();
    nonl();
    curs_set(0);
    set_escdelay(50);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    return 0;
}

void term_close(void)
{
    endwin();
    delscreen(screen);
    screen = NULL;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (ended_by)
        raise(ended_by); /* whoever waits for this program hears how it ended */
}

void term_size(int *width, int *height)
{
    getmaxyx(stdscr, *height, *width);
}

void term_show(const struct canvas *c)
{
    erase();
    for (size_t i = 0; i < c->nruns; i++) {
        const struct run *r = &c->runs[i];

        attrset((int)looks[r->style].attributes);
        mvaddnstr(r->line, r->column, c->text.p + r->at, (int)r->n);
    }
    attrset(A_NORMAL);
    refresh();
}

int term_key(void)
{
    int key = getch();

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i].curses == key)
            return keys[i].key;
    return key >= 0 && key < 256 ? key : TERM_OTHER;
}

bool term_is_ascii(void)
{
    setlocale(LC_CTYPE, "");
    return strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
}
