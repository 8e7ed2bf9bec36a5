/* SPDX-License-Identifier: MIT */
#include "ledger/postgresql/schema.h"

#include "ledger/postgresql/inspect.h"

/*
 * Amounts are nanodollars, times milliseconds (but a daemon's, which are the server's own). Every
 * admission, end and limit takes the next number of `event` while it has the budgets concerned
 * locked, so that for each period the order of the numbers is the order in which things happened.
 * Budgets and periods take theirs from the same sequence. Gaps mean nothing.
 */
static const char *const version_1[] = {
    "CREATE SCHEMA tokencap",
    "CREATE TABLE tokencap.version(one integer PRIMARY KEY CHECK (one = 1),"
    " version integer NOT NULL)",
    "INSERT INTO tokencap.version VALUES (1, 0)",
    "CREATE SEQUENCE tokencap.event",
    "CREATE SEQUENCE tokencap.flush", /* never counts: to set it is the smallest durable commit */
    "CREATE TABLE tokencap.ledger("
    " one integer PRIMARY KEY CHECK (one = 1),"
    " overrun bigint NOT NULL," /* actuals above their strict hold, ever */
    " provable_from bigint NOT NULL,"
    " archived_overrun bigint NOT NULL)",
    "INSERT INTO tokencap.ledger VALUES (1, 0, 0, 0)",
    /* Counted up by whoever changes what daemons keep in memory. */
    "CREATE TABLE tokencap.change(topic text PRIMARY KEY, n bigint NOT NULL)",
    "INSERT INTO tokencap.change VALUES ('token', 0), ('price', 0)",
    /* A lease: until `expires` its holds are its own; once `ended`, they are anybody's to end. */
    "CREATE TABLE tokencap.daemon("
    " id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL,"
    " started timestamptz NOT NULL, expires timestamptz NOT NULL, ended timestamptz)"
    " WITH (fillfactor = 50)",
    "CREATE INDEX daemon_living ON tokencap.daemon(expires) WHERE ended IS NULL",

    "CREATE TABLE tokencap.name(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " text text NOT NULL UNIQUE)",

    "CREATE TABLE tokencap.budget("
    " id bigint PRIMARY KEY, scope bigint NOT NULL,"
    " key text NOT NULL," /* '', project, token id, or project/run */
    " cap bigint NOT NULL CHECK (cap >= 0), per_request bigint NOT NULL,"
    " period_kind bigint NOT NULL, period_days bigint NOT NULL, zone text NOT NULL,"
    " enforcement bigint NOT NULL, predictor bigint NOT NULL,"
    " alerts text NOT NULL, alert_url text NOT NULL,"
    " period bigint NOT NULL,"
    " deleted bigint NOT NULL DEFAULT 0) WITH (fillfactor = 50)",
    "CREATE UNIQUE INDEX budget_live ON tokencap.budget(scope, key) WHERE deleted = 0",

    "CREATE TABLE tokencap.period("
    " id bigint PRIMARY KEY, budget bigint NOT NULL,"
    " start bigint NOT NULL, \"end\" bigint NOT NULL,"
    " spent bigint NOT NULL CHECK (spent >= 0),"
    " held bigint NOT NULL CHECK (held >= 0),"
    " likely bigint NOT NULL," /* what the open holds will probably cost */
    " archived bigint NOT NULL DEFAULT 0) WITH (fillfactor = 20)",
    "CREATE INDEX period_budget ON tokencap.period(budget, id)",
    "CREATE TABLE tokencap.period_cap(period bigint NOT NULL, seq bigint NOT NULL,"
    " cap bigint NOT NULL, PRIMARY KEY (period, seq))",

    "CREATE TABLE tokencap.hold("
    " id bigint PRIMARY KEY," /* the number of its admission */
    " request text NOT NULL UNIQUE, daemon bigint NOT NULL,"
    " project bigint NOT NULL, token bigint NOT NULL, provider bigint NOT NULL,"
    " endpoint bigint NOT NULL, model bigint NOT NULL,"
    " at1 bigint NOT NULL, at2 bigint NOT NULL, at3 bigint NOT NULL, at4 bigint NOT NULL,"
    " amount bigint NOT NULL CHECK (amount >= 0), estimate bigint NOT NULL,"
    " strict bigint NOT NULL, input bigint NOT NULL, output bigint NOT NULL,"
    " created bigint NOT NULL)",
    "CREATE INDEX hold_daemon ON tokencap.hold(daemon)",

    "CREATE TABLE tokencap.usage("
    " id bigint PRIMARY KEY, request text NOT NULL,"
    " project bigint NOT NULL, token bigint NOT NULL, provider bigint NOT NULL,"
    " endpoint bigint NOT NULL, model bigint NOT NULL,"
    " at1 bigint NOT NULL, at2 bigint NOT NULL, at3 bigint NOT NULL, at4 bigint NOT NULL,"
    " lag bigint NOT NULL," /* the number of its end, minus id */
    " state bigint NOT NULL, strict bigint NOT NULL, streamed bigint NOT NULL,"
    " status bigint NOT NULL,"
    " amount bigint NOT NULL, estimate bigint NOT NULL, cost bigint NOT NULL CHECK (cost >= 0),"
    " input bigint NOT NULL, output bigint NOT NULL," /* predicted */
    " t0 bigint NOT NULL, t1 bigint NOT NULL, t2 bigint NOT NULL, t3 bigint NOT NULL,"
    " t4 bigint NOT NULL, t5 bigint NOT NULL, t6 bigint NOT NULL, t7 bigint NOT NULL,"
    " t8 bigint NOT NULL, reasoning bigint NOT NULL,"
    " version bigint NOT NULL, rule bigint NOT NULL, confidence bigint NOT NULL,"
    " created bigint NOT NULL, duration bigint NOT NULL, ttft bigint NOT NULL)",
    "CREATE INDEX usage_project ON tokencap.usage(project, id)",
    "CREATE INDEX usage_model ON tokencap.usage(model, id)",
    "CREATE INDEX usage_both ON tokencap.usage(project, model, id)",

    "CREATE TABLE tokencap.voided(id bigint PRIMARY KEY, lag bigint NOT NULL,"
    " amount bigint NOT NULL,"
    " at1 bigint NOT NULL, at2 bigint NOT NULL, at3 bigint NOT NULL, at4 bigint NOT NULL)",

    "CREATE TABLE tokencap.total(project bigint PRIMARY KEY, requests bigint NOT NULL,"
    " input bigint NOT NULL, output bigint NOT NULL, cost bigint NOT NULL)"
    " WITH (fillfactor = 20)",
    "CREATE TABLE tokencap.daily(project bigint NOT NULL, day bigint NOT NULL,"
    " model bigint NOT NULL, requests bigint NOT NULL, input bigint NOT NULL,"
    " output bigint NOT NULL, cost bigint NOT NULL, first bigint NOT NULL, last bigint NOT NULL,"
    " PRIMARY KEY (project, day, model)) WITH (fillfactor = 50)",
    "CREATE TABLE tokencap.archive(project bigint NOT NULL, day bigint NOT NULL,"
    " model bigint NOT NULL, requests bigint NOT NULL, input bigint NOT NULL,"
    " output bigint NOT NULL, cost bigint NOT NULL, PRIMARY KEY (project, day, model))",
    "CREATE TABLE tokencap.series(hour bigint NOT NULL, view bigint NOT NULL, key bigint NOT NULL,"
    " requests bigint NOT NULL, estimated bigint NOT NULL, input bigint NOT NULL,"
    " output bigint NOT NULL, cached bigint NOT NULL, written bigint NOT NULL,"
    " reasoning bigint NOT NULL, duration bigint NOT NULL, streams bigint NOT NULL,"
    " ttft bigint NOT NULL, cost bigint NOT NULL, predicted bigint NOT NULL,"
    " saved bigint NOT NULL, first bigint NOT NULL, last bigint NOT NULL,"
    " PRIMARY KEY (hour, view, key)) WITH (fillfactor = 50)",

    "CREATE TABLE tokencap.alert(id text PRIMARY KEY, scope bigint NOT NULL, key text NOT NULL,"
    " period bigint NOT NULL, threshold bigint NOT NULL, created bigint NOT NULL,"
    " state bigint NOT NULL, tries bigint NOT NULL, next bigint NOT NULL, url text NOT NULL,"
    " body text NOT NULL, UNIQUE (scope, key, period, threshold))",
    "CREATE INDEX alert_waiting ON tokencap.alert(next) WHERE state = 0",

    "CREATE TABLE tokencap.token(id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,"
    " digest bytea NOT NULL UNIQUE, project text NOT NULL, models text NOT NULL,"
    " label text NOT NULL, created bigint NOT NULL, expires bigint NOT NULL,"
    " revoked bigint NOT NULL)",

    "CREATE TABLE tokencap.state(key text COLLATE \"C\" PRIMARY KEY, value bytea NOT NULL)",
    NULL,
};

static const char *const *const steps[PG_SCHEMA_VERSION] = {version_1};

/* By transaction: a pooler that gives each its own session keeps it whole. */
static const char take_turns[] = "SELECT pg_advisory_xact_lock(8386111920118784368)"; /* tcap… */

static int incomplete(struct err *e)
{
    return err_set(e, ERR_INVALID,
                   "a copy into this ledger is not complete: run tokencap ledger copy again");
}

static int upgrade(struct pq *q, int version, struct err *e)
{
    for (int v = version; v < PG_SCHEMA_VERSION; v++)
        for (const char *const *sql = steps[v]; *sql; sql++)
            pq_ask(q, *sql, "");
    pq_ask(q, "UPDATE tokencap.version SET version = $1::int", "i", (int64_t)PG_SCHEMA_VERSION);
    pq_ask(q, "COMMIT", "");
    pq_send(q);
    if (pq_end(q) == 0)
        return 0;
    pq_error(q, e);
    return q->failed != PQ_FATAL
               ? -1
               : err_prefix(e, "cannot make the schema \"tokencap\" (the user needs the right "
                               "CREATE on the database)");
}

static int prepare(struct pq *q, struct err *e)
{
    int version;

    pq_ask(q, "BEGIN ISOLATION LEVEL READ COMMITTED", "");
    pq_ask(q, take_turns, "");
    pq_send(q);
    if (pq_end(q) != 0)
        return pq_error(q, e);
    if (inspect_version(q, PG_SCHEMA_VERSION, &version, e) != 0)
        return -1;
    if (version < 0)
        return incomplete(e);
    return version == PG_SCHEMA_VERSION ? inspect_rights(q, e) : upgrade(q, version, e);
}

int pg_schema_prepare(struct pq *q, struct err *e)
{
    int rc = inspect_server(q, e) != 0 || prepare(q, e) != 0 ? -1 : 0;

    pq_rollback(q);
    pq_forget(q);
    return rc;
}

int pg_schema_copying(struct pq *q, bool *copying, struct err *e)
{
    int version;

    if (inspect_server(q, e) != 0 || inspect_version(q, PG_SCHEMA_VERSION, &version, e) != 0)
        return -1;
    *copying = version < 0;
    return 0;
}

int pg_schema_expect(struct pq *q, struct err *e)
{
    int version;

    if (inspect_server(q, e) != 0 || inspect_version(q, PG_SCHEMA_VERSION, &version, e) != 0)
        return -1;
    if (version < 0)
        return incomplete(e);
    return version == PG_SCHEMA_VERSION
               ? 0
               : err_set(e, ERR_INVALID,
                         "the database has no ledger of this version: start "
                         "tokencapd once with it");
}
