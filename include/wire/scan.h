/* SPDX-License-Identifier: MIT */
#ifndef WIRE_SCAN_H
#define WIRE_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/*
 * Reads JSON in place, as a walk over its text: no tree, no memory, any size. For upstreams'
 * answers, which are read once, as they pass, for a few members. Strict (RFC 8259) but for the
 * bytes inside strings, which need not be UTF-8; nested to SCAN_DEPTH at most. Pure; one thread.
 *
 *     scan_begin(&s, text);
 *     for (bool in = scan_open(&s, '{'); in && scan_key(&s, &key);)
 *         … scan_open(), or scan_value() …        // each member's value must be read
 *     if (scan_end(&s)) … it was whole and right
 *
 * After a fault every call returns false or an empty span, so the loops end by themselves.
 */

#define SCAN_DEPTH 128

struct scan {
    const char *p, *end; /* what is not read yet */
    int depth;           /* how many brackets scan_open() has opened */
    bool fresh;          /* the last bracket was opened just now: no comma needed */
    bool any;            /* a value was read, or at least entered */
    bool bad;            /* the text is not JSON */
};

void scan_begin(struct scan *s, struct span text);

/* Whether the next value starts with this bracket, '{' or '['. If so, it is entered; if not, the
 * value is still to be read. */
bool scan_open(struct scan *s, char bracket);

/* The next member of the object (its key as written, without quotes, escapes kept) or the next
 * element of the array; false when there is none: the bracket is closed then. */
bool scan_key(struct scan *s, struct span *key);
bool scan_item(struct scan *s);

/* The next value whatever it is, as written. */
struct span scan_value(struct scan *s);

/* The text held this one value, and nothing else but white space. */
bool scan_end(struct scan *s);

/* A member of an object as written (the last of that name, as parsers have it); n == 0: there is
 * none. */
struct span scan_member(struct span object, struct span name);

/* Several of them at once, each into the struct span at its offset in out, which is empty before.
 * Whether the text is one whole object. */
struct scan_field {
    struct span name;
    size_t at;
};
bool scan_members(struct span object, const struct scan_field *fields, size_t n, void *out);

/* Whether a value as written is a string, and its inside, escapes kept. */
bool scan_string(struct span value, struct span *inside);

/* Whether a value is a string with this inside, written without escapes. */
bool scan_is(struct span value, struct span inside);

bool scan_is_null(struct span value); /* null, or no value at all */

/* Appends a string's inside with its escapes resolved; a lone surrogate becomes U+FFFD. */
void scan_unescape(struct span inside, struct buf *out);

#endif
