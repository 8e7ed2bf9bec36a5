/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_SQLITE_BUDGETS_H
#define LEDGER_SQLITE_BUDGETS_H

#include "ledger/sqlite/book.h"

/* A new budget and its first period. By who writes; a failure is remembered in b->db. */
int budget_insert(struct book *b, const struct budget *set, const char *key,
                  struct period_span first) MUST_CHECK;

#endif
