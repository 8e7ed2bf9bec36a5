/* SPDX-License-Identifier: MIT */
#ifndef PROXY_OUTLET_H
#define PROXY_OUTLET_H

#include "proxy/exchange.h"

/*
 * A stream's way from the worker that has its bytes to the client's socket. Where the connection is plain
 * and the answer chunked, the worker writes whole chunks itself, past the HTTP library: an event then
 * costs no change of threads. What the socket does not take at once goes through the ring, and the
 * connection's thread brings it on. The socket has one owner at each moment:
 *
 *     owner                    while                           then
 *     the library              it sends the head               the connection's thread
 *     the connection's thread  the ring has bytes              the worker, when it has sent them all
 *     the worker               the ring is open and empty      the thread: the socket is full, or the end
 *     the library              the ring has ended: last chunk and trailers
 *
 * When the client hangs up, the ring is abandoned, and nobody writes any more. Elsewhere (TLS, HTTP/1.0)
 * the library frames and sends what ring_read() gives it.
 */

/* The worker's. The reply's status and headers are final: answers the exchange. ERR_MEMORY. */
int outlet_open(struct exchange *x, struct err *e) MUST_CHECK;
/* Blocks while the client does not read; to one that has left, or does not read for too long, goes
 * nothing. */
void outlet_write(struct exchange *x, struct span bytes);
void outlet_close(struct exchange *x, enum ring_end how);

/* The connection's thread, once the library has sent the head: sends what the worker leaves to it, until
 * the stream has ended, as it returns it. `block` is to work with; its bytes may be gone afterwards, so it
 * must be the caller's alone. */
enum ring_end outlet_carry(struct exchange *x, char *block, size_t size);

#endif
