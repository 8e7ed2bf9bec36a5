/* SPDX-License-Identifier: MIT */
#ifndef PROXY_LISTEN_LIVE_H
#define PROXY_LISTEN_LIVE_H

#include "proxy/conns.h"
#include "proxy/exchange.h"

struct MHD_Response;

/* A reply that goes on until its viewer leaves, on the connection's own thread. NULL: no memory. */
struct MHD_Response *live_response(struct exchange *x, struct conn *conn);

#endif
