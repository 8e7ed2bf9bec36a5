/* SPDX-License-Identifier: MIT */
#ifndef PROXY_GUARD_H
#define PROXY_GUARD_H

#include "proxy/headers.h"
#include "wire/refusal.h"

/*
 * The framing guard: refuses requests whose end two servers could see in two places, and headers that
 * are not headers, as far as the HTTP library shows them. What it hides cannot reach the upstream
 * either, because every request is framed anew. Pure.
 */

#define GUARD_HEADERS_MAX 100
#define GUARD_BYTES_MAX   (32 * 1024) /* of a target; of all headers together */

/* Both: -1 with *r filled: answer it and close the connection. */
int guard_target(struct span raw, struct refusal *r) MUST_CHECK;
/* http11: the request line said HTTP/1.1. */
int guard_headers(const struct headers *h, bool http11, struct refusal *r) MUST_CHECK;

#endif
