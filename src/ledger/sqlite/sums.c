/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "ledger/sqlite/verify.h"

static const char archived[] =
    "SELECT project, day, model, requests, input, output, cost FROM archive";
static const char rolled_up[] =
    "SELECT project, day, model, requests, input, output, cost, first, last FROM daily";
static const char wrong_total[] =
    "SELECT t.project FROM total t LEFT JOIN (SELECT project, sum(requests) r, sum(input) i,"
    " sum(output) o, sum(cost) c FROM daily GROUP BY project) d ON d.project = t.project"
    " WHERE d.r IS NOT t.requests OR d.i IS NOT t.input OR d.o IS NOT t.output"
    " OR d.c IS NOT t.cost LIMIT 1";
static const char missing_total[] =
    "SELECT project FROM daily WHERE project NOT IN (SELECT project FROM total) LIMIT 1";

static void read_row(sqlite3_stmt *st, struct rollup_row *row)
{
    *row = (struct rollup_row){
        .project = sqlite3_column_int64(st, 0),
        .day = sqlite3_column_int64(st, 1),
        .model = sqlite3_column_int64(st, 2),
        .sum = {sqlite3_column_int64(st, 3), sqlite3_column_int64(st, 4),
                sqlite3_column_int64(st, 5), sqlite3_column_int64(st, 6)},
    };
}

static uint64_t key_hash(const struct rollup_row *row)
{
    return map_hash_int(map_hash_int(map_hash_int(row->project) ^ row->day) ^ row->model);
}

static struct rollup_row *find(const struct sums *s, const struct rollup_row *key)
{
    struct map_node *n = map_find(&s->by_key, key_hash(key));

    for (; n; n = map_again(n)) {
        struct rollup_row *row = MAP_OWNER(n, struct rollup_row, node);

        if (row->project == key->project && row->day == key->day && row->model == key->model)
            return row;
    }
    return NULL;
}

int sums_add(struct sums *s, const struct rollup_row *add, struct err *e)
{
    struct rollup_row *row = find(s, add);

    if (!row) {
        row = malloc(sizeof *row);
        if (!row)
            return err_set(e, ERR_MEMORY, "no memory to verify");
        *row = *add;
        map_add(&s->by_key, &row->node, key_hash(row));
        return 0;
    }
    row->sum.requests += add->sum.requests;
    row->sum.input_tokens += add->sum.input_tokens;
    row->sum.output_tokens += add->sum.output_tokens;
    if (__builtin_add_overflow(row->sum.cost, add->sum.cost, &row->sum.cost))
        return err_set(e, ERR_CORRUPT, "the costs of a day overflow");
    if (add->first && (!row->first || add->first < row->first))
        row->first = add->first;
    if (add->last > row->last)
        row->last = add->last;
    return 0;
}

int sums_init(struct sums *s, struct db *db, struct err *e)
{
    struct rollup_row row;
    sqlite3_stmt *st;

    if (map_init(&s->by_key, e) != 0)
        return -1;
    st = db_bind(db, archived, "");
    while (db_step(db, st) > 0) {
        read_row(st, &row);
        if (sums_add(s, &row, e) != 0) {
            db_done(st);
            return -1;
        }
    }
    return db->failed ? db_error(db, e) : 0;
}

static void free_row(void *ctx, struct map_node *node)
{
    (void)ctx;
    free(MAP_OWNER(node, struct rollup_row, node));
}

void sums_finish(struct sums *s)
{
    map_drain(&s->by_key, free_row, NULL);
    map_finish(&s->by_key);
}

static bool same(const struct usage_total *a, const struct usage_total *b)
{
    return a->requests == b->requests && a->input_tokens == b->input_tokens &&
           a->output_tokens == b->output_tokens && a->cost == b->cost;
}

static int check_daily(struct sums *s, struct db *db, struct err *e)
{
    sqlite3_stmt *st = db_bind(db, rolled_up, "");
    struct rollup_row row;
    size_t n = 0;

    for (; db_step(db, st) > 0; n++) {
        const struct rollup_row *found;

        read_row(st, &row);
        found = find(s, &row);
        if (found && same(&found->sum, &row.sum) &&
            (!found->first || (found->first >= sqlite3_column_int64(st, 7) &&
                               found->last <= sqlite3_column_int64(st, 8))))
            continue;
        db_done(st);
        return err_set(
            e, ERR_CORRUPT,
            "the roll-up of project %lld, day %lld, model %lld is not the sum of its rows",
            (long long)row.project, (long long)row.day, (long long)row.model);
    }
    if (db->failed)
        return db_error(db, e);
    return n == s->by_key.n ? 0 : err_set(e, ERR_CORRUPT, "usage rows are missing in the roll-up");
}

static int check_total(struct db *db, const char *sql, struct err *e)
{
    int64_t project;
    bool found;

    if (db_int(db, &project, &found, sql, "") != 0)
        return db_error(db, e);
    return found ? err_set(e, ERR_CORRUPT, "the total of project %lld is not the sum of its days",
                           (long long)project)
                 : 0;
}

int sums_end(struct sums *s, struct db *db, struct err *e)
{
    if (check_daily(s, db, e) != 0 || check_total(db, wrong_total, e) != 0)
        return -1;
    return check_total(db, missing_total, e);
}
