/* SPDX-License-Identifier: MIT */
/*
 * The simulator's own endpoints, under /_sim/:
 *   POST /_sim/script            queues behaviours (script.h);  DELETE forgets them
 *   GET  /_sim/journal           ?wait=N finished, ?arrived=N;  DELETE forgets them
 *   POST /_sim/open?gate=NAME    opens a gate, for good or for ?passes=N
 *   GET  /_sim/gate?gate=NAME    blocks until ?waiting=N wait there
 *   POST /_sim/reset             all of the above anew
 * Those that block take ?timeout_ms=, 20 seconds by default, and answer 504 when it has passed.
 */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include <stdbool.h>

#include "http.h"

bool control_owns(const struct http_request *req);
/* Answers the request. Whether the connection may serve another. */
bool control_answer(struct http_conn *conn, const struct http_request *req);

#endif
