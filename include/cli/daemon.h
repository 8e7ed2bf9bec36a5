/* SPDX-License-Identifier: MIT */
#ifndef CLI_DAEMON_H
#define CLI_DAEMON_H

#include "base/err.h"
#include "base/str.h"

/*
 * A call to the daemon in its steps, for those who do not want to wait for it: prepare, have curl
 * perform it, then ask what came of it. daemon_call() is all of them. One thread.
 */

struct curl_slist;
struct json_t;

struct call {
    void *curl; /* the easy handle */
    struct curl_slist *headers;
    const char *base; /* the daemon's URL, as messages have it */
    struct buf url, answer;
    long status;
};

/* Makes c ready to be performed; call_finish() is due even when it fails. url NULL: as the
 * environment says. What the daemon sends is put into c->answer, up to a bound. */
int call_prepare(struct call *c, const char *url, const char *method, const char *path,
                 const char *body, struct err *e) MUST_CHECK;

bool call_add_header(struct call *c, const char *name, const char *value); /* false: no memory */

/* The performed call's JSON, from the code that curl gave; an error with the daemon's words for any
 * status but 2xx. */
int call_understand(struct call *c, int code, struct json_t **out, struct err *e) MUST_CHECK;

void call_finish(struct call *c);

#endif
