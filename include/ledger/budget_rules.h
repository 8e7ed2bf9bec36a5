/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_BUDGET_RULES_H
#define LEDGER_BUDGET_RULES_H

#include "ledger/decide.h"
#include "ledger/period.h"

/* What holds for budgets in every engine. Pure but for reading the tz database; any thread. */

#define ACCOUNT_KEY_MAX (PROJECT_ID_MAX + 1 + RUN_ID_MAX)

/* The key of a budget of that scope; "" for the global one. */
void account_key(enum scope scope, const char *project, int64_t token_id, const char *run,
                 char out[ACCOUNT_KEY_MAX + 1]);

/* ERR_INVALID names the field. */
int budget_check(const struct budget *b, struct err *e) MUST_CHECK;

struct period_rule budget_rule(const struct budget *b);

/* alert_percents as text, "50,80", and back. */
#define ALERTS_TEXT_MAX (8 * ALERTS_MAX)
void budget_alerts_write(const struct budget *b, char out[ALERTS_TEXT_MAX]);
void budget_alerts_read(const char *text, struct budget *b);

/* What the ledger keeps of it. */
void budget_fill(struct budget *b, const struct figures *f, struct period_span span);

/* What the next request would find when the period of *b is over: a reader cannot write the new
 * one, but knows it. */
void budget_roll(struct budget *b, int64_t now_ms);

/* ERR_NOT_FOUND for what is to be changed. */
int budget_missing(enum scope scope, struct err *e);

#endif
