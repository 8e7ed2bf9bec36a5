/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_POSTGRESQL_INNER_H
#define LEDGER_POSTGRESQL_INNER_H

#include "ledger/postgresql/engine.h"
#include "ledger/postgresql/group.h"
#include "ledger/postgresql/keeper.h"
#include "ledger/postgresql/reader.h"

/* The engine on PostgreSQL. Each member says whose it is. */

struct pg_ledger {
    struct ledger base;
    char *dsn;
    const char *password; /* NULL: libpq looks for it itself */
    bool durable;
    int patience_ms; /* how long a lost connection is tried again before work is given up */
    int lease_ms;
    struct pq q;            /* the writer thread's, and open's and close's */
    int64_t retry_ns;       /* likewise: a lost connection is not tried again before that */
    struct holds holds;     /* likewise */
    struct group *group;    /* likewise */
    _Atomic int64_t daemon; /* the id of our lease; the writer thread sets it */
    _Atomic int64_t leased_until_ns; /* monotonic; a margin before the lease ends */
    _Atomic int64_t steady_since_ns; /* from then on it was renewed without a gap */
    int64_t renewed_ns;              /* the writer thread's: the last time */
    _Atomic int64_t doubt_ns; /* when a hold was last given up that may be there; 0: none is */
    void (*on_reload)(void);  /* NULL: nobody wants to know */
    struct readers readers;
    struct keeper keeper;
};

static inline struct pg_ledger *pg_of(const struct ledger *l)
{
    return MAP_OWNER(l, struct pg_ledger, base);
}

/* May new money be held? Any thread. */
bool pg_leased(const struct pg_ledger *l);

/* A hold may turn up that nobody has been told of: the keeper will look for it. */
void pg_doubt(struct pg_ledger *l);

/* What all budgets of a request leave, by the tightest; -1 without a budget. For an operation that
 * wanted them. */
int pg_remaining(struct group *g, const struct reservation *r, int64_t now_ms,
                 nano_t *out) MUST_CHECK;

/* The tokens that are in memory become those of the database. */
int pg_tokens_load(struct pg_ledger *l, struct pq *q, struct err *e) MUST_CHECK;

/* Tells q where the ledger is. */
void pg_ledger_address(const struct pg_ledger *l, struct pq *q);
/* Connects, with the sentence for what is wrong. */
int pg_ledger_connect(struct pg_ledger *l, struct pq *q, struct err *e) MUST_CHECK;

#endif
