/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_POSTGRESQL_GROUP_H
#define LEDGER_POSTGRESQL_GROUP_H

#include "base/arena.h"
#include "ledger/budget_rules.h"
#include "ledger/decide.h"
#include "ledger/map.h"
#include "ledger/holds.h"
#include "ledger/postgresql/pq.h"
#include "ledger/writer.h"

/*
 * One group of operations as one transaction, in two round trips however many there are:
 *
 *   ask     BEGIN; the budgets concerned, locked in the order of their ids; their periods; the
 * holds that are to end; as many event numbers as may be needed (each operation runs, in memory, on
 * what was found) tell    what they changed, a statement a table, from arrays; COMMIT
 *
 * Every figure of a period is read and written under the lock of its budget, so a group decides as
 * if it were alone, at any isolation level; what meets another transaction all the same is run
 * again. Nothing but names is remembered between groups. On the writer thread.
 */

struct pg_ledger;
struct group;

struct pg_op {
    struct op op;
    /* Says what it will need (group_want_…), and may ask one statement of its own in the same
     * transaction, whose answer it hears before it runs. May be called again. NULL: nothing. */
    void (*want)(struct group *g, struct pg_op *o);
    void (*ask)(struct pq *q, struct pg_op *o); /* exactly one; NULL: none */
    void (*hear)(struct pg_op *o, const PGresult *res);
    void (*committed)(struct pg_op *o); /* NULL: nothing more */
    bool in_doubt; /* it may be there already: the connection was lost over it, or it met itself */
};

static inline struct pg_op *pg_op_of(struct op *op)
{
    return MAP_OWNER(op, struct pg_op, op);
}

struct period {
    struct map_node node; /* by id */
    int64_t id, budget;
    struct period_span span;
    struct figures now;
    bool fresh, dirty;
    struct period *next;
};

/* A budget. id 0: there is none. */
struct account {
    struct map_node node; /* by scope and key */
    int64_t id;
    struct budget b;
    char key[ACCOUNT_KEY_MAX + 1];
    int64_t deleted;
    struct period *running;
    bool fresh, dirty;
    struct account *next;
};

/* ---- what an operation may want ---- */

void group_want_budgets(struct group *g, const struct reservation *r); /* all that concern it */
void group_want_budget(struct group *g, enum scope scope, const char *key);
void group_want_hold(struct group *g, const struct hold *h);      /* its row and periods */
void group_want_end(struct group *g, int64_t hold_id);            /* in doubt: how did it end? */
void group_want_request(struct group *g, const char *request_id); /* in doubt: is it held? */
void group_want_name(struct group *g, const char *text);
void group_want_numbers(struct group *g, int n);

/* ---- what it then finds, and does ---- */

struct account *group_account(struct group *g, enum scope scope, const char *key); /* NULL: none */
struct period *group_period(struct group *g, int64_t id);                          /* NULL: none */
int64_t group_name(struct group *g, const char *text);
int64_t group_number(struct group *g);
bool group_hold_is_open(struct group *g, int64_t id);
/* HOLD_OPEN when it did not end. */
enum hold_state group_hold_end(struct group *g, int64_t id);
enum held { NOT_HELD, HELD_BY_US, HELD_BY_ANOTHER };
/* When it is ours, into *h: its id, amounts and periods. */
enum held group_request_held(struct group *g, const char *request_id, struct hold *h);
bool group_leased(struct group *g); /* may this daemon hold money? */

/* Starts the next period when the running one is over. NULL-free: -1 is no memory, remembered. */
int group_roll(struct group *g, struct account *a, int64_t now) MUST_CHECK;
int group_period_new(struct group *g, struct account *a, struct period_span span) MUST_CHECK;
void group_cap(struct group *g, int64_t period, nano_t cap);
struct account *group_budget_new(struct group *g, const struct budget *b, const char *key,
                                 struct period_span first);
void group_changed(struct group *g, struct account *a);
void group_figures(struct group *g, struct period *p, nano_t spent, nano_t held, nano_t likely);
void group_overrun(struct group *g, nano_t overrun);

/* Rows for the tables, a value for each letter of its types: i int64_t, t struct span. */
enum rows {
    ROWS_BUDGET,
    ROWS_PERIOD,
    ROWS_NEW_BUDGET,
    ROWS_NEW_PERIOD,
    ROWS_CAP,
    ROWS_HOLD_END,
    ROWS_HOLD,
    ROWS_USAGE,
    ROWS_VOIDED,
    ROWS_SUMS,
    ROWS_ALL
};
void group_row(struct group *g, enum rows rows, ...);

/* ---- the group ---- */

/* Arrays of what is wanted. */
enum want {
    WANT_NAMES,
    WANT_SCOPES,
    WANT_KEYS,
    WANT_HOLDS,
    WANT_PERIODS, /* of those holds */
    WANT_ENDS,
    WANT_REQUESTS,
    WANTS
};

#define COLUMNS_MAX 40

struct rows_of {
    struct buf columns[COLUMNS_MAX]; /* arrays, open until they are told */
    int64_t n;
};

struct group {
    struct pg_ledger *l;
    struct pq *q;
    struct map names; /* by text; the only thing that lasts */

    struct arena memory;
    struct map accounts, periods;
    struct account *account_list;
    struct period *period_list;
    struct buf want[WANTS];
    int preparing;   /* statements that this transaction prepares */
    int64_t numbers; /* wanted */
    int64_t *number, next_number, last_number;
    PGresult *found_holds, *found_ends, *found_requests;
    bool leased, changed;
    nano_t overrun;
    struct rows_of rows[ROWS_ALL];
};

int group_create(struct pg_ledger *l, struct group **out, struct err *e) MUST_CHECK;
void group_destroy(struct group *g);
/* Forgets all but the names. */
void group_reset(struct group *g);

/* The names that are new get their ids, in a transaction of their own. */
void group_learn_names(struct group *g);
void group_forget_names(struct group *g);
/* The first round trip: asks for what was wanted, and what operations ask themselves. Failures are
 * remembered in g->q. */
void group_ask(struct group *g, struct op *ops);
void group_hear(struct group *g, struct op *ops);
/* What was changed, asked; COMMIT is the caller's. */
void group_tell(struct group *g);

extern const struct writer_work pg_group_work;

#endif
