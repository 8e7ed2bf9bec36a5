/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "ledger/sqlite/inner.h"

/* Alerts: each is written down before it is sent, so that it is sent once, and after a restart
 * still. */

#define KEEP_MS (INT64_C(400) * 24 * 3600 * 1000)

enum { ALERT_PENDING, ALERT_DELIVERED, ALERT_GIVEN_UP };

static const char add_alert[] =
    "INSERT INTO alert(id, scope, key, period, threshold, created, state, tries, next, url, body)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, 0, 0, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
static const char forget_old[] = "DELETE FROM alert WHERE id IN (SELECT id FROM alert WHERE state "
                                 "<> 0 AND created < ?1 LIMIT 8)";
static const char is_known[] =
    "SELECT 1 FROM alert WHERE scope = ?1 AND key = ?2 AND period = ?3 AND threshold = ?4";
static const char next_alert[] =
    "SELECT id, scope, key, period, threshold, created, tries, next, url, body FROM alert"
    " WHERE state = 0 ORDER BY next LIMIT 1";
static const char tried_alert[] =
    "UPDATE alert SET state = ?2, tries = tries + 1, next = ?3 WHERE id = ?1";

struct alert_op {
    struct op op;
    const struct alert *a;
    bool added;
};

static int run_add(struct ledger *base, struct op *op, struct err *e)
{
    struct sqlite_ledger *l = sqlite_of(base);
    struct alert_op *o = MAP_OWNER(op, struct alert_op, op);
    const struct alert *a = o->a;

    (void)e;
    if (db_run(&l->db, add_alert, "titiiitt", a->id, (int64_t)a->scope, a->key, a->period_ms,
               (int64_t)a->threshold, a->created_ms, a->url, a->body) != 0)
        return -1;
    o->added = sqlite3_changes(l->db.conn) == 1;
    return db_run(&l->db, forget_old, "i", a->created_ms - KEEP_MS);
}

int sqlite_alert_add(struct ledger *l, const struct alert *a, bool *added, struct err *e)
{
    struct alert_op o = {.op.run = run_add, .a = a};

    if (writer_do(l, &o.op, e) != 0)
        return -1;
    *added = o.added;
    return 0;
}

int sqlite_alert_known(struct ledger *base, const struct alert *a, bool *known, struct err *e)
{
    struct sqlite_ledger *l = sqlite_of(base);
    struct db *db = reader_begin(l, e);
    int64_t one;

    if (!db)
        return -1;
    if (db_int(db, &one, known, is_known, "itii", (int64_t)a->scope, a->key, a->period_ms,
               (int64_t)a->threshold) != 0)
        *known = true;
    return reader_end(l, db, e);
}

int sqlite_alert_next(struct ledger *base, struct alert *out, struct err *e)
{
    struct sqlite_ledger *l = sqlite_of(base);
    struct db *db = reader_begin(l, e);
    struct alert a = {.id = ""};
    sqlite3_stmt *st;

    if (!db)
        return -1;
    st = db_bind(db, next_alert, "");
    if (db_step(db, st) > 0) {
        db_copy(db, a.id, sizeof a.id, st, 0);
        a.scope = (enum scope)sqlite3_column_int(st, 1);
        db_copy(db, a.key, sizeof a.key, st, 2);
        a.period_ms = sqlite3_column_int64(st, 3);
        a.threshold = sqlite3_column_int(st, 4);
        a.created_ms = sqlite3_column_int64(st, 5);
        a.tries = sqlite3_column_int(st, 6);
        a.next_ms = sqlite3_column_int64(st, 7);
        db_copy(db, a.url, sizeof a.url, st, 8);
        db_copy(db, a.body, sizeof a.body, st, 9);
        db_done(st);
    }
    if (reader_end(l, db, e) != 0)
        return -1;
    if (!*a.id)
        return err_set(e, ERR_NOT_FOUND, "no alert waits");
    *out = a;
    return 0;
}

struct tried_op {
    struct op op;
    const char *id;
    int64_t state, next_ms;
};

static int run_tried(struct ledger *base, struct op *op, struct err *e)
{
    struct sqlite_ledger *l = sqlite_of(base);
    struct tried_op *o = MAP_OWNER(op, struct tried_op, op);

    (void)e;
    return db_run(&l->db, tried_alert, "tii", o->id, o->state, o->next_ms);
}

int sqlite_alert_tried(struct ledger *l, const char *id, bool delivered, int64_t next_ms,
                       struct err *e)
{
    struct tried_op o = {.op.run = run_tried, .id = id, .next_ms = next_ms};

    o.state = delivered ? ALERT_DELIVERED : next_ms ? ALERT_PENDING : ALERT_GIVEN_UP;
    return writer_do(l, &o.op, e);
}
