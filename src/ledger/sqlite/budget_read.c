/* SPDX-License-Identifier: MIT */
#include "ledger/sqlite/inner.h"

#define COLUMNS                                                                                    \
    "SELECT b.scope, b.key, b.cap, b.per_request, b.period_kind, b.period_days, b.zone,"           \
    " b.enforcement, b.predictor, b.alerts, b.alert_url, p.start, p.end, p.spent, p.held"          \
    " FROM budget b JOIN period p ON p.id = b.period WHERE b.deleted = 0 AND "

static const char one[] = COLUMNS "b.scope = ?1 AND b.key = ?2";
static const char all[] = COLUMNS "b.scope < ?1 ORDER BY b.scope, b.key"; /* runs are many */

static void read_budget(struct db *db, sqlite3_stmt *st, int64_t now_ms, struct budget *b)
{
    *b = (struct budget){.scope = (enum scope)sqlite3_column_int(st, 0)};
    if (b->scope == SCOPE_PROJECT)
        db_copy(db, b->project, sizeof b->project, st, 1);
    else if (b->scope == SCOPE_TOKEN)
        b->token_id = sqlite3_column_int64(st, 1);
    b->limit = sqlite3_column_int64(st, 2);
    b->per_request = sqlite3_column_int64(st, 3);
    b->period = (enum period_kind)sqlite3_column_int(st, 4);
    b->period_days = sqlite3_column_int(st, 5);
    db_copy(db, b->timezone, sizeof b->timezone, st, 6);
    b->enforcement = (enum enforcement)sqlite3_column_int(st, 7);
    b->predictor = (enum predictor)sqlite3_column_int(st, 8);
    budget_alerts_read(db_text(db, st, 9), b);
    db_copy(db, b->alert_url, sizeof b->alert_url, st, 10);
    b->period_start = sqlite3_column_int64(st, 11);
    b->period_end = sqlite3_column_int64(st, 12);
    b->spent = sqlite3_column_int64(st, 13);
    b->reserved = sqlite3_column_int64(st, 14);
    budget_roll(b, now_ms);
}

int sqlite_budget_get(struct ledger *base, enum scope scope, const char *key, int64_t now_ms,
                      struct budget *out, struct err *e)
{
    struct sqlite_ledger *l = sqlite_of(base);
    struct db *db = reader_begin(l, e);
    struct budget b;
    sqlite3_stmt *st;
    int got;

    if (!db)
        return -1;
    st = db_bind(db, one, "it", (int64_t)scope, key);
    got = db_step(db, st);
    if (got > 0) {
        read_budget(db, st, now_ms, &b);
        db_done(st);
    }
    if (reader_end(l, db, e) != 0)
        return -1;
    if (got == 0)
        return err_set(e, ERR_NOT_FOUND, "No budget set for this %s", scope_name(scope));
    *out = b;
    return 0;
}

int sqlite_budget_each(struct ledger *base, int64_t now_ms,
                       void (*f)(void *ctx, const struct budget *b), void *ctx, struct err *e)
{
    struct sqlite_ledger *l = sqlite_of(base);
    struct db *db = reader_begin(l, e);
    struct budget b;
    sqlite3_stmt *st;

    if (!db)
        return -1;
    st = db_bind(db, all, "i", (int64_t)SCOPE_RUN);
    while (db_step(db, st) > 0) {
        read_budget(db, st, now_ms, &b);
        f(ctx, &b);
    }
    return reader_end(l, db, e);
}
