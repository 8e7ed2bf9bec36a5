/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_SQLITE_VERIFY_H
#define LEDGER_SQLITE_VERIFY_H

#include "ledger/sqlite/book.h"

/*
 * The proof of a ledger, in three parts over one state of the database. One thread.
 *
 * replay:  every admission and end, in the order in which they happened, against limits as they
 * were then. sums:    the roll-ups are the sums of the rows. verify:  the structure, and the two
 * above.
 */

/* One hold, ended or open. */
struct event {
    int64_t id, end; /* INT64_MAX: still open */
    nano_t amount, cost;
    int64_t at[ATS];
};

struct replay_period {
    int64_t id;
    nano_t spent, held; /* as replayed so far */
    nano_t kept_spent, kept_held;
    size_t cap, caps; /* the cap in force, the end of its caps */
};

struct replay_cap {
    int64_t seq;
    nano_t cap;
};

struct replay {
    struct replay_period *periods;
    size_t nperiods;
    struct replay_cap *caps;
    size_t ncaps;
    struct event *open; /* a heap, the first end on top */
    size_t nopen;
    int64_t provable_from, checked, last_end;
};

int replay_init(struct replay *r, struct db *db, struct err *e) MUST_CHECK;
void replay_finish(struct replay *r);
/* By ascending id. ERR_CORRUPT names the violation. */
int replay_event(struct replay *r, const struct event *ev, struct err *e) MUST_CHECK;
/* After the last: does every period end as it is kept? */
int replay_end(struct replay *r, struct err *e) MUST_CHECK;

struct sums {
    struct map by_key;
};

int sums_init(struct sums *s, struct db *db, struct err *e) MUST_CHECK;
void sums_finish(struct sums *s);
int sums_add(struct sums *s, const struct rollup_row *row, struct err *e) MUST_CHECK;
int sums_end(struct sums *s, struct db *db, struct err *e) MUST_CHECK;

#endif
