/* SPDX-License-Identifier: MIT */
#include "ledger/copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/sqlite/inner.h"

/* The source of a copy: the ledger as a start would find it, under the daemon's lock, so that no
 * daemon can run meanwhile. What a crash left open has been charged. */

#define BUSY_MS 5000

struct source {
    struct copy_source base;
    struct sqlite_ledger *l;
};

/* A column as text; a request's 16 bytes as they are written everywhere else. */
static void column(struct buf *sql, const char *name, size_t n, char type)
{
    if (n == sizeof "request" - 1 && strncmp(name, "request", n) == 0)
        buf_str(sql, "CASE typeof(request) WHEN 'blob' THEN 'req_' || lower(hex(request)) ELSE"
                     " request END");
    else if (type == 'b')
        buf_printf(sql, "hex(%.*s)", (int)n, name);
    else
        buf_printf(sql, "%.*s", (int)n, name);
}

static void select_rows(struct buf *sql, enum copy_table t)
{
    const struct copy_shape *shape = &copy_shapes[t];
    struct span rest = span_of(shape->columns), name;

    buf_str(sql, "SELECT ");
    for (int i = 0; rest.n; i++) {
        span_cut(rest, ',', &name, &rest);
        name = span_trim(name);
        buf_str(sql, i ? ", " : "");
        column(sql, name.p, name.n, shape->types[i]);
    }
    buf_printf(sql, " FROM %s", shape->name);
    if (t >= COPY_VOIDED)
        buf_str(sql, " WHERE id > ?1 ORDER BY id LIMIT ?2");
}

static void send_rows(struct db *db, sqlite3_stmt *st, int columns,
                      void (*f)(void *ctx, const char *const *values), void *ctx)
{
    const char *values[COPY_COLUMNS];

    while (db_step(db, st) > 0) {
        for (int i = 0; i < columns; i++)
            values[i] = db_text(db, st, i);
        f(ctx, values);
    }
}

static int rows(struct copy_source *base, enum copy_table t, int64_t after, int limit,
                void (*f)(void *ctx, const char *const *values), void *ctx, struct err *e)
{
    struct db *db = &MAP_OWNER(base, struct source, base)->l->db;
    sqlite3_stmt *st = NULL;
    struct buf sql;
    int rc = 0;

    buf_init(&sql, 0);
    select_rows(&sql, t);
    if (sql.failed)
        rc = err_set(e, ERR_MEMORY, "no memory");
    else if (sqlite3_prepare_v2(db->conn, sql.p, -1, &st, NULL) != SQLITE_OK)
        rc = err_set(e, ERR_IO, "%s", sqlite3_errmsg(db->conn));
    if (rc == 0) {
        if (t >= COPY_VOIDED) {
            sqlite3_bind_int64(st, 1, after);
            sqlite3_bind_int64(st, 2, limit);
        }
        send_rows(db, st, (int)strlen(copy_shapes[t].types), f, ctx);
        rc = db->failed ? db_error(db, e) : 0;
    }
    sqlite3_finalize(st);
    buf_finish(&sql);
    return rc;
}

static const char get_sums[] =
    "SELECT (SELECT count(*) FROM usage), (SELECT count(*) FROM voided),"
    " (SELECT ifnull(sum(cost), 0) FROM usage), (SELECT ifnull(sum(cost), 0) FROM total),"
    " (SELECT ifnull(sum(spent), 0) FROM period), (SELECT max(seq, ids) FROM ledger)";

static int sums(struct copy_source *base, struct copy_sums *out, struct err *e)
{
    struct db *db = &MAP_OWNER(base, struct source, base)->l->db;
    sqlite3_stmt *st = db_bind(db, get_sums, "");

    if (db_step(db, st) <= 0)
        return db_error(db, e);
    *out = (struct copy_sums){sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1),
                              sqlite3_column_int64(st, 2), sqlite3_column_int64(st, 3),
                              sqlite3_column_int64(st, 4), sqlite3_column_int64(st, 5)};
    db_done(st);
    return 0;
}

static void close_source(struct copy_source *base)
{
    struct source *s = MAP_OWNER(base, struct source, base);

    sqlite_destroy(s->l);
    free(s);
}

int sqlite_copy_from(const char *where, struct copy_source **out, struct err *e)
{
    struct ledger_options o = {.durable = true, .busy_timeout_ms = BUSY_MS, .ballast = -1};
    struct source *s;

    if (access(where, F_OK) != 0) /* what is not there must not be created */
        return err_set(e, ERR_NOT_FOUND, "%s: %s", where, strerror(errno));
    s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, ERR_MEMORY, "no memory");
    if (sqlite_prepare(where, &o, NULL, &s->l, e) != 0) {
        free(s);
        return -1;
    }
    db_forget(&s->l->db);
    s->base = (struct copy_source){rows, sums, close_source};
    *out = &s->base;
    return 0;
}
