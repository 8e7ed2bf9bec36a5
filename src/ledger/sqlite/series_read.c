/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "ledger/sqlite/inner.h"
#include "ledger/sqlite/series.h"

/*
 * Sums over time: a seek an hour, then that hour's keys of one view. They are added up here, for a
 * year of hours is many rows, and having them grouped by the database means having them sorted by
 * it.
 */

static const char name_id[] = "SELECT id FROM name WHERE text = ?1";
static const char id_name[] = "SELECT text FROM name WHERE id = ?1";
static const char read_series[] =
    "WITH RECURSIVE hours(h) AS (SELECT ?1 UNION ALL SELECT h + 1 FROM hours WHERE h < ?2)"
    " SELECT h, key, requests, estimated, input, output, cached, written, reasoning, duration,"
    " streams, ttft, cost, predicted, saved"
    " FROM hours CROSS JOIN series s ON s.hour = h AND s.view = ?3";
static const char first_hour[] = "SELECT hour FROM series ORDER BY hour LIMIT 1";
static const char last_hour[] = "SELECT hour FROM series ORDER BY hour DESC LIMIT 1";

/* The columns from the third on are the members of struct usage_sums, in their order. */
#define FIRST_SUM 2
#define SUMS      ((int)(sizeof(struct usage_sums) / sizeof(int64_t)))

union sums {
    struct usage_sums named;
    int64_t list[SUMS];
};

struct line {
    struct map_node node; /* by key */
    int64_t key;
    union sums sums; /* of the running bucket */
    bool used;       /* in it */
    struct line *next;
    char name[];
};

struct gather {
    struct db *db;
    struct map by_key;
    struct line *lines; /* all of them */
    int64_t start_ms;   /* of the running bucket */
    void (*f)(void *ctx, int64_t start_ms, const char *key, const struct usage_sums *t);
    void *ctx;
};

/* ---- lines ---- */

static struct line *add_line(struct gather *g, int64_t key)
{
    sqlite3_stmt *st = db_bind(g->db, id_name, "i", key);
    struct line *l = NULL;
    const char *name;
    size_t size;

    if (db_step(g->db, st) <= 0) {
        db_corrupt(g->db, "sums by hour of a name that is not there");
        return NULL;
    }
    name = db_text(g->db, st, 0);
    size = strlen(name) + 1;
    l = calloc(1, sizeof *l + size);
    if (l) {
        memcpy(l->name, name, size);
        l->key = key;
        l->next = g->lines;
        g->lines = l;
        map_add(&g->by_key, &l->node, map_hash_int(key));
    } else
        db_nomem(g->db);
    db_done(st);
    return l;
}

static struct line *find_line(struct gather *g, int64_t key)
{
    for (struct map_node *n = map_find(&g->by_key, map_hash_int(key)); n; n = map_again(n)) {
        struct line *l = MAP_OWNER(n, struct line, node);

        if (l->key == key)
            return l;
    }
    return add_line(g, key);
}

static void end_bucket(struct gather *g)
{
    for (struct line *l = g->lines; l; l = l->next) {
        if (!l->used)
            continue;
        g->f(g->ctx, g->start_ms, l->name, &l->sums.named);
        l->used = false;
        memset(&l->sums, 0, sizeof l->sums);
    }
}

static int add_row(struct gather *g, sqlite3_stmt *st)
{
    struct line *l = find_line(g, sqlite3_column_int64(st, 1));

    if (!l)
        return -1;
    l->used = true;
    for (int i = 0; i < SUMS; i++)
        if (__builtin_add_overflow(l->sums.list[i], sqlite3_column_int64(st, FIRST_SUM + i),
                                   &l->sums.list[i]))
            return db_corrupt(g->db, "integer overflow");
    return 0;
}

static void free_lines(struct gather *g)
{
    for (struct line *l = g->lines, *next; l; l = next) {
        next = l->next;
        free(l);
    }
    map_finish(&g->by_key);
}

/* ---- the query ---- */

static void gather_all(struct gather *g, int64_t from, int64_t to, int64_t view, int64_t hours)
{
    sqlite3_stmt *st = db_bind(g->db, read_series, "iii", from, to, view);
    int64_t length = hours * HOUR_MS;

    g->start_ms = from / hours * length;
    while (db_step(g->db, st) > 0) {
        int64_t start = sqlite3_column_int64(st, 0) / hours * length;

        if (start != g->start_ms)
            end_bucket(g);
        g->start_ms = start;
        if (add_row(g, st) < 0) {
            db_done(st);
            return;
        }
    }
    end_bucket(g);
}

/* The view to read; *nothing: the project was never used. */
static int find_view(struct db *db, const struct series_query *q, int64_t *view, bool *nothing)
{
    bool found = true;

    *view = q->by_project ? SERIES_PROJECTS : SERIES_MODELS;
    if (q->project && db_int(db, view, &found, name_id, "t", q->project) != 0)
        return -1;
    *nothing = !found;
    return 0;
}

/* No hour is looked for where there cannot be one. */
static int clip(struct db *db, int64_t *from, int64_t *to)
{
    int64_t first = 0, last = -1;
    bool found;

    if (db_int(db, &first, &found, first_hour, "") != 0 ||
        db_int(db, &last, &found, last_hour, "") != 0)
        return -1;
    if (*from < first)
        *from = first;
    if (*to > last)
        *to = last;
    return 0;
}

int sqlite_series(struct ledger *base, const struct series_query *q,
                  void (*f)(void *ctx, int64_t start_ms, const char *key,
                            const struct usage_sums *t),
                  void *ctx, struct err *e)
{
    struct sqlite_ledger *l = sqlite_of(base);
    int64_t from = q->from_ms / HOUR_MS, to = (q->to_ms - 1) / HOUR_MS, view = 0;
    struct gather g = {.f = f, .ctx = ctx};
    bool nothing = true;

    if (map_init(&g.by_key, e) != 0)
        return -1;
    g.db = reader_begin(l, e);
    if (!g.db) {
        map_finish(&g.by_key);
        return -1;
    }
    if (find_view(g.db, q, &view, &nothing) == 0 && !nothing && clip(g.db, &from, &to) == 0 &&
        from <= to)
        gather_all(&g, from, to, view, q->hours);
    free_lines(&g);
    return reader_end(l, g.db, e);
}
