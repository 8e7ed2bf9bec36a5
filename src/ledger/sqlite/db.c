/* SPDX-License-Identifier: MIT */
#include "ledger/sqlite/db.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char rollback[] = "ROLLBACK";
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* SQLite's memory counters cost a lock a call. It refuses when someone has started it already. */
static void configure_sqlite(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_initialize();
}

static int fail(struct db *db, int rc)
{
    if (db->failed)
        return -1;
    db->failed = rc ? rc : SQLITE_ERROR;
    if (rc == SQLITE_IOERR_WRITE && db->conn && sqlite3_system_errno(db->conn) == EDQUOT)
        db->failed = SQLITE_FULL;
    snprintf(db->why, sizeof db->why, "%s",
             db->conn ? sqlite3_errmsg(db->conn) : sqlite3_errstr(rc));
    return -1;
}

int db_open(struct db *db, const char *path, enum db_mode mode, int busy_timeout_ms, struct err *e)
{
    int flags =
        SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
        (mode == DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    int rc;

    *db = (struct db){0};
    pthread_once(&once, configure_sqlite);
    rc = sqlite3_open_v2(path, &db->conn, flags, NULL);
    if (rc != SQLITE_OK) {
        fail(db, rc);
        return db_error(db, e);
    }
    sqlite3_busy_timeout(db->conn, busy_timeout_ms);
    if (mode == DB_READ)
        sqlite3_db_config(db->conn, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return 0;
}

void db_close(struct db *db)
{
    for (size_t i = 0; i < DB_SLOTS; i++)
        sqlite3_finalize(db->slots[i].st);
    sqlite3_close(db->conn);
    *db = (struct db){0};
}

static sqlite3_stmt *prepared(struct db *db, const char *sql)
{
    size_t i = ((uintptr_t)sql >> 3) * 0x9e3779b1u % DB_SLOTS;
    int rc;

    for (size_t tries = 0; tries < DB_SLOTS && db->slots[i].sql; tries++) {
        if (db->slots[i].sql == sql)
            return db->slots[i].st;
        i = (i + 1) % DB_SLOTS;
    }
    if (db->slots[i].sql) {
        fail(db, SQLITE_MISUSE);
        return NULL;
    }
    rc = sqlite3_prepare_v3(db->conn, sql, -1, SQLITE_PREPARE_PERSISTENT, &db->slots[i].st, NULL);
    if (rc != SQLITE_OK) {
        fail(db, rc);
        return NULL;
    }
    db->slots[i].sql = sql;
    return db->slots[i].st;
}

static int bind_span(sqlite3_stmt *st, int i, struct span s, bool text)
{
    const char *p = s.p ? s.p : "";

    return text ? sqlite3_bind_text(st, i, p, (int)s.n, SQLITE_STATIC)
                : sqlite3_bind_blob(st, i, p, (int)s.n, SQLITE_STATIC);
}

static sqlite3_stmt *bind(struct db *db, const char *sql, const char *types, va_list ap)
{
    sqlite3_stmt *st = prepared(db, sql);
    int rc = SQLITE_OK;

    if (st && strlen(types) != (size_t)sqlite3_bind_parameter_count(st))
        rc = SQLITE_MISUSE;
    for (int i = 1; st && rc == SQLITE_OK && types[i - 1]; i++) {
        switch (types[i - 1]) {
        case 'i':
            rc = sqlite3_bind_int64(st, i, va_arg(ap, int64_t));
            break;
        case 't':
            rc = sqlite3_bind_text(st, i, va_arg(ap, const char *), -1, SQLITE_STATIC);
            break;
        case 's':
        case 'b':
            rc = bind_span(st, i, va_arg(ap, struct span), types[i - 1] == 's');
            break;
        default:
            rc = sqlite3_bind_null(st, i);
        }
    }
    if (rc != SQLITE_OK) {
        fail(db, rc);
        return NULL;
    }
    return st;
}

sqlite3_stmt *db_bind(struct db *db, const char *sql, const char *types, ...)
{
    sqlite3_stmt *st;
    va_list ap;

    va_start(ap, types);
    st = bind(db, sql, types, ap);
    va_end(ap);
    return st;
}

int db_step(struct db *db, sqlite3_stmt *st)
{
    int rc;

    if (!st)
        return -1;
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc != SQLITE_DONE)
        fail(db, rc);
    sqlite3_reset(st);
    return rc == SQLITE_DONE ? 0 : -1;
}

void db_done(sqlite3_stmt *st)
{
    sqlite3_reset(st);
}

int db_run(struct db *db, const char *sql, const char *types, ...)
{
    sqlite3_stmt *st;
    va_list ap;
    int got;

    va_start(ap, types);
    st = bind(db, sql, types, ap);
    va_end(ap);
    while ((got = db_step(db, st)) > 0)
        ;
    return got;
}

int db_exec(struct db *db, const char *sql)
{
    int rc = sqlite3_exec(db->conn, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : fail(db, rc);
}

int db_prepare_rollback(struct db *db)
{
    return prepared(db, rollback) ? 0 : -1;
}

bool db_rollback(struct db *db)
{
    if (!sqlite3_get_autocommit(db->conn))
        db_step(db, prepared(db, rollback));
    return sqlite3_get_autocommit(db->conn);
}

int db_int(struct db *db, int64_t *out, bool *found, const char *sql, const char *types, ...)
{
    sqlite3_stmt *st;
    va_list ap;
    int got;

    va_start(ap, types);
    st = bind(db, sql, types, ap);
    va_end(ap);
    got = db_step(db, st);
    if (got < 0)
        return -1;
    *found = got > 0;
    if (got > 0) {
        *out = sqlite3_column_int64(st, 0);
        db_done(st);
    }
    return 0;
}

static const struct {
    int sqlite;
    enum err_code code;
} codes[] = {
    {SQLITE_BUSY, ERR_BUSY},       {SQLITE_LOCKED, ERR_BUSY},         {SQLITE_PROTOCOL, ERR_BUSY},
    {SQLITE_FULL, ERR_BUSY},       {SQLITE_NOMEM, ERR_MEMORY},        {SQLITE_CORRUPT, ERR_CORRUPT},
    {SQLITE_NOTADB, ERR_CORRUPT},  {SQLITE_CONSTRAINT, ERR_INTERNAL}, {SQLITE_ERROR, ERR_INTERNAL},
    {SQLITE_MISUSE, ERR_INTERNAL}, {SQLITE_RANGE, ERR_INTERNAL},      {SQLITE_INTERRUPT, ERR_BUSY},
};

int db_error(const struct db *db, struct err *e)
{
    enum err_code code = ERR_IO;

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].sqlite == (db->failed & 0xff))
            code = codes[i].code;
    return err_set(e, code, "%s (SQLite %d)", db->why, db->failed);
}

void db_forget(struct db *db)
{
    db->failed = 0;
}

static int remember(struct db *db, int rc, const char *why)
{
    if (!db->failed) {
        db->failed = rc;
        snprintf(db->why, sizeof db->why, "%s", why);
    }
    return -1;
}

int db_corrupt(struct db *db, const char *why)
{
    return remember(db, SQLITE_CORRUPT, why);
}

int db_nomem(struct db *db)
{
    return remember(db, SQLITE_NOMEM, "no memory");
}

bool db_locked(const struct db *db)
{
    int rc = db->failed & 0xff;

    return rc == SQLITE_BUSY || rc == SQLITE_LOCKED || rc == SQLITE_PROTOCOL;
}

bool db_full(const struct db *db)
{
    return (db->failed & 0xff) == SQLITE_FULL;
}

const char *db_text(struct db *db, sqlite3_stmt *st, int i)
{
    const char *s = (const char *)sqlite3_column_text(st, i);

    if (!s && sqlite3_errcode(db->conn) == SQLITE_NOMEM)
        fail(db, SQLITE_NOMEM);
    return s ? s : "";
}

void db_copy(struct db *db, char *to, size_t size, sqlite3_stmt *st, int i)
{
    snprintf(to, size, "%s", db_text(db, st, i));
}

void db_request_id(struct db *db, char out[REQUEST_ID_LEN + 1], sqlite3_stmt *st, int i)
{
    const void *raw = sqlite3_column_blob(st, i);

    if (sqlite3_column_type(st, i) == SQLITE_BLOB && sqlite3_column_bytes(st, i) == 16 && raw)
        request_id_unpack(raw, out);
    else
        db_copy(db, out, REQUEST_ID_LEN + 1, st, i);
}
