/* SPDX-License-Identifier: MIT */
#include "ledger/sqlite/rollup.h"

#define SUM_MAX (4 * NANO_MAX) /* one more amount still fits; the database refuses what is too much */

static const char add_daily[] =
    "INSERT INTO daily VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
    " ON CONFLICT DO UPDATE SET requests = requests + ?4, input = input + ?5,"
    " output = output + ?6, cost = cost + ?7, first = min(first, ?8), last = max(last, ?9)";
static const char add_total[] =
    "INSERT INTO total VALUES(?1, ?2, ?3, ?4, ?5)"
    " ON CONFLICT DO UPDATE SET requests = requests + ?2, input = input + ?3,"
    " output = output + ?4, cost = cost + ?5";

int rollup_init(struct rollup *r, struct err *e)
{
    r->n = 0;
    return map_init(&r->by_key, e);
}

void rollup_finish(struct rollup *r)
{
    map_finish(&r->by_key);
}

static uint64_t key_hash(const struct rollup_row *row)
{
    return map_hash_int(map_hash_int(map_hash_int(row->project) ^ row->day) ^ row->model);
}

static struct rollup_row *find(struct rollup *r, const struct rollup_row *key, uint64_t hash)
{
    for (struct map_node *n = map_find(&r->by_key, hash); n; n = map_again(n)) {
        struct rollup_row *row = MAP_OWNER(n, struct rollup_row, node);

        if (row->project == key->project && row->day == key->day && row->model == key->model)
            return row;
    }
    return NULL;
}

int rollup_add(struct rollup *r, struct db *db, const struct rollup_row *add)
{
    uint64_t hash = key_hash(add);
    struct rollup_row *row = find(r, add, hash);
    bool full = row ? row->sum.cost > SUM_MAX : r->n == ROLLUP_MAX;

    if (full && rollup_flush(r, db) != 0)
        return -1;
    if (!row || full) {
        row = &r->rows[r->n++];
        *row = *add;
        map_add(&r->by_key, &row->node, hash);
        return 0;
    }
    row->sum.requests += add->sum.requests;
    row->sum.input_tokens += add->sum.input_tokens;
    row->sum.output_tokens += add->sum.output_tokens;
    row->sum.cost += add->sum.cost;
    if (row->first > add->first)
        row->first = add->first;
    if (row->last < add->last)
        row->last = add->last;
    return 0;
}

int rollup_flush(struct rollup *r, struct db *db)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct rollup_row *row = &r->rows[i];
        const struct usage_total *t = &row->sum;

        if (db_run(db, add_daily, "iiiiiiiii", row->project, row->day, row->model, t->requests,
                   t->input_tokens, t->output_tokens, t->cost, row->first, row->last) != 0 ||
            db_run(db, add_total, "iiiii", row->project, t->requests, t->input_tokens,
                   t->output_tokens, t->cost) != 0)
            return -1;
    }
    rollup_forget(r);
    return 0;
}

static void leave(void *ctx, struct map_node *node)
{
    (void)ctx;
    (void)node;
}

void rollup_forget(struct rollup *r)
{
    map_drain(&r->by_key, leave, NULL);
    r->n = 0;
}
