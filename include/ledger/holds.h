/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_HOLDS_H
#define LEDGER_HOLDS_H

#include "ledger/decide.h"
#include "ledger/map.h"

/*
 * The holds of this daemon: the open ones, and the last that ended, so that a repeated request or
 * settlement is known as such. What a group changes is taken back by holds_rollback(), without
 * allocating. Only who writes may touch it.
 */

struct hold {
    struct map_node by_id, by_request;
    struct hold *prev, *next;   /* open ones, by admission */
    struct hold *next_in_group; /* among those admitted, or ended, in this group */
    int64_t id;                 /* 0 until admitted */
    enum hold_state state;
    struct reservation r; /* provider and endpoint are not kept */
    struct verdict verdict;
    nano_t amount;
    int64_t at[ATS];                            /* periods; 0: none */
    int64_t project, provider, endpoint, model; /* names */
    int64_t opened_ns;                          /* monotonic */
};

#define HOLDS_REMEMBERED 1024

struct holds {
    struct map by_id, by_request;
    struct hold *oldest, *newest;
    struct hold *admitted, *ended; /* in this group */
    struct hold *past[HOLDS_REMEMBERED];
    size_t past_at;
    int64_t open; /* and what they hold */
    nano_t held;
};

/* What h remembers of its request, by the verdict on it. */
void hold_fill(struct hold *h, const struct reservation *r, const struct verdict *v);

/* What is left of it when h was read: the budgets' figures of that moment are not kept. */
struct verdict hold_verdict(const struct hold *h, bool strict);

/* May h (NULL: there is none) end so? ERR_NOT_FOUND, ERR_EXISTS. */
int hold_check_end(const struct hold *h, int64_t id, enum hold_state to, struct err *e) MUST_CHECK;

int holds_init(struct holds *hs, struct err *e) MUST_CHECK;
void holds_finish(struct holds *hs);

struct hold *holds_find(const struct holds *hs, int64_t id);
struct hold *holds_find_request(const struct holds *hs, const char *request_id);

/* Takes h over: it is open from now on; holds_rollback() hands it back. */
void holds_admit(struct holds *hs, struct hold *h);
void holds_end(struct holds *hs, struct hold *h, enum hold_state state);
/* Takes h over as one that ended in an earlier life. */
void holds_recall(struct holds *hs, struct hold *h);

/* By the outcome of COMMIT, one of the two. */
void holds_commit(struct holds *hs);
void holds_rollback(struct holds *hs);

#endif
