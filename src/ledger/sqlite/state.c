/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "ledger/sqlite/inner.h"

static const char put[] = "INSERT INTO state(key, value) VALUES(?1, ?2)"
                          " ON CONFLICT(key) DO UPDATE SET value = ?2";
static const char drop[] = "DELETE FROM state WHERE key = ?1";
/* The keys are ASCII: what begins with a prefix lies between it and it with U+007F behind. */
static const char each[] = "SELECT key, value FROM state WHERE key >= ?1 AND key < ?1 || char(127)";

struct put_op {
    struct op op;
    struct err e;
    size_t n;
    char *value; /* behind the key, in the same memory */
    char key[];
};

static int run_put(struct ledger *base, struct op *op, struct err *e)
{
    struct sqlite_ledger *l = sqlite_of(base);
    struct put_op *o = MAP_OWNER(op, struct put_op, op);

    (void)e;
    return o->n ? db_run(&l->db, put, "tb", o->key, (struct span){o->value, o->n})
                : db_run(&l->db, drop, "t", o->key);
}

static void release_put(struct op *op)
{
    free(MAP_OWNER(op, struct put_op, op));
}

void sqlite_state_put(struct ledger *l, const char *key, struct span value)
{
    size_t key_n = strlen(key) + 1;
    struct put_op *o = malloc(sizeof *o + key_n + value.n);

    if (!o)
        return;
    memset(o, 0, sizeof *o);
    o->op = (struct op){.run = run_put, .release = release_put, .own = &o->e};
    o->n = value.n;
    o->value = o->key + key_n;
    memcpy(o->key, key, key_n);
    if (value.n)
        memcpy(o->value, value.p, value.n);
    writer_queue(l, &o->op);
}

int sqlite_state_each(struct ledger *base, const char *prefix,
                      void (*f)(void *ctx, const char *key, struct span value), void *ctx,
                      struct err *e)
{
    struct sqlite_ledger *l = sqlite_of(base);
    struct db *db = reader_begin(l, e);
    sqlite3_stmt *st;

    if (!db)
        return -1;
    st = db_bind(db, each, "t", prefix);
    while (db_step(db, st) > 0) {
        struct span value = {sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1)};
        f(ctx, (const char *)sqlite3_column_text(st, 0), value);
    }
    return reader_end(l, db, e);
}
