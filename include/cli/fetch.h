/* SPDX-License-Identifier: MIT */
#ifndef CLI_FETCH_H
#define CLI_FETCH_H

#include "cli/daemon.h"
#include "wire/sse.h"

/*
 * Questions to the daemon that are on their way while other things happen, one of each kind at a
 * time: the stream of live figures, and what is asked for now and then. One thread.
 */

enum { FETCH_LIVE, FETCH_GROUPS, FETCH_REQUESTS, FETCHES };

struct fetch_one {
    bool under_way, ended;
    int code; /* curl's, of one that has ended */
    struct call call;
    struct sse sse;
    struct buf event; /* the newest event that nobody has taken */
};

struct fetch {
    const char *url; /* NULL: as the environment says */
    void *multi;
    struct fetch_one all[FETCHES];
};

int fetch_init(struct fetch *f, const char *url, struct err *e) MUST_CHECK;
void fetch_finish(struct fetch *f);

/* Asks; drops what of that kind was on its way. FETCH_LIVE is answered again and again. */
int fetch_begin(struct fetch *f, int kind, const char *path, struct err *e) MUST_CHECK;
void fetch_drop(struct fetch *f, int kind);

/* Sleeps until there is something to take or fd can be read, timeout_ms at most; fd gone is an
 * error. */
int fetch_wait(struct fetch *f, int fd, int timeout_ms, struct err *e) MUST_CHECK;

/* 1: an answer of that kind has come, the caller's reference. 0: none. -1: it failed, or the stream
 * has ended, and may be begun again. */
int fetch_take(struct fetch *f, int kind, struct json_t **out, struct err *e) MUST_CHECK;

#endif
