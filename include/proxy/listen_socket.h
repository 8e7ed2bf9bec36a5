/* SPDX-License-Identifier: MIT */
#ifndef PROXY_LISTEN_SOCKET_H
#define PROXY_LISTEN_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/config.h"

/*
 * The socket that is listened on: the one a service manager has handed over (LISTEN_FDS, see
 * sd_listen_fds(3)), else one of our own on the configured address. At the start, one thread.
 */
int listen_socket(const struct config *c, struct err *e) MUST_CHECK; /* its descriptor, or -1 */

/* "http://127.0.0.1:3456", or "unix:/path". */
void listen_socket_url(int fd, bool tls, char *out, size_t n);

#endif
