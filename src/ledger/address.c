/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "ledger/engine.h"
#include "ledger/module.h"

/* Which engine an address means: the one place that knows them by name. */

static const struct {
    struct span scheme;
    const struct ledger_engine *engine; /* NULL: in a module */
    const char *module;
} engines[] = {
    {{"sqlite:", 7}, &ledger_sqlite, NULL},
    {{"postgresql://", 13}, NULL, "postgresql"},
    {{"postgres://", 11}, NULL, "postgresql"},
};

#define ENGINES (sizeof engines / sizeof *engines)

int ledger_engine_of(const char *address, const struct ledger_engine **engine, const char **where,
                     struct err *e)
{
    *where = address;
    for (size_t i = 0; i < ENGINES; i++) {
        if (!span_starts(span_of(address), engines[i].scheme))
            continue;
        if (engines[i].module)
            return module_load(engines[i].module, engine, e);
        *engine = engines[i].engine;
        *where = address + engines[i].scheme.n;
        return 0;
    }
    *engine = &ledger_sqlite; /* a plain path is a database of SQLite's */
    return 0;
}

/* Is there a password in a URI: before the @, or among the parameters? */
static bool has_password(struct span uri)
{
    struct span authority, rest, user, parameters;

    span_cut(uri, '?', &rest, &parameters);
    span_cut(rest, '/', &authority, &rest);
    if (span_cut(authority, '@', &user, &rest) && memchr(user.p, ':', user.n))
        return true;
    while (parameters.n) {
        struct span item, name;

        span_cut(parameters, '&', &item, &parameters);
        span_cut(item, '=', &name, &item);
        if (span_eq(name, SPAN("password")) || span_eq(name, SPAN("sslpassword")) ||
            memchr(name.p, '%', name.n)) /* libpq decodes names, too */
            return true;
    }
    return false;
}

int ledger_address_check(struct span address, struct err *e)
{
    for (size_t i = 0; i < ENGINES; i++) {
        struct span rest;

        if (!span_starts(address, engines[i].scheme))
            continue;
        rest = span_skip(address, engines[i].scheme.n);
        if (engines[i].engine ? rest.n > 0 : !has_password(rest))
            return 0;
        if (!engines[i].engine)
            return err_set(e, ERR_INVALID,
                           "the address of a ledger holds no password: put it into the file that "
                           "PGPASSFILE names, or into PGPASSWORD");
    }
    return err_set(e, ERR_INVALID, "it is not " LEDGER_ADDRESSES); /* it may hold a secret */
}
