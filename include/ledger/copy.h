/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_COPY_H
#define LEDGER_COPY_H

#include "ledger/ledger.h"

/*
 * What moves from one engine to another: the tables, as rows of texts. Tables that are `long` are
 * taken up where the last copy ended, by the id in their first column; the others are copied whole.
 */

enum copy_table {
    COPY_LEDGER,
    COPY_NAME,
    COPY_BUDGET,
    COPY_PERIOD,
    COPY_CAP,
    COPY_TOTAL,
    COPY_DAILY,
    COPY_ARCHIVE,
    COPY_SERIES,
    COPY_ALERT,
    COPY_TOKEN,
    COPY_STATE,
    COPY_VOIDED, /* long, and so is what follows */
    COPY_USAGE,
    COPY_TABLES
};

#define COPY_COLUMNS 40

struct copy_shape {
    const char *name, *columns;
    const char *types; /* i int64_t, t text, b bytes as hex digits */
};

extern const struct copy_shape copy_shapes[COPY_TABLES];

/* Sums by which two ledgers are compared. */
struct copy_sums {
    int64_t usage, voided, cost, total_cost, spent, last_event;
};

/* Where rows come from, with nobody else writing to it until it is closed. */
struct copy_source {
    /* Each row after that id (long tables), at most `limit`; all rows of the others. */
    int (*rows)(struct copy_source *s, enum copy_table t, int64_t after, int limit,
                void (*f)(void *ctx, const char *const *values), void *ctx, struct err *e);
    int (*sums)(struct copy_source *s, struct copy_sums *out, struct err *e);
    void (*close)(struct copy_source *s);
};

#endif
