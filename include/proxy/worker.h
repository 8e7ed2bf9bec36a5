/* SPDX-License-Identifier: MIT */
#ifndef PROXY_WORKER_H
#define PROXY_WORKER_H

#include "proxy/server.h"

/* The fixed pool: each worker has a seat at the queue and an upstream handle of its own. */

struct workers;

int workers_start(struct server *s, int n, struct workers **out, struct err *e) MUST_CHECK;

/* After the queue has been closed: waits for every worker to leave. */
void workers_join(struct workers *w);

#endif
