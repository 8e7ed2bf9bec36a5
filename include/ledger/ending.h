/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_ENDING_H
#define LEDGER_ENDING_H

#include "ledger/ledger.h"

/* How a hold ends, in the form that is stored. Pure; the same for every engine. */

#define SPENT_MAX (4 * NANO_MAX) /* sums below it cannot overflow when a limit is checked */

struct ending {
    enum hold_state state;
    nano_t cost;
    bool charge_hold;
    bool tokens_known; /* else the predicted ones are recorded */
    int64_t kinds[TOK_KINDS], reasoning;
    char model[MODEL_NAME_MAX]; /* "": as asked */
    char price_version[64], price_rule[32], confidence[16];
    int status;
    bool streamed;
    int64_t now_ms, duration_ms, ttft_ms;
    nano_t saved; /* by prompt caches; may be < 0 */
};

/* May a hold go from one state to the other? */
bool hold_may_become(enum hold_state from, enum hold_state to);

/* ERR_INVALID, ERR_INTERNAL: out of range. */
int settlement_check(const struct settlement *s, struct err *e) MUST_CHECK;
void ending_of(const struct settlement *s, struct ending *out);

/* The ending of a hold whose process is gone: the held amount. */
struct ending ending_interrupted(int64_t created_ms, int64_t now_ms);

struct tokens_used {
    int64_t kinds[TOK_KINDS], input, output;
};

/* By kind as reported, or as predicted when nobody said. */
struct tokens_used ending_tokens(const struct ending *end, int64_t predicted_input,
                                 int64_t predicted_output);

/* What it adds to the sums by hour. */
struct usage_sums ending_sums(const struct ending *end, const struct tokens_used *t, nano_t cost,
                              nano_t predicted);

#endif
