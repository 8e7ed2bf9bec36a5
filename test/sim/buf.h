/* SPDX-License-Identifier: MIT */
/*
 * A growing byte buffer. Owned by whoever declares it: start with `struct buf b = {0}`, end with
 * buf_finish(). Running out of memory ends the simulator: it is a test tool.
 */
#ifndef SIM_BUF_H
#define SIM_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *bytes; /* always followed by a NUL once anything was added */
    size_t len;
    size_t cap;
};

void buf_finish(struct buf *b);
void buf_clear(struct buf *b);
/* Room for `more` further bytes; returns where they go. The caller adds to len itself. */
char *buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_puts(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds `text` as a JSON string, quotes included. */
void buf_json(struct buf *b, const char *text, size_t len);
/* The same for bytes of no known encoding: those beyond ASCII come out as U+0080 to U+00FF. */
void buf_json_latin1(struct buf *b, const char *text, size_t len);
void buf_base64(struct buf *b, const void *bytes, size_t len);

bool is_utf8(const void *bytes, size_t len);

/* Allocation that cannot fail. */
void *sim_alloc(size_t size);
char *sim_strdup(const char *text);

#endif
