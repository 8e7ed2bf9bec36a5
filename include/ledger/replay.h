/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_REPLAY_H
#define LEDGER_REPLAY_H

#include "ledger/decide.h"

/*
 * The heart of a proof, the same for every engine: every admission and end, in the order in which
 * they happened, against the limits as they were then. One thread.
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

/* Before the first event: the periods by ascending id, with the spent whose rows were compacted and
 * what is kept of each; then their limits, by period and event. ERR_MEMORY, ERR_CORRUPT. */
int replay_period(struct replay *r, int64_t id, nano_t archived, nano_t kept_spent,
                  nano_t kept_held, struct err *e) MUST_CHECK;
int replay_cap(struct replay *r, int64_t period, int64_t seq, nano_t cap, struct err *e) MUST_CHECK;

/* By ascending id. ERR_CORRUPT names the violation. */
int replay_event(struct replay *r, const struct event *ev, struct err *e) MUST_CHECK;
/* After the last: does every period end as it is kept? */
int replay_end(struct replay *r, struct err *e) MUST_CHECK;
void replay_finish(struct replay *r);

#endif
