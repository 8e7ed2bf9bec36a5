/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_POSTGRESQL_KEEPER_H
#define LEDGER_POSTGRESQL_KEEPER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "ledger/ledger.h"
#include "ledger/postgresql/pq.h"

/*
 * The thread that keeps this daemon's lease, ends the holds of daemons whose lease is over, and
 * hears what other daemons have changed: by LISTEN, and by a look twice a second, which is all
 * there is behind a pooler. None of it waits for another part to be over: holds end a page a turn.
 *
 * A lease is a row with the time until which it holds, by the server's clock alone. The daemon
 * believes in it by its own monotonic clock, from before it asked, less a margin: so it stops
 * holding money before anybody else may end what it holds. Whoever finds a lease that is over marks
 * it ended, and from then on ends its holds, each once, by a conditional delete. Every group shares
 * a lock on its daemon's row, so none commits after that mark. Only who has renewed its own lease
 * all the time that the other did not may mark it: when the server was away, all come back first.
 *
 * A hold whose commit was in doubt and whose request was refused is voided by its own daemon, when
 * it turns up.
 */

struct pg_ledger;

#define LEASE_MS_DEFAULT 15000

struct keeper {
    pthread_t thread;
    bool started;
    int stop_fd;                   /* readable when it is to stop */
    struct pq q;                   /* the thread's, and open's before it */
    int64_t tokens_at;             /* likewise: the count of changes that is in memory */
    int64_t prices_at;             /* likewise, of calls for a reload */
    int64_t beat_ns;               /* likewise: when the lease is renewed next */
    bool more;                     /* likewise: dead daemons' holds are left, and … */
    struct ledger_recovery reaped; /* … so many have ended */
};

/* Takes the first lease, ends what dead daemons left, loads the tokens; the writer runs already. */
int keeper_start(struct pg_ledger *l, struct ledger_recovery *found, struct err *e) MUST_CHECK;
void keeper_stop(struct pg_ledger *l);

#endif
