/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_SQLITE_SERIES_H
#define LEDGER_SQLITE_SERIES_H

#include "ledger/sqlite/db.h"
#include "ledger/ledger.h"
#include "ledger/map.h"

/*
 * The sums by hour from which spending over time is drawn, in three views: by model, by project,
 * and by model within a project. Each is a few rows an hour, whatever the number of requests.
 * Gathered over a group of writes, then added to the database in one statement a key. Only who
 * writes may touch it.
 */

/* The view that a row belongs to; a positive one is a project's, by model. */
enum { SERIES_MODELS = 0, SERIES_PROJECTS = -1 };

#define SERIES_MAX 1024
#define HOUR_MS    INT64_C(3600000)

struct series_row {
    struct map_node node;    /* by hour, view and key */
    int64_t hour, view, key; /* hours since 1970 */
    struct usage_sums sums;
    int64_t first, last; /* ids of the usage rows */
};

struct series {
    struct map by_key;
    struct series_row rows[SERIES_MAX];
    size_t n;
};

int series_init(struct series *s, struct err *e) MUST_CHECK;
void series_finish(struct series *s);

/* Adds usage row `id` to all views. Writes early when it is full, so it may fail. */
int series_add(struct series *s, struct db *db, int64_t id, int64_t created_ms, int64_t project,
               int64_t model, const struct usage_sums *sums) MUST_CHECK;
int series_flush(struct series *s, struct db *db) MUST_CHECK;
void series_forget(struct series *s); /* the group has failed */

#endif
