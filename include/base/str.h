/* SPDX-License-Identifier: MIT */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/*
 * Strings: a span borrows bytes that somebody else owns; a buf owns bytes that grow, up to a bound.
 * Neither is thread-safe.
 */

struct span {
    const char *p; /* not NUL-terminated; may be NULL when n is 0 */
    size_t n;
};

#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})
#define SPAN_INIT(literal) {(literal), sizeof(literal) - 1} /* in a table */
#define SPAN_FMT(s)   (int)(s).n, (s).p /* for printf's %.*s */

static inline struct span span_of(const char *s)
{
    return (struct span){s, s ? strlen(s) : 0};
}

static inline bool span_eq(struct span a, struct span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool span_eq_nocase(struct span a, struct span b) /* ASCII case */
{
    return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

static inline bool span_starts_nocase(struct span s, struct span prefix)
{
    return s.n >= prefix.n && strncasecmp(s.p, prefix.p, prefix.n) == 0;
}

bool span_in_nocase(struct span s, const struct span *list, size_t n);
bool span_starts(struct span s, struct span prefix);
bool span_ends(struct span s, struct span suffix);
struct span span_trim(struct span s); /* spaces and tabs at both ends */
struct span span_skip(struct span s, size_t n);

/* Splits s at the first c: *head is what is before it (all of s when there is none), *tail the rest.
 * Returns whether there was one. */
bool span_cut(struct span s, char c, struct span *head, struct span *tail);

/* A non-negative decimal that fills the whole span; false when it is anything else or too large. */
bool span_to_int64(struct span s, long long *out);

/* ---- into the caller's memory, without printf's cost: for what every request does ---- */

/* Copies what fits of s, and a NUL. */
void str_copy(char *to, size_t size, struct span s);

/* v in decimal, with zeros in front up to `least` digits (at most 20), and a NUL. Returns where that is. */
char *str_decimal(char *to, uint64_t v, int least);

/* Two digits a byte, lower case, and a NUL. Returns where that is. */
char *str_hex(char *to, const void *bytes, size_t n);

struct buf {
    char *p; /* NUL-terminated once anything was added */
    size_t n, cap;
    size_t max;  /* bytes it may hold; 0: no bound but memory */
    bool failed; /* an addition did not fit; sticky, contents stay as they were */
};

void buf_init(struct buf *b, size_t max);
void buf_finish(struct buf *b);
void buf_clear(struct buf *b); /* empties it and forgets a failure; keeps the memory */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_span(struct buf *b, struct span s);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline struct span buf_all(const struct buf *b)
{
    return (struct span){b->p, b->n};
}

#endif
