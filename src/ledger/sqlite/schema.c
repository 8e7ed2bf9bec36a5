/* SPDX-License-Identifier: MIT */
#include "ledger/sqlite/schema.h"

#include <stdio.h>

#define APPLICATION_ID 0x74636170 /* "tcap" */

/*
 * Amounts are nanodollars, times milliseconds, days those since 1970 in UTC. seq counts events:
 * every admission, end and limit takes the next number, so that their order can be replayed. `name`
 * keeps each project, model, provider … once. at1…at4: the periods a hold counts against (global,
 * project, token, run), 0 for none.
 */
static const char version_1[] =
    "CREATE TABLE ledger("
    " one INTEGER PRIMARY KEY CHECK(one = 1),"
    " seq INTEGER NOT NULL,"           /* the last event */
    " ids INTEGER NOT NULL,"           /* the last id of a budget or period */
    " overrun INTEGER NOT NULL,"       /* actuals above their strict hold, ever */
    " provable_from INTEGER NOT NULL," /* events before this one were compacted */
    " archived_overrun INTEGER NOT NULL"
    ") STRICT;"
    "INSERT INTO ledger VALUES(1, 0, 0, 0, 0, 0);"

    "CREATE TABLE name(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;"

    "CREATE TABLE budget("
    " id INTEGER PRIMARY KEY,"
    " scope INTEGER NOT NULL,"
    " key TEXT NOT NULL," /* '', project, token id, or project/run */
    " cap INTEGER NOT NULL CHECK(cap >= 0),"
    " per_request INTEGER NOT NULL,"
    " period_kind INTEGER NOT NULL, period_days INTEGER NOT NULL, zone TEXT NOT NULL,"
    " enforcement INTEGER NOT NULL, predictor INTEGER NOT NULL,"
    " alerts TEXT NOT NULL, alert_url TEXT NOT NULL,"
    " period INTEGER NOT NULL,"           /* the running one */
    " deleted INTEGER NOT NULL DEFAULT 0" /* when; its periods stay for the proof */
    ") STRICT;"
    "CREATE UNIQUE INDEX budget_live ON budget(scope, key) WHERE deleted = 0;"

    "CREATE TABLE period("
    " id INTEGER PRIMARY KEY,"
    " budget INTEGER NOT NULL,"
    " start INTEGER NOT NULL, end INTEGER NOT NULL,"
    " spent INTEGER NOT NULL CHECK(spent >= 0),"
    " held INTEGER NOT NULL CHECK(held >= 0),"
    " archived INTEGER NOT NULL DEFAULT 0" /* the part of spent whose rows were compacted */
    ") STRICT;"
    "CREATE INDEX period_budget ON period(budget, id);"
    "CREATE TABLE period_cap(period INTEGER NOT NULL, seq INTEGER NOT NULL, cap INTEGER NOT NULL,"
    " PRIMARY KEY(period, seq)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE hold("
    " id INTEGER PRIMARY KEY," /* seq of its admission */
    " request ANY NOT NULL,"   /* the 16 bytes of req_…, or another text */
    " project INTEGER NOT NULL, token INTEGER NOT NULL,"
    " provider INTEGER NOT NULL, endpoint INTEGER NOT NULL, model INTEGER NOT NULL,"
    " at1 INTEGER NOT NULL, at2 INTEGER NOT NULL, at3 INTEGER NOT NULL, at4 INTEGER NOT NULL,"
    " amount INTEGER NOT NULL CHECK(amount >= 0), estimate INTEGER NOT NULL,"
    " strict INTEGER NOT NULL, input INTEGER NOT NULL, output INTEGER NOT NULL,"
    " created INTEGER NOT NULL"
    ") STRICT;"

    "CREATE TABLE usage("
    " id INTEGER PRIMARY KEY," /* that of its hold */
    " request ANY NOT NULL,"
    " project INTEGER NOT NULL, token INTEGER NOT NULL,"
    " provider INTEGER NOT NULL, endpoint INTEGER NOT NULL, model INTEGER NOT NULL,"
    " at1 INTEGER NOT NULL, at2 INTEGER NOT NULL, at3 INTEGER NOT NULL, at4 INTEGER NOT NULL,"
    " lag INTEGER NOT NULL," /* seq of its end, minus id */
    " state INTEGER NOT NULL,"
    " strict INTEGER NOT NULL, streamed INTEGER NOT NULL, status INTEGER NOT NULL,"
    " amount INTEGER NOT NULL, estimate INTEGER NOT NULL, cost INTEGER NOT NULL CHECK(cost >= 0),"
    " input INTEGER NOT NULL, output INTEGER NOT NULL," /* predicted */
    " t0 INTEGER NOT NULL, t1 INTEGER NOT NULL, t2 INTEGER NOT NULL, t3 INTEGER NOT NULL,"
    " t4 INTEGER NOT NULL, t5 INTEGER NOT NULL, t6 INTEGER NOT NULL, t7 INTEGER NOT NULL,"
    " t8 INTEGER NOT NULL," /* tokens by kind (enum token_kind) */
    " reasoning INTEGER NOT NULL,"
    " version INTEGER NOT NULL, rule INTEGER NOT NULL, confidence INTEGER NOT NULL,"
    " created INTEGER NOT NULL, duration INTEGER NOT NULL, ttft INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX usage_project ON usage(project);"
    "CREATE INDEX usage_model ON usage(model);"
    "CREATE INDEX usage_both ON usage(project, model);"

    "CREATE TABLE voided(id INTEGER PRIMARY KEY, lag INTEGER NOT NULL, amount INTEGER NOT NULL,"
    " at1 INTEGER NOT NULL, at2 INTEGER NOT NULL, at3 INTEGER NOT NULL, at4 INTEGER NOT NULL"
    ") STRICT;"

    "CREATE TABLE total(project INTEGER PRIMARY KEY, requests INTEGER NOT NULL,"
    " input INTEGER NOT NULL, output INTEGER NOT NULL, cost INTEGER NOT NULL) STRICT;"
    "CREATE TABLE daily(project INTEGER NOT NULL, day INTEGER NOT NULL, model INTEGER NOT NULL,"
    " requests INTEGER NOT NULL, input INTEGER NOT NULL, output INTEGER NOT NULL,"
    " cost INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL," /* ids of usage */
    " PRIMARY KEY(project, day, model)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE archive(project INTEGER NOT NULL, day INTEGER NOT NULL, model INTEGER NOT NULL,"
    " requests INTEGER NOT NULL, input INTEGER NOT NULL, output INTEGER NOT NULL,"
    " cost INTEGER NOT NULL, PRIMARY KEY(project, day, model)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE series(hour INTEGER NOT NULL, view INTEGER NOT NULL, key INTEGER NOT NULL,"
    " requests INTEGER NOT NULL, estimated INTEGER NOT NULL, input INTEGER NOT NULL,"
    " output INTEGER NOT NULL, cached INTEGER NOT NULL, written INTEGER NOT NULL,"
    " reasoning INTEGER NOT NULL, duration INTEGER NOT NULL, streams INTEGER NOT NULL,"
    " ttft INTEGER NOT NULL, cost INTEGER NOT NULL, predicted INTEGER NOT NULL,"
    " saved INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL," /* ids of usage */
    " PRIMARY KEY(hour, view, key)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE alert(id TEXT PRIMARY KEY, scope INTEGER NOT NULL, key TEXT NOT NULL,"
    " period INTEGER NOT NULL, threshold INTEGER NOT NULL," /* when it began; a percentage, 0: spike
                                                             */
    " created INTEGER NOT NULL, state INTEGER NOT NULL,"    /* 0 waits, 1 delivered, 2 given up */
    " tries INTEGER NOT NULL, next INTEGER NOT NULL, url TEXT NOT NULL, body TEXT NOT NULL,"
    " UNIQUE(scope, key, period, threshold)) STRICT;"
    "CREATE INDEX alert_waiting ON alert(next) WHERE state = 0;"

    "CREATE TABLE token(id INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE,"
    " project TEXT NOT NULL, models TEXT NOT NULL, label TEXT NOT NULL,"
    " created INTEGER NOT NULL, expires INTEGER NOT NULL, revoked INTEGER NOT NULL) STRICT;"

    "CREATE TABLE state(key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;";

static const char *const steps[SCHEMA_VERSION] = {version_1};

static int versions(struct db *db, int64_t *app, int64_t *version, struct err *e)
{
    bool found;

    if (db_int(db, app, &found, "PRAGMA application_id", "") != 0 ||
        db_int(db, version, &found, "PRAGMA user_version", "") != 0)
        return db_error(db, e);
    return 0;
}

static int refuse_newer(int64_t version, struct err *e)
{
    return err_set(e, ERR_INVALID,
                   "it has schema %lld, this program knows up to %d: use the newer tokencap",
                   (long long)version, SCHEMA_VERSION);
}

static int upgrade(struct db *db, int64_t version, struct err *e)
{
    char mark[96];

    snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             APPLICATION_ID, SCHEMA_VERSION);
    if (db_exec(db, "BEGIN IMMEDIATE") != 0)
        return db_error(db, e);
    for (int64_t v = version; v < SCHEMA_VERSION; v++)
        if (db_exec(db, steps[v]) != 0)
            goto rollback;
    if (db_exec(db, mark) != 0 || db_exec(db, "COMMIT") != 0)
        goto rollback;
    return 0;
rollback:
    db_error(db, e);
    db_rollback(db);
    return -1;
}

int schema_prepare(struct db *db, struct err *e)
{
    int64_t app, version, tables;
    bool found;

    if (versions(db, &app, &version, e) != 0)
        return -1;
    if (db_int(db, &tables, &found, "SELECT count(*) FROM sqlite_schema", "") != 0)
        return db_error(db, e);
    if (app != APPLICATION_ID && (app || version || tables))
        return err_set(e, ERR_CORRUPT, "it is the database of another program");
    if (version > SCHEMA_VERSION)
        return refuse_newer(version, e);
    /* Only now is it certain to be ours. A no-op where it is WAL already. */
    if (db_exec(db, "PRAGMA journal_mode = WAL") != 0)
        return db_error(db, e);
    return version == SCHEMA_VERSION ? 0 : upgrade(db, version, e);
}

int schema_expect(struct db *db, struct err *e)
{
    int64_t app, version;

    if (versions(db, &app, &version, e) != 0)
        return -1;
    if (app != APPLICATION_ID)
        return err_set(e, ERR_CORRUPT, "it is not a tokencap database");
    if (version > SCHEMA_VERSION)
        return refuse_newer(version, e);
    if (version < SCHEMA_VERSION)
        return err_set(e, ERR_INVALID,
                       "it has the older schema %lld: start tokencapd once to upgrade it",
                       (long long)version);
    return 0;
}
