/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ledger/sqlite/inner.h"
#include "ledger/sqlite/lock.h"
#include "ledger/sqlite/schema.h"

#define PAGE_CACHE_KIB 32768
#define CHECK_NS       200000000

/* The tables that decide about money now; the rest is history, which `tokencap verify` checks. */
static const char *const checked_tables[] = {"ledger", "hold",  "period",
                                             "budget", "total", "token"};

static int set_up(struct sqlite_ledger *l, struct err *e)
{
    char sql[512];

    /* cache_spill off: nothing of a group reaches the log before its COMMIT. mmap_size 0: an I/O
     * error is an error code then, not a signal. */
    snprintf(sql, sizeof sql,
             "PRAGMA synchronous = %s; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_spill = 0;"
             "PRAGMA cache_size = -%d; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;"
             "PRAGMA journal_size_limit = 67108864; PRAGMA trusted_schema = 0",
             l->durable ? "FULL" : "NORMAL", PAGE_CACHE_KIB);
    if (schema_prepare(&l->db, e) != 0)
        return -1;
    return db_exec(&l->db, sql) != 0 || db_prepare_rollback(&l->db) != 0 ? db_error(&l->db, e) : 0;
}

static int check_table(struct sqlite_ledger *l, const char *table, struct err *e)
{
    char sql[64], said[256] = "";
    sqlite3_stmt *st;
    int rc;

    snprintf(sql, sizeof sql, "PRAGMA quick_check('%s')", table);
    rc = sqlite3_prepare_v2(l->db.conn, sql, -1, &st, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(st);
        if (rc == SQLITE_ROW)
            snprintf(said, sizeof said, "%s", (const char *)sqlite3_column_text(st, 0));
        sqlite3_finalize(st);
    }
    if ((rc & 0xff) == SQLITE_INTERRUPT)
        return 0; /* as far as the time went */
    if (rc != SQLITE_ROW)
        return err_set(e, ERR_CORRUPT, "%s", sqlite3_errmsg(l->db.conn));
    return strcmp(said, "ok") == 0 ? 0 : err_set(e, ERR_CORRUPT, "table %s: %s", table, said);
}

static int time_is_up(void *until)
{
    return clock_mono_ns() > *(const int64_t *)until;
}

/* They are small but where there are very many budgets or runs; a start does not wait for those. */
static int check_tables(struct sqlite_ledger *l, struct err *e)
{
    int64_t until = clock_mono_ns() + CHECK_NS;
    int rc = 0;

    sqlite3_progress_handler(l->db.conn, 1000, time_is_up, &until);
    for (size_t i = 0; rc == 0 && i < sizeof checked_tables / sizeof checked_tables[0]; i++)
        rc = check_table(l, checked_tables[i], e);
    sqlite3_progress_handler(l->db.conn, 0, NULL, NULL);
    return rc;
}

/* Says which file, and for a damaged one what to do. */
static int explain(const struct sqlite_ledger *l, struct err *e)
{
    if (e->code == ERR_CORRUPT) {
        struct err why = *e;

        return err_set(e, ERR_CORRUPT,
                       "the database %s is damaged or not tokencap's (%.200s); it was not touched: "
                       "put a backup in its place, or move it and its -wal file away to start anew",
                       l->path, why.msg);
    }
    return err_prefix(e, "the database %s", l->path);
}

static int open_database(struct sqlite_ledger *l, int busy_timeout_ms, struct err *e)
{
    if (db_open(&l->db, l->path, DB_WRITE, busy_timeout_ms, e) != 0 || set_up(l, e) != 0 ||
        check_tables(l, e) != 0 || book_init(&l->book, &l->db, e) != 0 || tokens_load(l, e) != 0)
        return explain(l, e);
    return 0;
}

static struct sqlite_ledger *allocate(const char *path, const struct ledger_options *o,
                                      struct err *e)
{
    struct sqlite_ledger *l = calloc(1, sizeof *l);

    if (!l || ledger_init(&l->base, &ledger_sqlite, o, e) != 0) {
        free(l);
        return NULL;
    }
    l->lock_fd = -1;
    l->durable = o->durable;
    l->path = strdup(path);
    if (asprintf(&l->ballast_path, "%s-ballast", path) < 0)
        l->ballast_path = NULL;
    l->ballast.path = l->ballast_path;
    l->ballast.size = o->ballast ? (o->ballast < 0 ? 0 : o->ballast) : BALLAST_DEFAULT;
    readers_init(&l->readers);
    return l;
}

/* In any state from allocate() on; the writer has ended. */
void sqlite_destroy(struct sqlite_ledger *l)
{
    readers_finish(&l->readers);
    book_finish(&l->book);
    if (l->db.conn &&
        atomic_load(&l->base.failed)) /* the next start recovers from the log as it is */
        sqlite3_db_config(l->db.conn, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    db_close(&l->db);
    if (l->lock_fd >= 0)
        close(l->lock_fd);
    ledger_finish(&l->base);
    free(l->ballast_path);
    free(l->path);
    free(l);
}

int sqlite_prepare(const char *path, const struct ledger_options *o, struct ledger_recovery *found,
                   struct sqlite_ledger **out, struct err *e)
{
    struct sqlite_ledger *l = allocate(path, o, e);
    struct ledger_recovery r = {0};

    if (!l || !l->path || !l->ballast_path) {
        err_set(e, ERR_MEMORY, "no memory for the ledger");
        goto destroy;
    }
    if (lock_take(l->path, &l->lock_fd, e) != 0 || open_database(l, o->busy_timeout_ms, e) != 0 ||
        recover(l, clock_wall_ms(), &r, e) != 0)
        goto destroy;
    if (found)
        *found = r;
    *out = l;
    return 0;
destroy:
    if (l)
        sqlite_destroy(l);
    return -1;
}

int sqlite_open(const char *path, const struct ledger_options *o, struct ledger_recovery *found,
                struct ledger **out, struct err *e)
{
    struct sqlite_ledger *l;

    if (sqlite_prepare(path, o, found, &l, e) != 0)
        return -1;
    ballast_make(&l->ballast);
    l->base.stats.overrun = l->book.now.overrun;
    group_init(l);
    if (writer_start(&l->base, &group_work, e) != 0) {
        sqlite_destroy(l);
        return -1;
    }
    *out = &l->base;
    return 0;
}

void sqlite_close(struct ledger *l)
{
    writer_stop(l);
    sqlite_destroy(sqlite_of(l));
}
