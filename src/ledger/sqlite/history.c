/* SPDX-License-Identifier: MIT */
#include "ledger/sqlite/filter.h"
#include "ledger/sqlite/inner.h"

/*
 * Between which ids rows of a stretch of time lie, whatever the clock did: whole days by the daily
 * roll-up, the first and the last day by the hour. ?1…?2: hours, ?3: model or 0, ?4: project or 0.
 */
static const char id_range[] =
    "SELECT min(first), max(last) FROM ("
    " SELECT d.first, d.last FROM total t CROSS JOIN daily d ON d.project = t.project"
    "  AND d.day > ?1 / 24 AND d.day < ?2 / 24"
    "  WHERE (?4 = 0 OR t.project = ?4) AND (?3 = 0 OR d.model = ?3)"
    " UNION ALL"
    " SELECT s.first, s.last FROM series s WHERE s.hour BETWEEN ?1 AND min(?2, ?1 / 24 * 24 + 23)"
    "  AND s.view = ?4 AND (?3 = 0 OR s.key = ?3)"
    " UNION ALL"
    " SELECT s.first, s.last FROM series s WHERE s.hour BETWEEN max(?1, ?2 / 24 * 24) AND ?2"
    "  AND s.view = ?4 AND (?3 = 0 OR s.key = ?3))";
static const char hours_used[] = "SELECT (SELECT hour FROM series ORDER BY hour LIMIT 1),"
                                 " (SELECT hour FROM series ORDER BY hour DESC LIMIT 1)";

/* One statement a filter, so that each walks its own index backwards from the cursor. */
#define ROWS(index, condition)                                                                     \
    "SELECT u.id, u.request, pr.text, pv.text, ep.text, mo.text, ve.text, u.state, u.created,"     \
    " u.duration, u.ttft, u.input, u.output, u.t0, u.t1, u.t2, u.t3, u.t4, u.t5, u.t6, u.t7,"      \
    " u.t8, u.reasoning, u.cost, u.estimate, u.amount, u.status, u.streamed"                       \
    " FROM usage u " index " CROSS JOIN name pr ON pr.id = u.project"                              \
    " CROSS JOIN name pv ON pv.id = u.provider CROSS JOIN name ep ON ep.id = u.endpoint"           \
    " CROSS JOIN name mo ON mo.id = u.model CROSS JOIN name ve ON ve.id = u.version"               \
    " WHERE u.id BETWEEN ?1 AND ?2 AND u.created >= ?3 AND u.created < ?4 " condition              \
    " ORDER BY u.id DESC LIMIT ?5"

static const char rows_all[] = ROWS("NOT INDEXED", "");
static const char rows_project[] = ROWS("INDEXED BY usage_project", "AND u.project = ?6");
static const char rows_model[] = ROWS("INDEXED BY usage_model", "AND u.model = ?6");
static const char rows_both[] =
    ROWS("INDEXED BY usage_both", "AND u.project = ?6 AND u.model = ?7");

static void read_row(struct db *db, sqlite3_stmt *st, struct usage_row *r)
{
    *r = (struct usage_row){.id = sqlite3_column_int64(st, 0)};
    db_request_id(db, r->request_id, st, 1);
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

/* The hours of a query, cut to those that have rows; an empty stretch when none has. */
static int hours_of(struct db *db, const struct usage_query *q, int64_t *from, int64_t *to)
{
    sqlite3_stmt *st = db_bind(db, hours_used, "");

    if (db_step(db, st) < 0)
        return -1;
    *from = sqlite3_column_int64(st, 0);
    *to = sqlite3_column_type(st, 1) == SQLITE_NULL ? -1 : sqlite3_column_int64(st, 1);
    db_done(st);
    if (q->from_ms > 0 && q->from_ms / HOUR_MS > *from)
        *from = q->from_ms / HOUR_MS;
    if (q->to_ms > 0 && (q->to_ms - 1) / HOUR_MS < *to)
        *to = (q->to_ms - 1) / HOUR_MS;
    return 0;
}

static int narrow(struct db *db, const struct usage_query *q, const struct filter *f, int64_t *low,
                  int64_t *high)
{
    int64_t from, to, last = -1;
    sqlite3_stmt *st;

    if (hours_of(db, q, &from, &to) != 0)
        return -1;
    st = db_bind(db, id_range, "iiii", from, to, f->model, f->project);
    if (db_step(db, st) < 0)
        return -1;
    if (sqlite3_column_type(st, 0) != SQLITE_NULL) {
        *low = sqlite3_column_int64(st, 0);
        last = sqlite3_column_int64(st, 1);
    }
    db_done(st);
    if (*high > last)
        *high = last;
    return 0;
}

static sqlite3_stmt *rows(struct db *db, const struct usage_query *q, const struct filter *f,
                          int64_t low, int64_t high)
{
    int64_t to = q->to_ms > 0 ? q->to_ms : INT64_MAX, limit = q->limit;

    if (f->project && f->model)
        return db_bind(db, rows_both, "iiiiiii", low, high, q->from_ms, to, limit, f->project,
                       f->model);
    if (f->project)
        return db_bind(db, rows_project, "iiiiii", low, high, q->from_ms, to, limit, f->project);
    if (f->model)
        return db_bind(db, rows_model, "iiiiii", low, high, q->from_ms, to, limit, f->model);
    return db_bind(db, rows_all, "iiiii", low, high, q->from_ms, to, limit);
}

static int send_rows(struct db *db, const struct usage_query *q, const struct filter *f,
                     void (*each)(void *ctx, const struct usage_row *row), void *ctx)
{
    int64_t low = 0, high = q->before_id > 0 ? q->before_id - 1 : INT64_MAX;
    struct usage_row row;
    sqlite3_stmt *st;
    int n = 0;

    if ((q->from_ms > 0 || q->to_ms > 0) && narrow(db, q, f, &low, &high) != 0)
        return 0;
    st = rows(db, q, f, low, high);
    for (; db_step(db, st) > 0; n++) {
        read_row(db, st, &row);
        each(ctx, &row);
    }
    return n;
}

int sqlite_history(struct ledger *base, const struct usage_query *q,
                   void (*f)(void *ctx, const struct usage_row *row), void *ctx, struct err *e)
{
    struct sqlite_ledger *l = sqlite_of(base);
    struct db *db = reader_begin(l, e);
    struct filter filter;
    int n = 0;

    if (!db)
        return -1;
    if (filter_make(db, q, &filter) == 0 && !filter.nothing)
        n = send_rows(db, q, &filter, f, ctx);
    return reader_end(l, db, e) != 0 ? -1 : n;
}
