/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/sqlite/book.h"

static const char get_budget[] =
    "SELECT id, cap, per_request, enforcement, period_kind, period_days, zone, period, predictor"
    " FROM budget WHERE scope = ?1 AND key = ?2 AND deleted = 0";
static const char get_period[] = "SELECT start, end, spent, held FROM period WHERE id = ?1";
static const char add_period[] = "INSERT INTO period VALUES(?1, ?2, ?3, ?4, 0, 0, 0)";
static const char add_cap[] = "INSERT INTO period_cap VALUES(?1, ?2, ?3)";
static const char set_running[] = "UPDATE budget SET period = ?2 WHERE id = ?1";

static uint64_t key_hash(enum scope scope, const char *key)
{
    return map_hash(100 + (uint64_t)scope, span_of(key));
}

static struct account *cached(struct book *b, enum scope scope, const char *key)
{
    for (struct map_node *n = map_find(&b->accounts, key_hash(scope, key)); n; n = map_again(n)) {
        struct account *a = MAP_OWNER(n, struct account, node);

        if (a->scope == scope && strcmp(a->key, key) == 0)
            return a;
    }
    return NULL;
}

struct period *book_period_known(const struct book *b, int64_t id)
{
    for (struct map_node *n = map_find(&b->periods, map_hash_int(id)); n; n = map_again(n)) {
        struct period *p = MAP_OWNER(n, struct period, node);

        if (p->id == id)
            return p;
    }
    return NULL;
}

struct period *book_period(struct book *b, int64_t id)
{
    struct period *p = book_period_known(b, id);
    sqlite3_stmt *st;
    int got;

    if (p)
        return p;
    p = calloc(1, sizeof *p);
    if (!p) {
        db_nomem(b->db);
        return NULL;
    }
    st = db_bind(b->db, get_period, "i", id);
    got = db_step(b->db, st);
    if (got <= 0) {
        free(p);
        if (got == 0)
            db_corrupt(b->db, "a budget's period is missing");
        return NULL;
    }
    p->id = id;
    p->span.start = sqlite3_column_int64(st, 0);
    p->span.end = sqlite3_column_int64(st, 1);
    p->now.spent = sqlite3_column_int64(st, 2);
    p->now.held = sqlite3_column_int64(st, 3);
    p->saved = p->now;
    p->saved_span = p->span;
    db_done(st);
    map_add(&b->periods, &p->node, map_hash_int(id));
    return p;
}

static int load(struct book *b, struct account *a)
{
    sqlite3_stmt *st = db_bind(b->db, get_budget, "it", (int64_t)a->scope, a->key);
    int got = db_step(b->db, st);
    int64_t running;

    if (got <= 0)
        return got;
    a->id = sqlite3_column_int64(st, 0);
    a->cap = sqlite3_column_int64(st, 1);
    a->per_request = sqlite3_column_int64(st, 2);
    a->enforcement = (enum enforcement)sqlite3_column_int(st, 3);
    a->predictor = (enum predictor)sqlite3_column_int(st, 8);
    a->kind = (enum period_kind)sqlite3_column_int(st, 4);
    a->days = sqlite3_column_int(st, 5);
    db_copy(b->db, a->zone, sizeof a->zone, st, 6);
    running = sqlite3_column_int64(st, 7);
    db_done(st);
    if (b->db->failed)
        return -1;
    a->running = book_period(b, running);
    if (!a->running)
        return -1;
    a->running->refs++;
    return 0;
}

int book_account(struct book *b, enum scope scope, const char *key, struct account **out)
{
    struct account *a = cached(b, scope, key);

    if (!a) {
        a = calloc(1, sizeof *a);
        if (!a)
            return db_nomem(b->db);
        a->scope = scope;
        snprintf(a->key, sizeof a->key, "%s", key);
        if (load(b, a) != 0) {
            free(a);
            return -1;
        }
        map_add(&b->accounts, &a->node, key_hash(scope, key));
    }
    *out = a->id ? a : NULL;
    return 0;
}

void book_account_changed(struct book *b, enum scope scope, const char *key)
{
    struct account *a = cached(b, scope, key);

    if (!a)
        return;
    map_remove(&b->accounts, &a->node);
    if (a->running)
        a->running->refs--;
    free(a);
}

int book_period_new(struct book *b, int64_t budget, struct period_span span, nano_t cap,
                    int64_t *id)
{
    int64_t new_id = book_id(b);

    if (db_run(b->db, add_period, "iiii", new_id, budget, span.start, span.end) != 0 ||
        book_cap(b, new_id, cap) != 0 || db_run(b->db, set_running, "ii", budget, new_id) != 0)
        return -1;
    *id = new_id;
    return 0;
}

int book_cap(struct book *b, int64_t period_id, nano_t cap)
{
    return db_run(b->db, add_cap, "iii", period_id, book_seq(b), cap);
}

int book_roll(struct book *b, struct account *a, int64_t now)
{
    struct period_rule rule = {a->kind, a->days, a->zone};
    struct period *next;
    int64_t id;

    if (!period_over(a->running->span, now))
        return 0;
    if (book_period_new(b, a->id, period_after(&rule, a->running->span, now), a->cap, &id) != 0)
        return -1;
    next = book_period(b, id);
    if (!next)
        return -1;
    a->running->refs--;
    a->running = next;
    next->refs++;
    return 0;
}
