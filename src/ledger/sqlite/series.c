/* SPDX-License-Identifier: MIT */
#include "ledger/sqlite/series.h"

#include "ledger/sqlite/inner.h"

#define SUM_MAX                                                                                    \
    (4 * NANO_MAX) /* one more amount still fits; the database refuses what is too much */

static const char add_series[] =
    "INSERT INTO series VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, "
    "?16,"
    " ?17, ?18)"
    " ON CONFLICT DO UPDATE SET requests = requests + ?4, estimated = estimated + ?5,"
    " input = input + ?6, output = output + ?7, cached = cached + ?8, written = written + ?9,"
    " reasoning = reasoning + ?10, duration = duration + ?11, streams = streams + ?12,"
    " ttft = ttft + ?13, cost = cost + ?14, predicted = predicted + ?15, saved = saved + ?16,"
    " first = min(first, ?17), last = max(last, ?18)";

int series_init(struct series *s, struct err *e)
{
    s->n = 0;
    return map_init(&s->by_key, e);
}

void series_finish(struct series *s)
{
    map_finish(&s->by_key);
}

static void sums_plus(struct usage_sums *to, const struct usage_sums *add)
{
    to->requests += add->requests;
    to->estimated += add->estimated;
    to->input += add->input;
    to->output += add->output;
    to->cached += add->cached;
    to->written += add->written;
    to->reasoning += add->reasoning;
    to->duration_ms += add->duration_ms;
    to->streams += add->streams;
    to->ttft_ms += add->ttft_ms;
    to->cost += add->cost;
    to->predicted += add->predicted;
    to->saved += add->saved;
}

static int add_to_view(struct series *s, struct db *db, int64_t id, int64_t hour, int64_t view,
                       int64_t key, const struct usage_sums *sums)
{
    uint64_t hash = map_hash_int(map_hash_int(map_hash_int(hour) ^ view) ^ key);
    struct series_row *row;
    bool full = s->n == SERIES_MAX;

    for (struct map_node *n = map_find(&s->by_key, hash); n; n = map_again(n)) {
        row = MAP_OWNER(n, struct series_row, node);
        if (row->hour == hour && row->view == view && row->key == key) {
            full = row->sums.cost > SUM_MAX || row->sums.predicted > SUM_MAX;
            if (full)
                break;
            sums_plus(&row->sums, sums);
            row->first = id < row->first ? id : row->first;
            row->last = id > row->last ? id : row->last;
            return 0;
        }
    }
    if (full && series_flush(s, db) != 0)
        return -1;
    row = &s->rows[s->n++];
    *row = (struct series_row){
        .hour = hour, .view = view, .key = key, .sums = *sums, .first = id, .last = id};
    map_add(&s->by_key, &row->node, hash);
    return 0;
}

int series_add(struct series *s, struct db *db, int64_t id, int64_t created_ms, int64_t project,
               int64_t model, const struct usage_sums *sums)
{
    int64_t hour = created_ms / HOUR_MS;

    if (add_to_view(s, db, id, hour, SERIES_MODELS, model, sums) != 0 ||
        add_to_view(s, db, id, hour, SERIES_PROJECTS, project, sums) != 0)
        return -1;
    return add_to_view(s, db, id, hour, project, model, sums);
}

int series_flush(struct series *s, struct db *db)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct series_row *r = &s->rows[i];
        const struct usage_sums *t = &r->sums;

        if (db_run(db, add_series, "iiiiiiiiiiiiiiiiii", r->hour, r->view, r->key, t->requests,
                   t->estimated, t->input, t->output, t->cached, t->written, t->reasoning,
                   t->duration_ms, t->streams, t->ttft_ms, t->cost, t->predicted, t->saved,
                   r->first, r->last) != 0)
            return -1;
    }
    series_forget(s);
    return 0;
}

static void leave(void *ctx, struct map_node *node)
{
    (void)ctx;
    (void)node;
}

void series_forget(struct series *s)
{
    map_drain(&s->by_key, leave, NULL);
    s->n = 0;
}
