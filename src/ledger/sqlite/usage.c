/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <time.h>

#include "ledger/sqlite/filter.h"
#include "ledger/sqlite/inner.h"
#include "ledger/sqlite/schema.h"

#define DAY_MS  INT64_C(86400000)
#define DAY_MAX (INT64_MAX / DAY_MS)

#define FILE_WAIT_MS 5000 /* for a lock on a database that is read without a daemon */

static const char name_id[] = "SELECT id FROM name WHERE text = ?1";
static const char total_one[] =
    "SELECT requests, input, output, cost FROM total WHERE project = ?1";

int sqlite_usage(struct ledger *base, const char *project, struct usage_total *out, struct err *e)
{
    struct sqlite_ledger *l = sqlite_of(base);
    struct db *db = reader_begin(l, e);
    struct usage_total t = {0};
    sqlite3_stmt *st;
    int64_t id = 0;
    bool found;

    if (!db)
        return -1;
    if (db_int(db, &id, &found, name_id, "t", project) == 0 && found) {
        st = db_bind(db, total_one, "i", id);
        if (db_step(db, st) > 0) {
            t.requests = sqlite3_column_int64(st, 0);
            t.input_tokens = sqlite3_column_int64(st, 1);
            t.output_tokens = sqlite3_column_int64(st, 2);
            t.cost = sqlite3_column_int64(st, 3);
            db_done(st);
        }
    }
    if (reader_end(l, db, e) != 0)
        return -1;
    *out = t;
    return 0;
}

/* ---- what a query asks for ---- */

static int filter_name(struct db *db, const char *text, int64_t *id, struct filter *f)
{
    bool found;

    if (!text)
        return 0;
    if (db_int(db, id, &found, name_id, "t", text) != 0)
        return -1;
    f->nothing = f->nothing || !found;
    return 0;
}

int filter_make(struct db *db, const struct usage_query *q, struct filter *f)
{
    *f = (struct filter){.to_day = DAY_MAX};
    if (q->from_ms > 0)
        f->from_day = q->from_ms / DAY_MS;
    if (q->to_ms > 0)
        f->to_day = (q->to_ms - 1) / DAY_MS;
    return filter_name(db, q->project, &f->project, f) != 0 ||
                   filter_name(db, q->model, &f->model, f) != 0
               ? -1
               : 0;
}

/* ---- groups ---- */

/* Days ?1 to ?2 of projects ?4 to ?5, each by its own stretch of the roll-up; model ?3, or 0. */
#define GROUPED(key, name)                                                                         \
    "SELECT " key ", sum(d.requests), sum(d.input), sum(d.output), sum(d.cost) FROM total t"       \
    " CROSS JOIN daily d ON d.project = t.project AND d.day BETWEEN ?1 AND ?2 " name               \
    " WHERE t.project BETWEEN ?4 AND ?5 AND (?3 = 0 OR d.model = ?3)"

static const char *const grouped[] = {
    [GROUP_MODEL] =
        GROUPED("n.text", "CROSS JOIN name n ON n.id = d.model") " GROUP BY d.model ORDER BY "
                                                                 "sum(d.cost) DESC, n.text",
    [GROUP_DAY] = GROUPED("d.day", "") " GROUP BY d.day ORDER BY d.day",
    [GROUP_PROJECT] =
        GROUPED("n.text", "CROSS JOIN name n ON n.id = d.project") " GROUP BY d.project ORDER BY "
                                                                   "sum(d.cost) DESC, n.text",
};

static const char *group_key(struct db *db, sqlite3_stmt *st, enum usage_group g, char day[16])
{
    time_t t;
    struct tm tm;

    if (g != GROUP_DAY)
        return db_text(db, st, 0);
    t = (time_t)(sqlite3_column_int64(st, 0) * (DAY_MS / 1000));
    gmtime_r(&t, &tm);
    strftime(day, 16, "%Y-%m-%d", &tm);
    return day;
}

static void send_groups(struct db *db, const struct usage_query *q, enum usage_group group,
                        void (*f)(void *ctx, const char *key, const struct usage_total *t),
                        void *ctx)
{
    struct usage_total t;
    struct filter filter;
    sqlite3_stmt *st;
    char day[16];

    if (filter_make(db, q, &filter) != 0 || filter.nothing)
        return;
    st = db_bind(db, grouped[group], "iiiii", filter.from_day, filter.to_day, filter.model,
                 filter.project, filter.project ? filter.project : INT64_MAX);
    while (db_step(db, st) > 0) {
        t.requests = sqlite3_column_int64(st, 1);
        t.input_tokens = sqlite3_column_int64(st, 2);
        t.output_tokens = sqlite3_column_int64(st, 3);
        t.cost = sqlite3_column_int64(st, 4);
        f(ctx, group_key(db, st, group, day), &t);
    }
}

int sqlite_usage_by(struct ledger *base, const struct usage_query *q, enum usage_group group,
                    void (*f)(void *ctx, const char *key, const struct usage_total *t), void *ctx,
                    struct err *e)
{
    struct sqlite_ledger *l = sqlite_of(base);
    struct db *db = reader_begin(l, e);

    if (!db)
        return -1;
    send_groups(db, q, group, f, ctx);
    return reader_end(l, db, e);
}

int sqlite_file_usage_by(const char *path, const struct usage_query *q, enum usage_group group,
                         void (*f)(void *ctx, const char *key, const struct usage_total *t),
                         void *ctx, struct err *e)
{
    struct db db;
    int r = db_open(&db, path, DB_READ, FILE_WAIT_MS, e);

    if (r == 0)
        r = schema_expect(&db, e);
    if (r == 0) {
        send_groups(&db, q, group, f, ctx);
        if (db.failed)
            r = db_error(&db, e);
    }
    db_close(&db);
    return r;
}
