/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_POSTGRESQL_KEEPER_H
#define LEDGER_POSTGRESQL_KEEPER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "ledger/postgresql/pq.h"

/*
 * The thread that keeps this daemon's lease, ends the holds of daemons whose lease is over, and
 * hears what other daemons have changed: by LISTEN, and by a look twice a second, which is all
 * there is behind a pooler.
 *
 * A lease is a row with the time until which it holds, by the server's clock alone. The daemon
 * believes in it by its own monotonic clock, from before it asked, less a margin: so it stops
 * holding money before anybody else may end what it holds. Whoever finds a lease that is over marks
 * it ended, and from then on ends its holds, each once, by a conditional delete. Every group shares
 * a lock on its daemon's row, so none commits after that mark.
 */

struct pg_ledger;
struct ledger_recovery;

#define LEASE_MS_DEFAULT 15000

struct keeper {
    pthread_t thread;
    bool started;
    int stop_fd;       /* readable when it is to stop */
    struct pq q;       /* the thread's, and open's before it */
    int64_t tokens_at; /* likewise: the count of changes that is in memory */
    int64_t prices_at; /* likewise, of calls for a reload */
};

/* Takes the first lease, ends what dead daemons left, loads the tokens; the writer runs already. */
int keeper_start(struct pg_ledger *l, struct ledger_recovery *found, struct err *e) MUST_CHECK;
void keeper_stop(struct pg_ledger *l);

#endif
