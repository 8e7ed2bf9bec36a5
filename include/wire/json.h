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

/* 400,000 values hold the largest request of any provider (300,000 token ids to embed); as a tree they
 * take at most some 90 MB. */
#define JSON_LIMITS ((struct json_limits){.depth = 128, .nodes = 400000})

enum json_fault { JSON_OK, JSON_INVALID, JSON_DUPLICATE_KEY, JSON_TOO_COMPLEX, JSON_NO_MEMORY };

/*
 * The root is an object. *root is a new reference; strings in it live as long. `\u0000` is allowed in
 * strings, not in keys. A number that neither int64 nor double holds reads as ±1e300. On a fault *e says
 * what is wrong and at which byte and line, without quoting the text.
 */
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
