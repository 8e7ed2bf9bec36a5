/* SPDX-License-Identifier: MIT */
#include "ledger/sqlite/book.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHED_MAX 65536 /* names, budgets and periods kept; beyond it they are read again */

static const char get_counters[] = "SELECT seq, ids, overrun FROM ledger";
static const char set_counters[] = "UPDATE ledger SET seq = ?1, ids = ?2, overrun = ?3";
static const char set_period[] = "UPDATE period SET spent = ?2, held = ?3, end = ?4 WHERE id = ?1";
static const char get_name[] = "SELECT id FROM name WHERE text = ?1";
static const char add_name[] = "INSERT INTO name(text) VALUES(?1)";

struct name {
    struct map_node node;
    int64_t id;
    char text[];
};

static int load_counters(struct book *b, struct err *e)
{
    sqlite3_stmt *st = db_bind(b->db, get_counters, "");
    int got = db_step(b->db, st);

    if (got < 0)
        return db_error(b->db, e);
    if (got == 0)
        return err_set(e, ERR_CORRUPT, "the ledger's own row is missing");
    b->now.seq = sqlite3_column_int64(st, 0);
    b->now.ids = sqlite3_column_int64(st, 1);
    b->now.overrun = sqlite3_column_int64(st, 2);
    db_done(st);
    b->saved = b->now;
    return 0;
}

int book_init(struct book *b, struct db *db, struct err *e)
{
    memset(b, 0, sizeof *b);
    b->db = db;
    if (map_init(&b->names, e) != 0 || map_init(&b->accounts, e) != 0 ||
        map_init(&b->periods, e) != 0 || holds_init(&b->holds, e) != 0 ||
        rollup_init(&b->rollup, e) != 0 || series_init(&b->series, e) != 0)
        return -1;
    return load_counters(b, e);
}

static void free_name(void *ctx, struct map_node *node)
{
    (void)ctx;
    free(MAP_OWNER(node, struct name, node));
}

static void free_account(void *ctx, struct map_node *node)
{
    struct account *a = MAP_OWNER(node, struct account, node);

    (void)ctx;
    if (a->running)
        a->running->refs--;
    free(a);
}

static void free_period(void *ctx, struct map_node *node)
{
    (void)ctx;
    free(MAP_OWNER(node, struct period, node));
}

void book_finish(struct book *b)
{
    map_drain(&b->names, free_name, NULL);
    map_drain(&b->accounts, free_account, NULL);
    map_drain(&b->periods, free_period, NULL);
    map_finish(&b->names);
    map_finish(&b->accounts);
    map_finish(&b->periods);
    holds_finish(&b->holds);
    rollup_finish(&b->rollup);
    series_finish(&b->series);
}

int64_t book_seq(struct book *b)
{
    b->changed = true;
    return ++b->now.seq;
}

int64_t book_id(struct book *b)
{
    b->changed = true;
    return ++b->now.ids;
}

/* ---- the group's end ---- */

int book_flush(struct book *b)
{
    for (struct period *p = b->dirty; p; p = p->next_dirty)
        if (db_run(b->db, set_period, "iiii", p->id, p->now.spent, p->now.held, p->span.end) != 0)
            return -1;
    if (rollup_flush(&b->rollup, b->db) != 0 || series_flush(&b->series, b->db) != 0)
        return -1;
    if (!b->changed)
        return 0;
    return db_run(b->db, set_counters, "iii", b->now.seq, b->now.ids, b->now.overrun);
}

static void settle_dirty(struct book *b, bool committed)
{
    for (struct period *p = b->dirty, *next; p; p = next) {
        next = p->next_dirty;
        p->dirty = false;
        p->next_dirty = NULL;
        if (committed) {
            p->saved = p->now;
            p->saved_span = p->span;
        } else {
            p->now = p->saved;
            p->span = p->saved_span;
        }
    }
    b->dirty = NULL;
}

/* A period stays known as long as an open hold refers to it. */
static void refer(struct book *b, const struct hold *h, int by)
{
    for (int i = 0; i < ATS; i++) {
        struct period *p = h->at[i] ? book_period_known(b, h->at[i]) : NULL;

        if (p)
            p->refs += by;
    }
}

struct sweep {
    struct map_node *kept;
};

static void sweep_period(void *ctx, struct map_node *node)
{
    struct sweep *s = ctx;

    if (MAP_OWNER(node, struct period, node)->refs == 0) {
        free_period(NULL, node);
        return;
    }
    node->next = s->kept;
    s->kept = node;
}

/* Forgets the periods that nothing refers to. */
static void sweep(struct book *b)
{
    struct sweep s = {NULL};

    map_drain(&b->accounts, free_account, NULL);
    map_drain(&b->periods, sweep_period, &s);
    for (struct map_node *next; s.kept; s.kept = next) {
        next = s.kept->next;
        map_add(&b->periods, s.kept, s.kept->hash);
    }
}

static void trim(struct book *b)
{
    if (b->names.n > CACHED_MAX)
        map_drain(&b->names, free_name, NULL);
    if (b->accounts.n > CACHED_MAX || b->periods.n > CACHED_MAX)
        sweep(b);
}

void book_commit(struct book *b)
{
    settle_dirty(b, true);
    for (struct hold *h = b->holds.ended; h; h = h->next_in_group)
        refer(b, h, -1);
    holds_commit(&b->holds);
    b->saved = b->now;
    b->new_names = b->changed = false;
    trim(b);
}

void book_rollback(struct book *b)
{
    settle_dirty(b, false);
    for (struct hold *h = b->holds.admitted; h; h = h->next_in_group)
        refer(b, h, -1);
    holds_rollback(&b->holds);
    b->now = b->saved;
    if (b->new_names)
        map_drain(&b->names, free_name, NULL);
    b->new_names = b->changed = false;
    rollup_forget(&b->rollup);
    series_forget(&b->series);
    sweep(b); /* budgets and periods may be this group's; the others load again */
}

/* ---- names ---- */

static int learn_name(struct book *b, struct span text, uint64_t hash, int64_t *id)
{
    struct name *n = malloc(sizeof *n + text.n + 1);
    bool found;

    if (!n)
        return db_nomem(b->db);
    if (db_int(b->db, &n->id, &found, get_name, "s", text) != 0)
        goto free_it;
    if (!found) {
        if (db_run(b->db, add_name, "s", text) != 0)
            goto free_it;
        n->id = sqlite3_last_insert_rowid(b->db->conn);
        b->new_names = true;
    }
    memcpy(n->text, text.p, text.n);
    n->text[text.n] = '\0';
    map_add(&b->names, &n->node, hash);
    *id = n->id;
    return 0;
free_it:
    free(n);
    return -1;
}

int book_name(struct book *b, const char *s, int64_t *id)
{
    struct span text = span_of(s ? s : "");
    uint64_t hash = map_hash(0, text);

    for (struct map_node *node = map_find(&b->names, hash); node; node = map_again(node)) {
        struct name *n = MAP_OWNER(node, struct name, node);

        if (strcmp(n->text, s ? s : "") == 0) {
            *id = n->id;
            return 0;
        }
    }
    return learn_name(b, text.p ? text : SPAN(""), hash, id);
}

/* ---- periods and holds ---- */

static void mark(struct book *b, struct period *p)
{
    if (p->dirty)
        return;
    p->dirty = true;
    p->next_dirty = b->dirty;
    b->dirty = p;
}

void book_figures(struct book *b, struct period *p, nano_t spent, nano_t held, nano_t likely)
{
    p->now.spent += spent;
    p->now.held += held;
    p->now.likely += likely;
    mark(b, p);
}

void book_note(struct book *b, const struct hold *h, nano_t cost, int by)
{
    for (int i = 0; i < ATS; i++) {
        struct period *p = h->at[i] ? book_period_known(b, h->at[i]) : NULL;

        if (!p)
            continue;
        p->noted.spent += by * cost;
        p->noted.held -= by * h->amount;
        p->noted.likely -= by * h->r.estimate;
    }
}

void book_period_end(struct book *b, struct period *p, int64_t end)
{
    p->span.end = end;
    mark(b, p);
}

static int carry(struct book *b, const struct hold *h, nano_t spent, nano_t held, nano_t likely)
{
    for (int i = 0; i < ATS; i++) {
        struct period *p = h->at[i] ? book_period(b, h->at[i]) : NULL;

        if (p)
            book_figures(b, p, spent, held, likely);
        else if (h->at[i])
            return -1;
    }
    return 0;
}

int book_admit(struct book *b, struct hold *h, bool counted)
{
    if (carry(b, h, 0, counted ? 0 : h->amount, h->r.estimate) != 0)
        return -1;
    refer(b, h, 1);
    holds_admit(&b->holds, h);
    return 0;
}

int book_end(struct book *b, struct hold *h, enum hold_state state, nano_t cost)
{
    if (carry(b, h, cost, -h->amount, -h->r.estimate) != 0)
        return -1;
    holds_end(&b->holds, h, state);
    if (h->verdict.strict && cost > h->amount)
        b->now.overrun += cost - h->amount;
    return 0;
}
