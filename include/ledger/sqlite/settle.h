/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_SQLITE_SETTLE_H
#define LEDGER_SQLITE_SETTLE_H

#include "ledger/sqlite/inner.h"

/* How a hold ends, in the form that is stored. */
struct ending {
    enum hold_state state;
    nano_t cost;
    bool charge_hold;
    bool tokens_known; /* else the predicted ones are recorded */
    int64_t kinds[TOK_KINDS], reasoning;
    char model[USAGE_MODEL_MAX]; /* "": as asked */
    char price_version[64], price_rule[32], confidence[16];
    int status;
    bool streamed;
    int64_t now_ms, duration_ms, ttft_ms;
    nano_t saved; /* by prompt caches; may be < 0 */
};

/* May a hold go from one state to the other? */
bool hold_may_become(enum hold_state from, enum hold_state to);

/* Ends an open hold: its row out, a usage (or voided) row in. On the writer thread; a failure is
 * remembered in the connection. */
int settle_hold(struct book *b, struct hold *h, const struct ending *end) MUST_CHECK;

#endif
