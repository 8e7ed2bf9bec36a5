/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_SQLITE_DB_H
#define LEDGER_SQLITE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "ledger/request_id.h"

/*
 * One SQLite connection with its prepared statements. One thread at a time. Statements are named by
 * the address of their text, which must be static: they are prepared once and kept.
 *
 * The first failure is remembered until db_forget(): a caller may run several statements and ask
 * once.
 */

#define DB_SLOTS 128

enum db_mode { DB_WRITE, DB_READ };

struct db {
    sqlite3 *conn;
    struct db_slot {
        const char *sql;
        sqlite3_stmt *st;
    } slots[DB_SLOTS];
    int failed; /* the first SQLite result code that was a failure; 0: none */
    char why[256];
};

/* DB_WRITE creates the file when there is none; DB_READ demands one. Neither touches the schema. */
int db_open(struct db *db, const char *path, enum db_mode mode, int busy_timeout_ms,
            struct err *e) MUST_CHECK;
void db_close(struct db *db); /* also after a failed db_open() */

/* The statement, reset and bound. types: i int64_t, t const char * (NULL is NULL), s struct span as
 * text, b struct span as blob, n NULL (takes no argument). NULL on failure. */
sqlite3_stmt *db_bind(struct db *db, const char *sql, const char *types, ...);

/* 1: a row; 0: no more, and the statement is reset; -1: failed, and it is reset. */
int db_step(struct db *db, sqlite3_stmt *st);

/* Ends a statement before its last row was read. */
void db_done(sqlite3_stmt *st);

/* Binds and runs one that gives no rows. */
int db_run(struct db *db, const char *sql, const char *types, ...) MUST_CHECK;

/* Runs statements without arguments, not kept. */
int db_exec(struct db *db, const char *sql) MUST_CHECK;

/* Takes back what the open transaction did, if there is one. False: it is still open. */
bool db_rollback(struct db *db);

/* So that db_rollback() needs no memory. Many a PRAGMA lets a prepared statement expire: after
 * those. */
int db_prepare_rollback(struct db *db) MUST_CHECK;

/* The first column of the first row; *found tells whether there was one. */
int db_int(struct db *db, int64_t *out, bool *found, const char *sql, const char *types,
           ...) MUST_CHECK;

/* Fills e from the remembered failure and returns -1. */
int db_error(const struct db *db, struct err *e);
void db_forget(struct db *db);

/* Remembers a failure that SQLite did not notice, and returns -1. */
int db_corrupt(struct db *db, const char *why);
int db_nomem(struct db *db);

/* Is the failure one that goes away (locked, disk full) and leaves the database sound? */
bool db_locked(const struct db *db);
bool db_full(const struct db *db);

/* Column i of the current row, never NULL; valid until the next step. No memory: "", and
 * remembered. */
const char *db_text(struct db *db, sqlite3_stmt *st, int i);
void db_copy(struct db *db, char *to, size_t size, sqlite3_stmt *st, int i);
/* A request's id as request_id_pack() had it stored. */
void db_request_id(struct db *db, char out[REQUEST_ID_LEN + 1], sqlite3_stmt *st, int i);

#endif
