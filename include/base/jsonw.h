/* SPDX-License-Identifier: MIT */
#ifndef BASE_JSONW_H
#define BASE_JSONW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/*
 * Writes compact JSON into a buf, member by member. Exact: numbers that must not pass through a double
 * are given as text. Not thread-safe; the caller owns the buf and checks buf.failed once, at the end.
 */

struct jsonw {
    struct buf *out;
    bool comma; /* the next value needs one before it */
};

void jsonw_init(struct jsonw *w, struct buf *out);

void jsonw_open(struct jsonw *w, char bracket);  /* '{' or '[' */
void jsonw_close(struct jsonw *w, char bracket); /* '}' or ']' */
void jsonw_key(struct jsonw *w, const char *key);

void jsonw_str(struct jsonw *w, struct span s); /* invalid UTF-8 becomes U+FFFD */
void jsonw_int(struct jsonw *w, int64_t v);
void jsonw_bool(struct jsonw *w, bool v);
void jsonw_null(struct jsonw *w);
void jsonw_raw(struct jsonw *w, const char *json); /* a value that is JSON already */

/* A member of an object: key and value. */
void jsonw_member_str(struct jsonw *w, const char *key, struct span s);
void jsonw_member_int(struct jsonw *w, const char *key, int64_t v);
void jsonw_member_bool(struct jsonw *w, const char *key, bool v);
void jsonw_member_time(struct jsonw *w, const char *key, int64_t ms); /* ISO 8601; null for 0 */
void jsonw_member_raw(struct jsonw *w, const char *key, const char *json);

#endif
