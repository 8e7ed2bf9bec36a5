/* SPDX-License-Identifier: MIT */
#ifndef PROXY_UPSTREAM_ALERT_H
#define PROXY_UPSTREAM_ALERT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/err.h"

/* The POST of an alert to an address that an operator gave. Blocking, ten seconds at most. */

struct alert_post {
    const char *url, *id, *signature, *body; /* signature: "" for none */
    const char *ca_file;                     /* "": the system's */
    bool allow_private;                      /* loopback, private and link-local addresses too */
    const _Atomic bool *stop;                /* becoming true ends it */
};

/* 0 when the receiver took it (2xx). No redirect is followed; every address that the name resolves to is
 * checked where it is connected to. */
int upstream_post_alert(const struct alert_post *p, struct err *e) MUST_CHECK;

/* Whether an address is one that the public internet does not route. */
bool address_is_private(const struct sockaddr *a);

#endif
