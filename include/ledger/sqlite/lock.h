/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_SQLITE_LOCK_H
#define LEDGER_SQLITE_LOCK_H

#include "base/err.h"

/*
 * One writer a database: an flock(2) on the file "PATH.lock", held for the life of the process. Not
 * on the database itself, where closing any descriptor would drop SQLite's own fcntl locks; and
 * flock, not fcntl, because it belongs to the open file, is not lost when another part of the
 * process closes the file, and goes with the process however it dies. The file stays: removing it
 * would let two processes lock two different files. Symbolic links are resolved first.
 */

/* Creates the database file, empty and readable by its owner alone, when there is none.
 * ERR_EXISTS when another process has the lock. Close *fd to release it. */
int lock_take(const char *path, int *fd, struct err *e) MUST_CHECK;

#endif
