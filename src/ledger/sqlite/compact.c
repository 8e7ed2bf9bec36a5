/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ledger/sqlite/inner.h"
#include "ledger/sqlite/watched.h"

/*
 * Old usage rows give way to the totals that were kept all along. What goes is a prefix of the
 * events: every row that was admitted and had ended before the first event of the date. The few
 * that were still open then stay, so that the rest can be replayed exactly as it happened, from
 * that event on. Each step is one transaction after which the proof holds: it may be interrupted at
 * any moment, and run again.
 */

#define STEP    20000 /* events a transaction */
#define DAY_MS  INT64_C(86400000)
#define BUSY_MS 5000

static const char first_kept[] =
    "SELECT min(x) FROM (SELECT min(first) AS x FROM daily WHERE day >= ?1 UNION ALL"
    " SELECT seq + 1 FROM ledger)";
static const char first_event[] =
    "SELECT min(x) FROM (SELECT min(id) AS x FROM usage UNION ALL SELECT min(id) FROM voided)";
static const char set_provable[] = "UPDATE ledger SET provable_from = max(provable_from, ?1)";

/* ?1 <= id < ?2, ended before ?3 */
#define OVER " WHERE id >= ?1 AND id < ?2 AND id + lag < ?3"

static const char count_rows[] = "SELECT count(*) FROM usage" OVER;
static const char archive_rows[] =
    "INSERT INTO archive SELECT project, created / 86400000, model, count(*),"
    " sum(t0 + t1 + t2 + t3 + t4 + t5 + t6), sum(t7 + t8), sum(cost) FROM usage" OVER
    " GROUP BY 1, 2, 3 ON CONFLICT DO UPDATE SET requests = requests + excluded.requests,"
    " input = input + excluded.input, output = output + excluded.output,"
    " cost = cost + excluded.cost";
static const char archive_overrun[] =
    "UPDATE ledger SET archived_overrun = archived_overrun +"
    " (SELECT ifnull(sum(max(cost - amount, 0)), 0) FROM usage" OVER " AND strict)";
static const char *const archive_periods[] = {
    "UPDATE period SET archived = archived + x.c FROM"
    " (SELECT at1 AS p, sum(cost) AS c FROM usage" OVER " AND at1 GROUP BY 1) x WHERE id = x.p",
    "UPDATE period SET archived = archived + x.c FROM"
    " (SELECT at2 AS p, sum(cost) AS c FROM usage" OVER " AND at2 GROUP BY 1) x WHERE id = x.p",
    "UPDATE period SET archived = archived + x.c FROM"
    " (SELECT at3 AS p, sum(cost) AS c FROM usage" OVER " AND at3 GROUP BY 1) x WHERE id = x.p",
    "UPDATE period SET archived = archived + x.c FROM"
    " (SELECT at4 AS p, sum(cost) AS c FROM usage" OVER " AND at4 GROUP BY 1) x WHERE id = x.p",
};
static const char delete_rows[] = "DELETE FROM usage" OVER;
static const char delete_voided[] = "DELETE FROM voided" OVER;

/* The hours of a day that is over for long become its first hour. ?1: hours before this one. */
static const char fold_hours[] =
    "INSERT INTO series SELECT hour / 24 * 24, view, key, sum(requests), sum(estimated), "
    "sum(input),"
    " sum(output), sum(cached), sum(written), sum(reasoning), sum(duration), sum(streams),"
    " sum(ttft), sum(cost), sum(predicted), sum(saved), min(first), max(last) FROM series"
    " WHERE hour < ?1 AND hour % 24 <> 0 GROUP BY 1, 2, 3 ON CONFLICT DO UPDATE SET"
    " requests = requests + excluded.requests, estimated = estimated + excluded.estimated,"
    " input = input + excluded.input, output = output + excluded.output,"
    " cached = cached + excluded.cached, written = written + excluded.written,"
    " reasoning = reasoning + excluded.reasoning, duration = duration + excluded.duration,"
    " streams = streams + excluded.streams, ttft = ttft + excluded.ttft,"
    " cost = cost + excluded.cost, predicted = predicted + excluded.predicted,"
    " saved = saved + excluded.saved, first = min(first, excluded.first),"
    " last = max(last, excluded.last)";
static const char delete_hours[] = "DELETE FROM series WHERE hour < ?1 AND hour % 24 <> 0";

/* Periods that no row refers to: of runs that are over and of deleted budgets, and what they
 * replaced. */
static const char find_used[] =
    "CREATE TEMP TABLE used AS SELECT at1 AS id FROM usage UNION SELECT at2 FROM usage UNION"
    " SELECT at3 FROM usage UNION SELECT at4 FROM usage UNION SELECT at1 FROM voided UNION"
    " SELECT at2 FROM voided UNION SELECT at3 FROM voided UNION SELECT at4 FROM voided";
static const char delete_budgets[] =
    "DELETE FROM budget WHERE (scope = ?2 OR deleted <> 0) AND NOT EXISTS (SELECT 1 FROM period p"
    " WHERE p.budget = budget.id AND (p.id IN (SELECT id FROM used) OR p.start >= ?1))";
static const char delete_periods[] =
    "DELETE FROM period WHERE id NOT IN (SELECT id FROM used) AND start < ?1 AND"
    " id NOT IN (SELECT period FROM budget)";
static const char delete_caps[] =
    "DELETE FROM period_cap WHERE period NOT IN (SELECT id FROM period)";

static const char pages_free[] = "PRAGMA freelist_count";
static const char pages_all[] = "PRAGMA page_count";

struct compaction {
    struct db *db;
    int64_t before_ms, kept_from, rows;
    struct watched watched;
};

static int begin(struct db *db)
{
    return db_exec(db, "BEGIN IMMEDIATE");
}

/* Commits, or takes back what a failure left. */
static int end(struct db *db, int rc)
{
    if (rc == 0 && db_exec(db, "COMMIT") == 0)
        return 0;
    db_rollback(db);
    return -1;
}

static int step(struct compaction *c, int64_t from, int64_t to)
{
    struct db *db = c->db;
    int64_t kept = c->kept_from, n = 0;
    bool found;

    if (db_int(db, &n, &found, count_rows, "iii", from, to, kept) != 0 ||
        db_run(db, archive_rows, "iii", from, to, kept) != 0 ||
        db_run(db, archive_overrun, "iii", from, to, kept) != 0)
        return -1;
    for (int i = 0; i < ATS; i++)
        if (db_run(db, archive_periods[i], "iii", from, to, kept) != 0)
            return -1;
    if (db_run(db, delete_rows, "iii", from, to, kept) != 0 ||
        db_run(db, delete_voided, "iii", from, to, kept) != 0 ||
        db_run(db, set_provable, "i", kept) != 0)
        return -1;
    c->rows += n;
    return 0;
}

static int move_log(struct db *db)
{
    int rc = sqlite3_wal_checkpoint_v2(db->conn, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

    return (rc & 0xff) == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY ? 0 : -1;
}

static int remove_rows(struct compaction *c)
{
    struct db *db = c->db;
    int64_t from = 0, start;
    bool found;

    if (db_int(db, &c->kept_from, &found, first_kept, "i", c->before_ms / DAY_MS) != 0 ||
        db_int(db, &from, &found, first_event, "") != 0)
        return -1;
    start = from;
    for (int steps = 0; from < c->kept_from; from += STEP, steps++) {
        int64_t to = from + STEP < c->kept_from ? from + STEP : c->kept_from;

        if (!watched_see(&c->watched, from - start, c->kept_from - start) || begin(db) != 0 ||
            end(db, step(c, from, to)) != 0)
            return -1;
        if (steps % 8 == 7 && move_log(db) != 0)
            return -1;
    }
    return 0;
}

static int fold(struct compaction *c)
{
    /* Not the last day, in which a row that stays may lie. */
    int64_t before = (c->before_ms / DAY_MS - 1) * 24;

    return db_run(c->db, fold_hours, "i", before) != 0 ||
                   db_run(c->db, delete_hours, "i", before) != 0
               ? -1
               : 0;
}

static int remove_periods(struct compaction *c)
{
    struct db *db = c->db;

    if (db_exec(db, find_used) != 0 ||
        db_run(db, delete_budgets, "ii", c->before_ms, (int64_t)SCOPE_RUN) != 0 ||
        db_run(db, delete_periods, "i", c->before_ms) != 0 || db_run(db, delete_caps, "") != 0)
        return -1;
    return db_exec(db, "DROP TABLE used");
}

/* Gives the room back to the file system where that is worth writing the file anew. */
static int shrink(struct compaction *c, struct buf *summary)
{
    struct db *db = c->db;
    int64_t unused = 0, all = 0;
    bool found;

    if (db_int(db, &unused, &found, pages_free, "") != 0 ||
        db_int(db, &all, &found, pages_all, "") != 0)
        return -1;
    if (unused * 4 < all)
        return 0;
    if (db_exec(db, "VACUUM") == 0)
        return 0;
    if (!db_full(db))
        return -1;
    db_forget(db);
    buf_str(summary, "the disk has no room to write the file anew: it stays large, and will be "
                     "filled again\n");
    return 0;
}

static int compact(struct compaction *c, struct buf *summary)
{
    struct db *db = c->db;

    if (remove_rows(c) != 0 || begin(db) != 0 || end(db, fold(c)) != 0 || begin(db) != 0 ||
        end(db, remove_periods(c)) != 0 || move_log(db) != 0 || shrink(c, summary) != 0 ||
        move_log(db) != 0)
        return -1;
    return 0;
}

int sqlite_compact(const char *path, int64_t before_ms, const struct onlooker *onlooker,
                   struct buf *summary, struct err *e)
{
    struct ledger_options o = {.durable = true, .busy_timeout_ms = BUSY_MS, .ballast = -1};
    struct compaction c = {.before_ms = before_ms};
    struct sqlite_ledger *l;
    int rc;

    if (access(path, F_OK) != 0) /* what is not there must not be created */
        return err_set(e, ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
    if (sqlite_prepare(path, &o, NULL, &l, e) != 0)
        return -1;
    c.db = &l->db;
    db_forget(c.db);
    watched_begin(&c.watched, onlooker, c.db);
    rc = watched_end(&c.watched, compact(&c, summary) != 0 ? db_error(c.db, e) : 0, e);
    if (rc == 0)
        buf_printf(summary, "%lld rows rolled up\n", (long long)c.rows);
    sqlite_destroy(l);
    return rc;
}
