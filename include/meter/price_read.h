/* SPDX-License-Identifier: MIT */
#ifndef METER_PRICE_READ_H
#define METER_PRICE_READ_H

#include <jansson.h>

#include "meter/price_table.h"

/*
 * Reads the objects of a price file by tables of fields. Private to the price rooms. A reader fills
 * what `at` points to, or says in e what the value should have been; whoever called it adds where
 * it stood.
 */

struct loader {
    struct price_table *t;
    const char *path;
    int layer;
};

struct field {
    const char *name;
    bool required;
    int (*read)(struct loader *l, const json_t *v, void *at, struct err *e); /* NULL: ignored */
    size_t offset; /* of what it fills, in the object's struct */
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Refuses what is not in fields, and an object without a required one. */
int price_read_fields(struct loader *l, const json_t *v, const struct field *fields, size_t n,
                      void *into, struct err *e) MUST_CHECK;

int price_read_names(struct loader *l, const json_t *v, void *string_list,
                     struct err *e) MUST_CHECK;
int price_read_provider(struct loader *l, const json_t *v, void *provider,
                        struct err *e) MUST_CHECK;
int price_read_multiplier(struct loader *l, const json_t *v, void *int64, struct err *e) MUST_CHECK;
int price_read_per_thousand(struct loader *l, const json_t *v, void *pico,
                            struct err *e) MUST_CHECK;

/* Adds a row to the table. provider: the file's, NULL when it names none. */
int price_read_row(struct loader *l, const json_t *v, struct price_provider *provider,
                   struct err *e) MUST_CHECK;

#endif
