/* SPDX-License-Identifier: MIT */
#ifndef PROXY_LISTEN_REPLY_H
#define PROXY_LISTEN_REPLY_H

#include <microhttpd.h>

#include "proxy/exchange.h"

/*
 * An exchange's reply on its way to the client: whole, a stream read from its ring, or a live one. On the
 * connection's own thread, which also notices here when the client has left or does not read.
 */

enum MHD_Result listen_reply(struct MHD_Connection *c, struct exchange *x);

#endif
