/* SPDX-License-Identifier: MIT */
#ifndef PROXY_ADMIN_FIELDS_H
#define PROXY_ADMIN_FIELDS_H

#include <jansson.h>
#include <stddef.h>

#include "proxy/exchange.h"

/*
 * A JSON object of management into a struct: one row a field. Everything here returns 0, or -1 with
 * the refusal filled, which names the field.
 */

struct field_reader {
    struct span text; /* the body: amounts are read from its own digits */
    const char *field;
    json_t *value;
    void *out; /* the struct that is filled */
    struct refusal *r;
};

struct field {
    const char *name;
    int (*read)(const struct field_reader *in);
};

/* Refuses a field that is not among them. root is the body, parsed. */
int fields_read(struct exchange *x, json_t *root, const struct field *fields, size_t n,
                void *out) MUST_CHECK;

/* For the rows. */
int field_bad(const struct field_reader *in, const char *what) MUST_CHECK;
int field_money(const struct field_reader *in, nano_t *out) MUST_CHECK;
int field_text(const struct field_reader *in, char *out, size_t size) MUST_CHECK;
/* The index of a word in a table whose first entries may be empty, or -1 without a refusal. */
int field_word(const struct field_reader *in, const char *const *words, size_t n);

#endif
