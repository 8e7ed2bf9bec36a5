/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_SQLITE_BALLAST_H
#define LEDGER_SQLITE_BALLAST_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A file of real blocks beside the database ("PATH-ballast"), given up when the disk is full so
 * that what is in flight can still be settled, and made again when there is room: that it could be
 * made is the sign that new work may come in again. Of who writes.
 */

#define BALLAST_DEFAULT (8 << 20)

struct ballast {
    char *path;   /* borrowed */
    int64_t size; /* 0: none is kept */
    bool there;
};

/* True when it is there. */
bool ballast_make(struct ballast *b);
void ballast_drop(struct ballast *b);

#endif
