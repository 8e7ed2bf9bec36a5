/* SPDX-License-Identifier: MIT */
#ifndef PROXY_LISTEN_H
#define PROXY_LISTEN_H

#include "proxy/server.h"

/*
 * The front door: libmicrohttpd, a thread a connection. It reads requests, answers health and management
 * itself, hands everything else to the workers, and carries their replies back (listen_reply.h). The
 * listen files alone know libmicrohttpd.
 */

struct listener;

int listener_start(struct server *s, struct listener **out, struct err *e) MUST_CHECK;

/* "http://127.0.0.1:3456": what it listens on. */
const char *listener_url(const struct listener *l);

/* Reads certificate and key again; the old ones stay when the new ones are bad. */
int listener_reload(const struct listener *l, struct err *e) MUST_CHECK;

/* No new connections; requests under way go on, those of clients that have left too. Returns whether all
 * had ended within timeout_ms; *hurry becoming true ends the wait. */
bool listener_drain(struct listener *l, int64_t timeout_ms, const _Atomic bool *hurry);

/* Closes what is still open. After the workers have gone. */
void listener_stop(struct listener *l);

#endif
