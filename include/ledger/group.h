/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_GROUP_H
#define LEDGER_GROUP_H

#include <stdbool.h>

#include "ledger/writer.h"

/* One group of operations: run, commit, tell. On the writer thread. */

/* Every op of the list is over afterwards, or kept in l->writer.kept. */
void group_run(struct ledger *l, struct op *ops);

/* Moves the write-ahead log into the database when it is time; `idle`: nothing else is waiting. */
void group_checkpoint(struct ledger *l, bool idle);

/* Ends what was kept without success: the next start charges those holds. */
void group_give_up(struct ledger *l);

/* Hooks the write-ahead log's size. */
void group_init(struct ledger *l);

#endif
