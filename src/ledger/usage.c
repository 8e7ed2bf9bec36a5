/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <time.h>

#include "ledger/inner.h"
#include "ledger/request_id.h"
#include "ledger/schema.h"

#define DAY_MS  INT64_C(86400000)
#define DAY_MAX (INT64_MAX / DAY_MS)

#define FILE_WAIT_MS 5000 /* for a lock on a database that is read without a daemon */

static const char name_id[] = "SELECT id FROM name WHERE text = ?1";
static const char total_one[] =
    "SELECT requests, input, output, cost FROM total WHERE project = ?1";

int ledger_usage(struct ledger *l, const char *project, struct usage_total *out, struct err *e)
{
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

/* ---- what a query asks for, in numbers ---- */

struct filter {
    int64_t project, model;   /* names; 0: all */
    int64_t from_day, to_day; /* inclusive */
    bool nothing;             /* a name that was never used */
};

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

static int filter_make(struct db *db, const struct usage_query *q, struct filter *f)
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

/* ---- history ---- */

/* The roll-up knows between which ids the rows of its days lie. */
static const char id_range_all[] =
    "SELECT min(first), max(last) FROM daily WHERE day BETWEEN ?1 AND ?2"
    " AND (?3 = 0 OR model = ?3)";
static const char id_range_project[] =
    "SELECT min(first), max(last) FROM daily WHERE day BETWEEN ?1 AND ?2"
    " AND (?3 = 0 OR model = ?3) AND project = ?4";

#define ROWS                                                                                       \
    "SELECT u.id, u.request, pr.text, pv.text, ep.text, mo.text, ve.text, u.state, u.created,"     \
    " u.duration, u.ttft, u.input, u.output, u.t0, u.t1, u.t2, u.t3, u.t4, u.t5, u.t6, u.t7,"      \
    " u.t8, u.reasoning, u.cost, u.estimate, u.amount, u.status, u.streamed"                       \
    " FROM usage u CROSS JOIN name pr ON pr.id = u.project CROSS JOIN name pv ON pv.id = "         \
    "u.provider"                                                                                   \
    " CROSS JOIN name ep ON ep.id = u.endpoint CROSS JOIN name mo ON mo.id = u.model"              \
    " CROSS JOIN name ve ON ve.id = u.version"                                                     \
    " WHERE u.id BETWEEN ?1 AND ?2 AND u.created >= ?3 AND u.created < ?4"                         \
    " AND (?5 = 0 OR u.model = ?5)"
#define NEWEST " ORDER BY u.id DESC LIMIT ?6"

static const char rows_all[] = ROWS NEWEST;
static const char rows_project[] = ROWS " AND u.project = ?7" NEWEST;

static void read_row(struct db *db, sqlite3_stmt *st, struct usage_row *r)
{
    *r = (struct usage_row){.id = sqlite3_column_int64(st, 0)};
    request_id_read(db, r->request_id, st, 1);
    db_copy(db, r->project, sizeof r->project, st, 2);
    db_copy(db, r->provider, sizeof r->provider, st, 3);
    db_copy(db, r->endpoint, sizeof r->endpoint, st, 4);
    db_copy(db, r->model, sizeof r->model, st, 5);
    db_copy(db, r->price_version, sizeof r->price_version, st, 6);
    r->state = (enum hold_state)sqlite3_column_int(st, 7);
    r->created_ms = sqlite3_column_int64(st, 8);
    r->duration_ms = sqlite3_column_int64(st, 9);
    r->ttft_ms = sqlite3_column_int64(st, 10);
    r->estimated_input = sqlite3_column_int64(st, 11);
    r->estimated_output = sqlite3_column_int64(st, 12);
    for (int k = 0; k < TOK_KINDS; k++) {
        r->kinds[k] = sqlite3_column_int64(st, 13 + k);
        *(k < TOK_OUTPUT ? &r->input_tokens : &r->output_tokens) += r->kinds[k];
    }
    r->reasoning = sqlite3_column_int64(st, 22);
    r->cost = sqlite3_column_int64(st, 23);
    r->estimate = sqlite3_column_int64(st, 24);
    r->hold = sqlite3_column_int64(st, 25);
    r->status = sqlite3_column_int(st, 26);
    r->streamed = sqlite3_column_int(st, 27);
}

static int id_range(struct db *db, const struct usage_query *q, const struct filter *f,
                    int64_t *low, int64_t *high)
{
    sqlite3_stmt *st =
        f->project
            ? db_bind(db, id_range_project, "iiii", f->from_day, f->to_day, f->model, f->project)
            : db_bind(db, id_range_all, "iii", f->from_day, f->to_day, f->model);

    *low = 0;
    *high = -1;
    if (db_step(db, st) < 0)
        return -1;
    if (sqlite3_column_type(st, 0) != SQLITE_NULL) {
        *low = sqlite3_column_int64(st, 0);
        *high = sqlite3_column_int64(st, 1);
    }
    db_done(st);
    if (q->before_id > 0 && *high > q->before_id - 1)
        *high = q->before_id - 1;
    return 0;
}

static int send_rows(struct db *db, const struct usage_query *q, const struct filter *f,
                     void (*each)(void *ctx, const struct usage_row *row), void *ctx)
{
    int64_t low = 0, high = q->before_id > 0 ? q->before_id - 1 : INT64_MAX;
    int64_t to = q->to_ms > 0 ? q->to_ms : INT64_MAX;
    struct usage_row row;
    sqlite3_stmt *st;
    int n = 0;

    if ((q->from_ms > 0 || q->to_ms > 0 || f->model) && id_range(db, q, f, &low, &high) != 0)
        return 0;
    st = f->project ? db_bind(db, rows_project, "iiiiiii", low, high, q->from_ms, to, f->model,
                              (int64_t)q->limit, f->project)
                    : db_bind(db, rows_all, "iiiiii", low, high, q->from_ms, to, f->model,
                              (int64_t)q->limit);
    for (; db_step(db, st) > 0; n++) {
        read_row(db, st, &row);
        each(ctx, &row);
    }
    return n;
}

int ledger_history(struct ledger *l, const struct usage_query *q,
                   void (*f)(void *ctx, const struct usage_row *row), void *ctx, struct err *e)
{
    struct db *db = reader_begin(l, e);
    struct filter filter;
    int n = 0;

    if (!db)
        return -1;
    if (filter_make(db, q, &filter) == 0 && !filter.nothing)
        n = send_rows(db, q, &filter, f, ctx);
    return reader_end(l, db, e) != 0 ? -1 : n;
}

/* ---- groups ---- */

#define SUMS ", sum(d.requests), sum(d.input), sum(d.output), sum(d.cost) FROM daily d"
#define WITHIN                                                                                     \
    " WHERE d.day BETWEEN ?1 AND ?2 AND (?3 = 0 OR d.model = ?3)"                                  \
    " AND (?4 = 0 OR d.project = ?4)"

static const char *const grouped[] = {
    [GROUP_MODEL] = "SELECT n.text" SUMS " JOIN name n ON n.id = d.model" WITHIN
                    " GROUP BY d.model ORDER BY sum(d.cost) DESC, n.text",
    [GROUP_DAY] = "SELECT d.day" SUMS WITHIN " GROUP BY d.day ORDER BY d.day",
    [GROUP_PROJECT] = "SELECT n.text" SUMS " JOIN name n ON n.id = d.project" WITHIN
                      " GROUP BY d.project ORDER BY sum(d.cost) DESC, n.text",
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
    st = db_bind(db, grouped[group], "iiii", filter.from_day, filter.to_day, filter.model,
                 filter.project);
    while (db_step(db, st) > 0) {
        t.requests = sqlite3_column_int64(st, 1);
        t.input_tokens = sqlite3_column_int64(st, 2);
        t.output_tokens = sqlite3_column_int64(st, 3);
        t.cost = sqlite3_column_int64(st, 4);
        f(ctx, group_key(db, st, group, day), &t);
    }
}

int ledger_usage_by(struct ledger *l, const struct usage_query *q, enum usage_group group,
                    void (*f)(void *ctx, const char *key, const struct usage_total *t), void *ctx,
                    struct err *e)
{
    struct db *db = reader_begin(l, e);

    if (!db)
        return -1;
    send_groups(db, q, group, f, ctx);
    return reader_end(l, db, e);
}

int ledger_file_usage_by(const char *path, const struct usage_query *q, enum usage_group group,
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
