/* SPDX-License-Identifier: MIT */
/*
 * What the simulator was asked and what it answered. Entries are made by connection threads and
 * read by control requests; the request's part never changes, the answer's part is shown once it
 * is finished. Functions take NULL for an entry, which is what there is when nothing is kept.
 */
#ifndef SIM_JOURNAL_H
#define SIM_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "http.h"

/* Figures as the answer states them, in its own dialect's sense; -1: not stated. */
struct usage {
    int64_t input;
    int64_t output;
    int64_t cached;
    int64_t cache_write;
    int64_t cache_write_1h;
    int64_t reasoning;
};

struct journal_entry;

/* `limit`: entries kept in memory (0: none). `file`: NULL, or where a line per request is
 * appended before its answer begins. 0 or -1 with errno. */
int journal_init(long limit, const char *file);
void journal_finish_all(void);

struct journal_entry *journal_arrive(const struct http_conn *conn, const struct http_request *req);

/* What will be answered is known: writes the file's line. `usage` NULL: none is stated. */
void journal_answering(struct journal_entry *e, int status, const struct usage *usage,
                       const char *fault);
/* The answer begins now. */
void journal_first_byte(struct journal_entry *e);
/* Adds to what was sent of the body, without its transfer coding. */
void journal_sent(struct journal_entry *e, const void *bytes, size_t len);
/* Ends the entry. `end`: complete, closed, reset, peer_closed. */
void journal_finish(struct journal_entry *e, const char *end);

/* Blocks until so many requests have arrived, and so many have been finished; false at the
 * time-out. */
bool journal_await(long arrived, long finished, int timeout_ms);
void journal_render(struct buf *to);
/* Forgets the finished entries and counts anew; unfinished ones are dropped when they finish. */
void journal_clear(void);
/* Wakes all who wait: the simulator stops. */
void journal_stop(void);

#endif
