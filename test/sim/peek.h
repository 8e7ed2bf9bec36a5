/* SPDX-License-Identifier: MIT */
/*
 * A glance into a JSON object without building a tree: the simulator stands behind benches, where
 * a full parse of each body would be most of its work. Nothing is validated here.
 */
#ifndef SIM_PEEK_H
#define SIM_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of somebody else's text; `at` is NULL when there is none. */
struct slice {
    const char *at;
    size_t len;
};

/* The raw value of `key` in the object `json`, at its top level. */
struct slice peek_member(struct slice json, const char *key);
bool peek_is_true(struct slice value);
/* The value as an integer, or `otherwise` when it is none. */
int64_t peek_int(struct slice value, int64_t otherwise);
/* Copies a string value without its quotes, escapes as they stand; "" when it is no string. */
void peek_string(struct slice value, char *to, size_t size);
/* The number of elements when the value is a list, else 0. */
size_t peek_count(struct slice value);
/* Whether a list's first element is itself a list or a number (so: token ids). */
bool peek_list_of_numbers(struct slice value);

#endif
