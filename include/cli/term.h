/* SPDX-License-Identifier: MIT */
#ifndef CLI_TERM_H
#define CLI_TERM_H

#include <stdbool.h>

#include "base/err.h"

/* The terminal, by ncurses, which has its home in term.c. One at a time, one thread. */

struct canvas;

enum { /* keys; those with a character are that character */
       TERM_NONE = -1,
       TERM_TAB = '\t',
       TERM_ENTER = '\n',
       TERM_ESCAPE = 27,
       TERM_BACKSPACE = 127,
       TERM_OTHER = 256, /* none of these */
       TERM_RESIZED,
       TERM_UP,
       TERM_DOWN,
       TERM_PAGE_UP,
       TERM_PAGE_DOWN,
       TERM_HOME,
       TERM_END,
       TERM_BACK_TAB,
};

/* Takes the terminal over; without colours where NO_COLOR is set (no-color.org). */
int term_open(struct err *e) MUST_CHECK;
/* SIGINT or SIGTERM came: close. */
bool term_ended(void);
/* Gives it back; then the program ends by the signal that came, if one did. */
void term_close(void);

void term_size(int *width, int *height);
void term_show(const struct canvas *c);

/* The next key that was pressed, TERM_NONE without waiting when there is none. */
int term_key(void);

/* Whether the locale has nothing but ASCII. */
bool term_is_ascii(void);

#endif
