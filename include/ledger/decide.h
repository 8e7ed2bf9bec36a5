/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_DECIDE_H
#define LEDGER_DECIDE_H

#include "ledger/ledger.h"

/* May a request go? Pure: figures in, verdict out; the same for every engine. */

/* The periods that a hold counts against, by scope. */
enum { AT_GLOBAL, AT_PROJECT, AT_TOKEN, AT_RUN, ATS };

struct figures {
    nano_t spent, held;
    nano_t likely; /* what the open holds will probably cost */
};

/* What one budget says about a request. */
struct claim {
    enum scope scope;
    void *account; /* the engine's; NULL: a run's budget that this request brings along */
    nano_t cap, per_request;
    struct figures f;
    int64_t end;
    enum enforcement enforcement;
    enum predictor predictor;
};

struct claims {
    int n;
    struct claim at[ATS]; /* from the global to the most particular budget */
    bool new_run;
};

/* Do budgets of that scope concern the request? */
bool scope_concerns(const struct reservation *r, enum scope s);

/* All budgets that concern the request, as they are at now_ms. find() is the engine's: of c->scope,
 * it fills *c when there is a budget with that key. -1 when find() said so. */
int claims_gather(const struct reservation *r, int64_t now_ms,
                  int (*find)(void *ctx, const char *key, int64_t now_ms, struct claim *c),
                  void *ctx, struct claims *out) MUST_CHECK;

/* ERR_INVALID: amounts out of range, or something missing. */
int reservation_check(const struct reservation *r, struct err *e) MUST_CHECK;

/* `strict`: what a budget enforces that says nothing itself. */
void decide(const struct reservation *r, const struct claims *cs, bool strict, struct verdict *v);

/* What the tightest leaves; -1 without any. */
nano_t claims_remaining(const struct claims *cs);

#endif
