/* SPDX-License-Identifier: MIT */
#include "ledger/postgresql/inspect.h"

#include <stdlib.h>

#define SERVER_MIN 120000 /* PostgreSQL 12 */
#define DENIED     "42501"

static const char what_is_there[] = "SELECT (to_regnamespace('tokencap') IS NOT NULL)::int,"
                                    " has_schema_privilege(to_regnamespace('tokencap'), 'USAGE')"
                                    "::int";
/* Two columns, numbers, that every version of ours has. */
#define COLUMN(table, name)                                                                        \
    "(SELECT count(*) FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass('tokencap." table  \
    "') AND attname = '" name "' AND atttypid IN (20, 23))"
static const char what_is_ours[] =
    "SELECT " COLUMN("version", "version") " + " COLUMN("ledger", "provable_from");
static const char what_version[] = "SELECT v.version FROM tokencap.version v";

/* FOR UPDATE and FOR SHARE need UPDATE. */
static const struct need {
    const char *name, *rights;
} needs[] = {
    {"version", "SELECT"},
    {"ledger", "SELECT UPDATE"},
    {"change", "SELECT UPDATE"},
    {"daemon", "SELECT INSERT UPDATE DELETE"},
    {"name", "SELECT INSERT"},
    {"budget", "SELECT INSERT UPDATE"},
    {"period", "SELECT INSERT UPDATE"},
    {"period_cap", "SELECT INSERT"},
    {"hold", "SELECT INSERT UPDATE DELETE"},
    {"usage", "SELECT INSERT"},
    {"voided", "SELECT INSERT"},
    {"total", "SELECT INSERT UPDATE"},
    {"daily", "SELECT INSERT UPDATE"},
    {"archive", "SELECT"},
    {"series", "SELECT INSERT UPDATE"},
    {"alert", "SELECT INSERT UPDATE DELETE"},
    {"token", "SELECT INSERT UPDATE"},
    {"state", "SELECT INSERT UPDATE DELETE"},
    {"event", "UPDATE"},
    {"flush", "UPDATE"},
};

/* The first that is not there, or that we may not do. */
static const char what_is_wanting[] =
    "SELECT w.name, r.what, (to_regclass('tokencap.' || w.name) IS NULL)::int"
    " FROM unnest($1::text[], $2::text[]) WITH ORDINALITY w(name, rights, n)"
    " CROSS JOIN LATERAL regexp_split_to_table(w.rights, ' ') WITH ORDINALITY r(what, n)"
    " WHERE has_table_privilege(to_regclass('tokencap.' || w.name), r.what) IS NOT TRUE"
    " ORDER BY w.n, r.n LIMIT 1";

int inspect_server(struct pq *q, struct err *e)
{
    int v = PQserverVersion(q->conn);

    if (v >= SERVER_MIN)
        return 0;
    return err_set(e, ERR_INVALID,
                   "the ledger's database is of PostgreSQL %d, but at least %d is needed",
                   v / 10000, SERVER_MIN / 10000);
}

static int is_ours(struct pq *q, struct err *e)
{
    PGresult *res = pq_query(q, what_is_ours, "");
    bool ours;

    if (!res)
        return pq_error(q, e);
    ours = pq_int(res, 0, 0) == 2;
    PQclear(res);
    if (ours)
        return 0;
    return err_set(e, ERR_INVALID,
                   "the ledger's database has a schema \"tokencap\" that is not tokencap's: give "
                   "the ledger a database of its own");
}

/* *there: there is a schema of ours, and it can be used. */
static int find_schema(struct pq *q, bool *there, struct err *e)
{
    PGresult *res = pq_query(q, what_is_there, "");
    bool usable;

    if (!res)
        return pq_error(q, e);
    *there = pq_int(res, 0, 0) != 0;
    usable = pq_int(res, 0, 1) != 0;
    PQclear(res);
    if (*there && !usable)
        return err_set(e, ERR_INVALID,
                       "the user has no right to the ledger's database: it needs USAGE on its "
                       "schema \"tokencap\", and rights on the tables");
    return *there ? is_ours(q, e) : 0;
}

static int lacks(const char *right, const char *table, struct err *e)
{
    return err_set(e, ERR_INVALID,
                   "the user has not enough rights to the ledger's database: it needs %s on "
                   "tokencap.%s",
                   right, table);
}

int inspect_version(struct pq *q, int known, int *version, struct err *e)
{
    PGresult *res;
    bool there = false;
    int found;

    if (find_schema(q, &there, e) != 0)
        return -1;
    if (!there) {
        *version = 0;
        return 0;
    }
    res = pq_query(q, what_version, "");
    if (!res)
        return strcmp(q->state, DENIED) == 0 ? lacks("SELECT", "version", e) : pq_error(q, e);
    found = PQntuples(res) == 1 ? (int)pq_int(res, 0, 0) : 0;
    PQclear(res);
    if (found == 0)
        return err_set(e, ERR_CORRUPT, "the ledger's database has lost its schema's version");
    if (found > known)
        return err_set(e, ERR_INVALID,
                       "the ledger's database has schema %d, this program knows up to %d: use the "
                       "newer tokencap",
                       found, known);
    *version = found;
    return 0;
}

/* What the row says is wanting. */
static int wanting(const PGresult *res, struct err *e)
{
    const char *name = PQgetvalue(res, 0, 0);

    if (pq_int(res, 0, 2))
        return err_set(e, ERR_CORRUPT, "the ledger's database has lost tokencap.%s", name);
    return lacks(PQgetvalue(res, 0, 1), name, e);
}

int inspect_rights(struct pq *q, struct err *e)
{
    struct buf names, rights;
    PGresult *res;
    int rc;

    buf_init(&names, 0);
    buf_init(&rights, 0);
    array_open(&names);
    array_open(&rights);
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        array_text(&names, span_of(needs[i].name));
        array_text(&rights, span_of(needs[i].rights));
    }
    array_close(&names);
    array_close(&rights);
    res = pq_query(q, what_is_wanting, "aa", &names, &rights);
    buf_finish(&names);
    buf_finish(&rights);
    if (!res)
        return pq_error(q, e);
    rc = PQntuples(res) ? wanting(res, e) : 0;
    PQclear(res);
    return rc;
}
