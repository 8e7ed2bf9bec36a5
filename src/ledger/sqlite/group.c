/* SPDX-License-Identifier: MIT */
#include "ledger/sqlite/group.h"

#include "base/clock.h"
#include "base/log.h"
#include "ledger/sqlite/inner.h"
#include "ledger/sqlite/settle.h"

#define PROBE_NS       250000000 /* between two looks whether a full disk has room again */
#define WAL_IDLE       1000      /* pages: checkpoint when nothing else waits … */
#define WAL_BUSY       4000      /* … and even when something does */
#define WAL_WARN_BYTES (64 << 20)

static const char begin[] = "BEGIN IMMEDIATE";
static const char commit[] = "COMMIT";

enum outcome { COMMITTED, NEEDS_BEHIND, ONE_AT_FAULT, LOCKED, FULL, FATAL };

/* Failures of one operation, after which the database is as it was. What is not here is fatal. */
static const int faults_of_one[] = {
    SQLITE_NOMEM, SQLITE_CONSTRAINT, SQLITE_ERROR,     SQLITE_MISUSE,
    SQLITE_RANGE, SQLITE_MISMATCH,   SQLITE_INTERRUPT, SQLITE_TOOBIG,
};

static enum outcome classify(const struct db *db)
{
    if (db_locked(db))
        return LOCKED;
    if (db_full(db))
        return FULL;
    if (db->failed == SQLITE_IOERR_NOMEM)
        return ONE_AT_FAULT;
    for (size_t i = 0; i < sizeof faults_of_one / sizeof faults_of_one[0]; i++)
        if ((db->failed & 0xff) == faults_of_one[i])
            return ONE_AT_FAULT;
    return FATAL;
}

static enum outcome take_back(struct sqlite_ledger *l)
{
    book_rollback(&l->book);
    if (!db_rollback(&l->db))
        return FATAL;
    return l->db.failed ? classify(&l->db) : NEEDS_BEHIND;
}

static void count(struct sqlite_ledger *l, int ops, int64_t took_ns)
{
    pthread_mutex_lock(&l->base.stats_lock);
    writer_count(&l->base, ops, took_ns, &l->book.holds);
    l->base.stats.overrun = l->book.now.overrun;
    l->base.stats.wal_bytes = (int64_t)l->disk.wal_pages * 4096;
    pthread_mutex_unlock(&l->base.stats_lock);
}

/* All of the list in one transaction. */
static enum outcome attempt(struct sqlite_ledger *l, struct op *ops)
{
    struct db *db = &l->db;
    int64_t from = clock_mono_ns();
    int n = 0;

    db_forget(db);
    l->needs_behind = false;
    if (db_run(db, begin, "") != 0)
        return take_back(l);
    for (struct op *op = ops; op; op = op->next, n++) {
        op->rc = op->run(&l->base, op, op->e);
        if (db->failed || l->needs_behind)
            return take_back(l);
    }
    if (book_flush(&l->book) != 0 || db_run(db, commit, "") != 0)
        return take_back(l);
    book_commit(&l->book);
    count(l, n, clock_mono_ns() - from);
    return COMMITTED;
}

/* ---- telling ---- */

/* Fails each with the connection's failure, but keeps settlements when that failure passes. */
static void fail_all(struct sqlite_ledger *l, struct op *ops, bool passes)
{
    struct err why;

    db_error(&l->db, &why);
    ops_fail(&l->base, ops, &why, passes);
}

static void die(struct sqlite_ledger *l, struct op *ops)
{
    struct err why;

    db_error(&l->db, &why);
    ops_fail_for_good(&l->base, ops, &why);
}

/* ---- a full disk ---- */

/* Takes the settlements out of the list; what stays in *ops is new work. */
static struct op *settlements(struct op **ops)
{
    struct op *taken = NULL, **end = &taken;

    while (*ops) {
        struct op *op = *ops;

        if (!op->settlement) {
            ops = &op->next;
            continue;
        }
        *ops = op->next;
        op->next = NULL;
        *end = op;
        end = &op->next;
    }
    return taken;
}

static void refuse_new(struct sqlite_ledger *l, struct op *ops)
{
    struct err why;

    err_set(&why, ERR_BUSY, "the disk of the ledger is full");
    ops_fail(&l->base, ops, &why, false);
}

static void tell_stats(struct sqlite_ledger *l, bool locked)
{
    pthread_mutex_lock(&l->base.stats_lock);
    l->base.stats.locked += locked;
    l->base.stats.disk_full = l->disk.full;
    pthread_mutex_unlock(&l->base.stats_lock);
}

static bool still_full(struct sqlite_ledger *l)
{
    struct disk *d = &l->disk;

    if (!d->full || clock_mono_ns() < d->probe_ns)
        return d->full;
    d->probe_ns = clock_mono_ns() + PROBE_NS;
    d->full = !ballast_make(&l->ballast);
    if (!d->full)
        log_info("the disk of the ledger has room again");
    tell_stats(l, false);
    return d->full;
}

static void now_full(struct sqlite_ledger *l)
{
    struct disk *d = &l->disk;

    if (!d->full)
        log_warn("the disk of the ledger is full: new requests are refused until there is room");
    d->full = true;
    d->checkpoint_at = 1;
    d->probe_ns = clock_mono_ns() + PROBE_NS;
    ballast_drop(&l->ballast);
    tell_stats(l, false);
}

/* ---- the group ---- */

static void run(struct sqlite_ledger *l, struct op *ops);
static void checkpoint(struct sqlite_ledger *l, bool idle);

static void run_each(struct sqlite_ledger *l, struct op *ops)
{
    for (struct op *next; ops; ops = next) {
        next = ops->next;
        ops->next = NULL;
        run(l, ops);
    }
}

/* With the ballast given up and the log moved, so that it starts anew in the room that it has, what
 * ends a hold may still fit. */
static void run_on_full_disk(struct sqlite_ledger *l, struct op *ops)
{
    struct op *ends;
    enum outcome o;

    now_full(l);
    checkpoint(l, true);
    ends = settlements(&ops);
    refuse_new(l, ops);
    if (!ends)
        return;
    o = atomic_load(&l->base.failed) ? FATAL : attempt(l, ends);
    if (o == COMMITTED)
        ops_finish(ends);
    else if (o == FATAL)
        die(l, ends);
    else
        fail_all(l, ends, true);
}

static void after(struct sqlite_ledger *l, struct op *ops, enum outcome o)
{
    switch (o) {
    case NEEDS_BEHIND:
        ops = writer_with_behind(&l->base, ops);
        after(l, ops, attempt(l, ops));
        break;
    case COMMITTED:
        ops_finish(ops);
        break;
    case LOCKED:
        tell_stats(l, true);
        fail_all(l, ops, true);
        break;
    case FULL:
        run_on_full_disk(l, ops);
        break;
    case FATAL:
        die(l, ops);
        break;
    case ONE_AT_FAULT:
        if (ops->next)
            run_each(l, ops);
        else
            fail_all(l, ops, (l->db.failed & 0xff) != SQLITE_CONSTRAINT);
    }
}

static void run(struct sqlite_ledger *l, struct op *ops)
{
    if (atomic_load(&l->base.failed))
        die(l, ops);
    else
        after(l, ops, attempt(l, ops));
}

static void run_group(struct ledger *base, struct op *ops)
{
    struct sqlite_ledger *l = sqlite_of(base);
    struct op *ends;

    if (!atomic_load(&l->base.failed) && still_full(l)) {
        ends = settlements(&ops);
        refuse_new(l, ops);
        ops = ends;
    }
    if (ops)
        run(l, ops);
}

/* ---- the write-ahead log ---- */

static int on_wal(void *ctx, sqlite3 *conn, const char *name, int pages)
{
    struct sqlite_ledger *l = ctx;

    (void)conn;
    (void)name;
    l->disk.wal_pages = pages;
    return SQLITE_OK;
}

void group_init(struct sqlite_ledger *l)
{
    l->disk.checkpoint_at = WAL_IDLE;
    sqlite3_wal_hook(l->db.conn, on_wal, l);
}

static void watch_wal(struct disk *d, bool complete)
{
    int64_t bytes = (int64_t)d->wal_pages * 4096;

    if (complete || bytes < WAL_WARN_BYTES) {
        d->wal_warned = false;
        return;
    }
    if (!d->wal_warned)
        log_warn("the write-ahead log has grown to %lld MiB because a reader keeps an old state of "
                 "the database open (see fuser)",
                 (long long)(bytes >> 20));
    d->wal_warned = true;
}

static void checkpoint(struct sqlite_ledger *l, bool idle)
{
    struct disk *d = &l->disk;
    int pages, moved, rc;

    if (atomic_load(&l->base.failed) || d->wal_pages < d->checkpoint_at ||
        (!idle && !d->full && d->wal_pages < d->checkpoint_at + WAL_BUSY - WAL_IDLE))
        return;
    rc = sqlite3_wal_checkpoint_v2(l->db.conn, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved);
    d->checkpoint_at = d->full ? 1 : WAL_IDLE;
    switch (rc & 0xff) {
    case SQLITE_OK:
        if (moved == pages)
            d->wal_pages = 0;
        else
            d->checkpoint_at = pages + WAL_IDLE;
        watch_wal(d, moved == pages);
        break;
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
        if (rc == SQLITE_IOERR_NOMEM)
            break;
        if (!atomic_exchange(&l->base.failed, true))
            log_error("the ledger cannot move its log into the database: %s",
                      sqlite3_errmsg(l->db.conn));
        break;
    default: /* locked, full, no memory: the log stays and grows */
        d->checkpoint_at = d->wal_pages + WAL_IDLE;
    }
}

static void after_group(struct ledger *base, bool idle)
{
    checkpoint(sqlite_of(base), idle);
}

const struct writer_work group_work = {
    .led = true, .group = run_group, .after = after_group, .note = settle_note};
