/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ledger/sqlite/db.h"
#include "ledger/sqlite/engine.h"
#include "ledger/sqlite/schema.h"
#include "ledger/sqlite/watched.h"

#define BUSY_MS 5000
#define STEP    256 /* pages between two looks of the onlooker */

static int copy_pages(struct db *from, struct db *to, struct watched *w, struct err *e)
{
    sqlite3_backup *b = sqlite3_backup_init(to->conn, "main", from->conn, "main");
    int rc = SQLITE_OK;

    if (!b)
        return err_set(e, ERR_IO, "%s", sqlite3_errmsg(to->conn));
    while (rc == SQLITE_OK &&
           watched_see(w, sqlite3_backup_pagecount(b) - sqlite3_backup_remaining(b),
                       sqlite3_backup_pagecount(b)))
        rc = sqlite3_backup_step(b, STEP);
    sqlite3_backup_finish(b);
    return rc == SQLITE_DONE ? 0 : err_set(e, ERR_IO, "%s", sqlite3_errstr(rc));
}

/* The transaction that reads keeps one state in sight, however much is written between the steps. */
static int copy(struct db *from, struct db *to, struct watched *w, struct err *e)
{
    int64_t one;
    bool found;

    if (db_exec(from, "BEGIN") != 0 || db_int(from, &one, &found, "SELECT one FROM ledger", "") != 0)
        return db_error(from, e);
    if (copy_pages(from, to, w, e) != 0)
        return -1;
    /* A copy of a WAL database says it is one; as a single file it is easier to keep. */
    return db_exec(to, "PRAGMA journal_mode = DELETE") != 0 ? db_error(to, e) : 0;
}

static int copy_to(struct db *from, const char *path, struct watched *w, struct err *e)
{
    struct db to;
    int rc;

    rc = db_open(&to, path, DB_WRITE, BUSY_MS, e);
    if (rc == 0)
        rc = copy(from, &to, w, e);
    db_close(&to);
    return rc;
}

static int sync_folder(const char *file)
{
    char dir[4096];
    int fd, rc;

    snprintf(dir, sizeof dir, "%s", file);
    fd = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    rc = fsync(fd);
    close(fd);
    return rc;
}

/* Whole or not at all: it gets its name when it is complete and on the disk. */
static int publish(const char *part, const char *to, struct err *e)
{
    int fd = open(part, O_RDONLY | O_CLOEXEC), rc = -1;

    if (fd >= 0) {
        rc = fsync(fd);
        close(fd);
    }
    if (rc != 0 || link(part, to) != 0 || sync_folder(to) != 0)
        return err_set(e, errno == EEXIST ? ERR_EXISTS : ERR_IO, "%s: %s", to, strerror(errno));
    return 0;
}

int sqlite_backup(const char *path, const char *to, const struct onlooker *o, struct err *e)
{
    struct watched watched;
    struct db from;
    char part[4096];
    int fd, rc;

    if (snprintf(part, sizeof part, "%s.part", to) >= (int)sizeof part)
        return err_set(e, ERR_INVALID, "the name of the copy is too long");
    if (access(to, F_OK) == 0)
        return err_set(e, ERR_EXISTS, "%s exists already", to);
    rc = db_open(&from, path, DB_READ, BUSY_MS, e);
    if (rc == 0)
        rc = schema_expect(&from, e);
    if (rc != 0)
        goto close;
    unlink(part);
    fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        rc = err_set(e, ERR_IO, "%s: %s", part, strerror(errno));
        goto close;
    }
    close(fd);
    watched_begin(&watched, o, &from);
    rc = watched_end(&watched, copy_to(&from, part, &watched, e), e);
    if (rc == 0)
        rc = publish(part, to, e);
    unlink(part);
close:
    db_close(&from);
    return rc;
}
