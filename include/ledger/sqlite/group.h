/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_SQLITE_GROUP_H
#define LEDGER_SQLITE_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/writer.h"

/* One group of operations: run, commit, tell; then move the write-ahead log into the database when
 * it is time. By who writes. */

struct sqlite_ledger;

/* What who writes knows of its disk. */
struct disk {
    bool full;
    int64_t probe_ns;  /* when to look again whether it still is */
    int wal_pages;     /* in the write-ahead log */
    int checkpoint_at; /* … from which on it is worth moving them */
    bool wal_warned;
};

extern const struct writer_work group_work;

/* Hooks the write-ahead log's size. */
void group_init(struct sqlite_ledger *l);

#endif
