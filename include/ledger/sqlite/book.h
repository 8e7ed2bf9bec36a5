/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_SQLITE_BOOK_H
#define LEDGER_SQLITE_BOOK_H

#include "ledger/budget_rules.h"
#include "ledger/holds.h"
#include "ledger/map.h"
#include "ledger/period.h"
#include "ledger/sqlite/rollup.h"
#include "ledger/sqlite/series.h"

/*
 * What the writer knows by heart: names, the budgets in use, their running periods, the open holds.
 * It mirrors the database, which has one writer, and is written back once a group: SQL first,
 * memory last. When a group fails, book_rollback() takes the memory back to what is committed,
 * without SQL and without allocating. Only who writes may touch it.
 */

struct period {
    struct map_node node; /* by id */
    int64_t id;
    struct period_span span, saved_span;
    struct figures now, saved; /* in this group, as committed */
    struct figures noted;      /* what settlements that stay behind will add */
    int refs;                  /* holds, and the account whose running period it is */
    bool dirty;
    struct period *next_dirty;
};

/* A budget. id 0: known not to exist. */
struct account {
    struct map_node node; /* by scope and key */
    enum scope scope;
    char key[ACCOUNT_KEY_MAX + 1];
    int64_t id;
    nano_t cap, per_request;
    enum enforcement enforcement;
    enum predictor predictor;
    enum period_kind kind;
    int days;
    char zone[64];
    struct period *running;
};

struct counters {
    int64_t seq, ids;
    nano_t overrun;
};

struct book {
    struct db *db;
    struct map names, accounts, periods;
    struct period *dirty;
    struct holds holds;
    bool new_names, changed;
    struct counters now, saved;
    struct rollup rollup;
    struct series series;
};

int book_init(struct book *b, struct db *db, struct err *e) MUST_CHECK;
void book_finish(struct book *b);

/* Writes back what the group changed; then, by the outcome of COMMIT, one of the two below. */
int book_flush(struct book *b) MUST_CHECK;
void book_commit(struct book *b);
void book_rollback(struct book *b);

/* All below: 0, or -1 with the failure remembered in b->db. */

/* The id of a name, given one when it is new. */
int book_name(struct book *b, const char *text, int64_t *id) MUST_CHECK;

/* The budget of that scope and key as it is now; NULL when there is none. */
int book_account(struct book *b, enum scope scope, const char *key,
                 struct account **out) MUST_CHECK;

/* Forgets what is cached of a budget, after SQL has changed it. */
void book_account_changed(struct book *b, enum scope scope, const char *key);

/* A period by its id; NULL on failure. */
struct period *book_period(struct book *b, int64_t id);
/* NULL: not known by heart. */
struct period *book_period_known(const struct book *b, int64_t id);

/* A new running period of budget `id`, with its cap on record. */
int book_period_new(struct book *b, int64_t budget, struct period_span span, nano_t cap,
                    int64_t *id) MUST_CHECK;

/* Records the cap that holds for a period from now on. */
int book_cap(struct book *b, int64_t period_id, nano_t cap) MUST_CHECK;

/* Starts the next period when the running one is over. */
int book_roll(struct book *b, struct account *a, int64_t now) MUST_CHECK;

/* The next event's or id's number. */
int64_t book_seq(struct book *b);
int64_t book_id(struct book *b);

/* Adds to a period's figures. */
void book_figures(struct book *b, struct period *p, nano_t spent, nano_t held, nano_t likely);
/* Counts a settlement of h as one that stays behind (by 1), or no longer (-1). */
void book_note(struct book *b, const struct hold *h, nano_t cost, int by);
void book_period_end(struct book *b, struct period *p, int64_t end);

/* Takes h over: it is open from now on; book_rollback() hands it back. `counted`: it was open
 * before, and the figures of its periods have it. */
int book_admit(struct book *b, struct hold *h, bool counted) MUST_CHECK;
/* Ends h at that cost; its periods carry it. */
int book_end(struct book *b, struct hold *h, enum hold_state state, nano_t cost) MUST_CHECK;

#endif
