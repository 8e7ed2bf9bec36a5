/* SPDX-License-Identifier: MIT */
#include "ledger/copy.h"

#include <stdio.h>
#include <stdlib.h>

#include "ledger/postgresql/engine.h"
#include "ledger/postgresql/schema.h"

/*
 * The target of a copy: a ledger that nobody has used. Until all is there and its sums agree, its
 * version is a negative number, which no daemon opens; a copy that was interrupted goes on behind
 * the last rows that were committed.
 */

#define CONNECT_S 5
#define BATCH     5000

static const char is_empty[] = "SELECT (SELECT count(*) FROM tokencap.daemon)"
                               " + (SELECT count(*) FROM tokencap.budget)"
                               " + (SELECT count(*) FROM tokencap.usage)"
                               " + (SELECT count(*) FROM tokencap.hold)";
static const char set_version[] = "UPDATE tokencap.version SET version = $1::integer";
static const char set_sequences[] = "SELECT setval('tokencap.event', greatest($1::bigint, 1)),"
                                    " setval(pg_get_serial_sequence('tokencap.name', 'id'),"
                                    " (SELECT greatest(max(id), 1) FROM tokencap.name)),"
                                    " setval(pg_get_serial_sequence('tokencap.token', 'id'),"
                                    " (SELECT greatest(max(id), 1) FROM tokencap.token)),"
                                    " (SELECT n FROM tokencap.change WHERE topic = 'token')";
static const char get_sums[] =
    "SELECT (SELECT count(*) FROM tokencap.usage), (SELECT count(*) FROM tokencap.voided),"
    " (SELECT coalesce(sum(cost), 0) FROM tokencap.usage),"
    " (SELECT coalesce(sum(cost), 0) FROM tokencap.total),"
    " (SELECT coalesce(sum(spent), 0) FROM tokencap.period)";

struct copy {
    struct pq q;
    struct copy_source *from;
    struct watched watched;
    struct buf columns[COPY_COLUMNS];
    enum copy_table table;
    int64_t done, all;
    int n;
};

static void take_row(void *ctx, const char *const *values)
{
    struct copy *c = ctx;

    for (int i = 0; copy_shapes[c->table].types[i]; i++) {
        if (copy_shapes[c->table].types[i] == 'i')
            array_int(&c->columns[i], strtoll(values[i], NULL, 10));
        else
            array_text(&c->columns[i], span_of(values[i]));
    }
    c->n++;
}

/* INSERT … SELECT … FROM unnest(…), by the shape of the table. */
static void insert_statement(struct buf *sql, enum copy_table t)
{
    const struct copy_shape *shape = &copy_shapes[t];

    buf_printf(sql, "INSERT INTO tokencap.%s(%s%s) OVERRIDING SYSTEM VALUE SELECT ", shape->name,
               shape->columns, t == COPY_PERIOD ? ", likely" : "");
    for (int i = 0; shape->types[i]; i++)
        buf_printf(sql, shape->types[i] == 'b' ? "%sdecode(c%d, 'hex')" : "%sc%d", i ? ", " : "",
                   i);
    buf_str(sql, t == COPY_PERIOD ? ", 0 FROM unnest(" : " FROM unnest(");
    for (int i = 0; shape->types[i]; i++)
        buf_printf(sql, "%s$%d::%s[]", i ? ", " : "", i + 1,
                   shape->types[i] == 'i' ? "bigint" : "text");
    buf_str(sql, ") x(");
    for (int i = 0; shape->types[i]; i++)
        buf_printf(sql, "%sc%d", i ? ", " : "", i);
    buf_char(sql, ')');
}

/* Reads the next rows of a table; c->n says how many. */
static int read_batch(struct copy *c, enum copy_table t, int64_t after, struct err *e)
{
    c->table = t;
    c->n = 0;
    for (int i = 0; i < COPY_COLUMNS; i++) {
        buf_clear(&c->columns[i]);
        array_open(&c->columns[i]);
    }
    if (c->from->rows(c->from, t, after, BATCH, take_row, c, e) != 0)
        return -1;
    for (int i = 0; i < COPY_COLUMNS; i++) {
        array_close(&c->columns[i]);
        if (c->columns[i].failed)
            return err_set(e, ERR_MEMORY, "no memory");
    }
    return 0;
}

static void ask_insert(struct copy *c)
{
    const char *texts[COPY_COLUMNS];
    struct buf sql;
    int n = 0;

    buf_init(&sql, 0);
    insert_statement(&sql, c->table);
    for (; copy_shapes[c->table].types[n]; n++)
        texts[n] = c->columns[n].p;
    pq_ask_texts(&c->q, sql.p, n, texts);
    buf_finish(&sql);
}

/* The short tables, all of them in one transaction, anew each time. */
static int copy_whole(struct copy *c, struct err *e)
{
    char delete[64];

    pq_ask(&c->q, "BEGIN", "");
    for (enum copy_table t = 0; t < COPY_VOIDED; t++) {
        if (read_batch(c, t, 0, e) != 0)
            return -1;
        snprintf(delete, sizeof delete, "DELETE FROM tokencap.%s", copy_shapes[t].name);
        pq_ask(&c->q, delete, "");
        if (c->n)
            ask_insert(c);
    }
    pq_ask(&c->q, "COMMIT", "");
    pq_send(&c->q);
    return pq_end(&c->q) == 0 ? 0 : pq_error(&c->q, e);
}

static int last_id(struct copy *c, enum copy_table t, int64_t *id, struct err *e)
{
    char sql[96];
    PGresult *res;

    snprintf(sql, sizeof sql, "SELECT coalesce(max(id), 0), count(*) FROM tokencap.%s",
             copy_shapes[t].name);
    res = pq_query(&c->q, sql, "");
    if (!res)
        return pq_error(&c->q, e);
    *id = pq_int(res, 0, 0);
    c->done += pq_int(res, 0, 1);
    PQclear(res);
    return 0;
}

static int copy_long(struct copy *c, enum copy_table t, struct err *e)
{
    int64_t id = 0;

    if (last_id(c, t, &id, e) != 0)
        return -1;
    for (;;) {
        if (read_batch(c, t, id, e) != 0)
            return -1;
        if (c->n == 0)
            return 0;
        ask_insert(c);
        pq_send(&c->q);
        if (pq_end(&c->q) != 0)
            return pq_error(&c->q, e);
        id = strtoll(strrchr(c->columns[0].p, c->n > 1 ? ',' : '{') + 1, NULL, 10);
        c->done += c->n;
        if (!watched_see(&c->watched, c->done, c->all))
            return -1;
    }
}

static int run_one(struct copy *c, const char *sql, const char *types, int64_t value, struct err *e)
{
    PGresult *res = pq_query(&c->q, sql, types, value);

    PQclear(res);
    return res ? 0 : pq_error(&c->q, e);
}

static int compare(struct copy *c, const struct copy_sums *s, struct err *e)
{
    PGresult *res = pq_query(&c->q, get_sums, "");
    struct copy_sums t;

    if (!res)
        return pq_error(&c->q, e);
    t = (struct copy_sums){pq_int(res, 0, 0), pq_int(res, 0, 1), pq_int(res, 0, 2),
                           pq_int(res, 0, 3), pq_int(res, 0, 4), s->last_event};
    PQclear(res);
    if (t.usage == s->usage && t.voided == s->voided && t.cost == s->cost &&
        t.total_cost == s->total_cost && t.spent == s->spent)
        return 0;
    return err_set(
        e, ERR_CORRUPT,
        "the copy has %lld usage rows of %lld nanodollars, its source %lld of %lld: drop "
        "the schema \"tokencap\" and copy again",
        (long long)t.usage, (long long)t.cost, (long long)s->usage, (long long)s->cost);
}

/* An unused ledger, or one that a copy has begun to fill. */
static int claim(struct copy *c, struct err *e)
{
    bool begun;
    PGresult *res;
    int64_t n;

    if (pg_schema_copying(&c->q, &begun, e) != 0)
        return -1;
    if (begun)
        return 0;
    if (pg_schema_prepare(&c->q, e) != 0)
        return -1;
    res = pq_query(&c->q, is_empty, "");
    if (!res)
        return pq_error(&c->q, e);
    n = pq_int(res, 0, 0);
    PQclear(res);
    if (n)
        return err_set(e, ERR_EXISTS,
                       "the target is a ledger in use: a copy needs one that is empty");
    return run_one(c, set_version, "i", -PG_SCHEMA_VERSION, e);
}

static int copy_all(struct copy *c, struct buf *summary, struct err *e)
{
    struct copy_sums sums;

    if (pq_connect(&c->q, CONNECT_S, e) != 0 || claim(c, e) != 0 ||
        c->from->sums(c->from, &sums, e) != 0)
        return -1;
    c->all = sums.usage + sums.voided;
    for (enum copy_table t = COPY_VOIDED; t < COPY_TABLES; t++)
        if (copy_long(c, t, e) != 0)
            return -1;
    if (copy_whole(c, e) != 0 || compare(c, &sums, e) != 0 ||
        run_one(c, set_sequences, "i", sums.last_event, e) != 0 ||
        run_one(c, set_version, "i", PG_SCHEMA_VERSION, e) != 0)
        return -1;
    buf_printf(summary, "%lld usage rows and %lld voided copied; the sums agree\n",
               (long long)sums.usage, (long long)sums.voided);
    return 0;
}

int pg_copy_to(const char *where, struct copy_source *from, const struct onlooker *o,
               struct buf *summary, struct err *e)
{
    struct copy *c = calloc(1, sizeof *c);
    int rc;

    if (!c)
        return err_set(e, ERR_MEMORY, "no memory");
    c->q.dsn = (char *)where;
    c->from = from;
    c->q.watched = &c->watched;
    c->watched.by = o;
    rc = copy_all(c, summary, e);
    if (rc != 0 && c->watched.stopped)
        err_set(e, ERR_STOPPED, "interrupted; run it again, and it goes on from here");
    for (int i = 0; i < COPY_COLUMNS; i++)
        buf_finish(&c->columns[i]);
    pq_close(&c->q);
    free(c);
    return rc;
}
