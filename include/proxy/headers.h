/* SPDX-License-Identifier: MIT */
#ifndef PROXY_HEADERS_H
#define PROXY_HEADERS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* HTTP headers in the order they came. Names and values live in the exchange's arena. One thread. */

#define HEADERS_MAX 128

struct header {
    struct span name, value; /* NUL-terminated as well */
};

struct headers { /* all zero: none yet */
    struct header *list;
    int n, cap;
};

/* Copies both into the arena. False when either is full. */
bool headers_add(struct headers *h, struct arena *a, struct span name, struct span value);
bool headers_addf(struct headers *h, struct arena *a, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The first of that name (any case); p == NULL when there is none. */
struct span headers_get(const struct headers *h, const char *name);
void headers_remove(struct headers *h, const char *name); /* each of that name */
int headers_count(const struct headers *h, const char *name);

/* Whether a comma-separated header value has that token (any case), with or without parameters. */
bool header_has_token(struct span value, const char *token);

/* Headers that concern one connection alone (RFC 9110 §7.6.1), those that Connection names included. */
bool header_is_hop_by_hop(struct span name, struct span connection);

/* X-Tokencap-…: between tokencap and its client, never further. */
bool header_is_tokencaps(struct span name);

#endif
