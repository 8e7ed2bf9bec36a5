/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_POSTGRESQL_PQ_H
#define LEDGER_POSTGRESQL_PQ_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "ledger/watched.h"

/*
 * One connection to PostgreSQL, always in pipeline mode: statements are asked, and sent together
 * when their answers are wanted, so that many cost one round trip. A pooler may stand between, that
 * lends a session for one transaction: nothing that lives longer is relied on, kept statements
 * neither. One thread at a time.
 *
 * The first failure is remembered until pq_forget(): a caller may ask and take, and look once.
 */

enum pq_failure {
    PQ_FINE,
    PQ_LOST,  /* the connection: what was sent may have happened, or not */
    PQ_AGAIN, /* met another transaction (serialization, deadlock, a unique key): try again */
    PQ_BUSY,  /* passes: locks, no room, read-only for the moment */
    PQ_FAULT, /* this statement's own */
    PQ_FATAL, /* rights, or the schema, are gone */
};

struct pq {
    PGconn *conn;         /* NULL: not connected */
    char *dsn;            /* borrowed */
    const char *password; /* likewise; NULL: libpq looks for it itself */
    enum pq_failure failed;
    char state[6]; /* its SQLSTATE, or "" */
    char why[320];
    int asked; /* answers that are still to come, the sync included */
    const char *const *kept;
    int nkept;
    uint64_t kept_hash;                                         /* of them all */
    enum kept_way { KEPT_NAMED, KEPT_PREPARE, KEPT_PLAIN } way; /* of the next transaction */
    bool plain;                                                 /* this one's */
    struct watched *watched; /* long work: no answer is too late, but it may be stopped */
};

/* ERR_USAGE: the address cannot mean anything; ERR_BUSY: nobody answers, or we are refused, which
 * is remembered as well. */
int pq_connect(struct pq *q, int timeout_s, struct err *e) MUST_CHECK;
void pq_close(struct pq *q); /* also when not connected */
bool pq_connected(const struct pq *q);

/* Asks a statement. types: i int64_t, t const char *, a const struct buf * (its text). Failures are
 * remembered. */
void pq_ask(struct pq *q, const char *sql, const char *types, ...);
/* The same with ready texts. */
void pq_ask_texts(struct pq *q, const char *sql, int n, const char *const *texts);
/*
 * Statements that a session parses and plans once, as prepared ones; they are asked by their
 * number. A transaction that asks any says so after its BEGIN; so many answers come besides. One
 * that a pooler gives to a session without them fails once, PQ_AGAIN.
 */
void pq_keep(struct pq *q, const char *const *statements, int n);
int pq_ask_to_keep(struct pq *q);
void pq_ask_kept(struct pq *q, int kept, const char *types, ...);
void pq_ask_kept_texts(struct pq *q, int kept, int n, const char *const *texts);
/* Sends what was asked; the answers follow. */
void pq_send(struct pq *q);
/* The answer to the next statement, for PQclear(); NULL after a failure. */
PGresult *pq_take(struct pq *q);
/* Reads what is left of the answers. 0, or -1 with the failure remembered. */
int pq_end(struct pq *q) MUST_CHECK;

/* One statement on its own. NULL on failure. */
PGresult *pq_query(struct pq *q, const char *sql, const char *types, ...);

/* Fills e from the remembered failure and returns -1. */
int pq_error(const struct pq *q, struct err *e);
#ifdef __clang_analyzer__ /* as with err_set() */
#define pq_error(...) ((void)pq_error(__VA_ARGS__), -1)
#endif
void pq_forget(struct pq *q);
/* Ends whatever transaction a failure left; the failure stays remembered. */
void pq_rollback(struct pq *q);
/* Remembers a failure that libpq did not notice. */
void pq_fail(struct pq *q, enum pq_failure f, const char *why);

/* Column c of row r. */
int64_t pq_int(const PGresult *res, int r, int c);
void pq_copy(char *to, size_t size, const PGresult *res, int r, int c);

/* Array literals, {…}, one element after the other; "{}" when none was added. */
void array_open(struct buf *b);
void array_int(struct buf *b, int64_t v);
void array_text(struct buf *b, struct span s);
void array_bytes(struct buf *b, struct span s);
void array_close(struct buf *b);

#endif
