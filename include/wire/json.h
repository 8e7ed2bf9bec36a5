/* SPDX-License-Identifier: MIT */
#ifndef WIRE_JSON_H
#define WIRE_JSON_H

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"

/*
 * A client's JSON: checked before it is parsed (depth, nodes, UTF-8, duplicate keys, trailing junk),
 * kept byte for byte beside the parsed tree. Pure; a document belongs to one thread.
 */

struct json_limits {
    int depth;    /* nesting; 128 */
    size_t nodes; /* values, keys not counted; bounds the tree's memory */
};

enum json_fault { JSON_OK, JSON_INVALID, JSON_DUPLICATE_KEY, JSON_TOO_COMPLEX, JSON_NO_MEMORY };

/* The root is an object. *root is a new reference; strings in it live as long. `\u0000` is allowed. */
enum json_fault json_read(struct span text, const struct json_limits *limits, json_t **root,
                          struct err *e);

/* Where in text (which json_read() accepted) a member of the top-level object stands, and its value. */
struct json_place {
    struct span value; /* n == 0: there is no such member */
    size_t key;        /* offset of the key's opening quote */
};

/* path: one key, or two for a member of a member object. */
struct json_place json_find(struct span text, const char *key, const char *inner);

#endif
