/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_WATCHED_H
#define LEDGER_WATCHED_H

#include "ledger/ledger.h"

/* Long work under the eyes of an onlooker, who is shown it between its steps and, by the engine, in
 * the midst of a long statement. One thread. */
struct watched {
    const struct onlooker *by; /* NULL: nobody */
    int64_t done, all;         /* as last told */
    bool stopped;
};

/* Tells how far it has come. false: it is to stop. */
bool watched_see(struct watched *w, int64_t done, int64_t all);
/* The same once more, from within a step. */
bool watched_still(struct watched *w);

/* The work's own result, or that it was stopped: then that is why it failed. */
int watched_end(const struct watched *w, int rc, struct err *e) MUST_CHECK;

#endif
