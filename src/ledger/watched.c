/* SPDX-License-Identifier: MIT */
#include "ledger/watched.h"

bool watched_see(struct watched *w, int64_t done, int64_t all)
{
    w->done = done;
    w->all = all;
    w->stopped = w->stopped || (w->by && !w->by->see(w->by->ctx, done, all));
    return !w->stopped;
}

bool watched_still(struct watched *w)
{
    return watched_see(w, w->done, w->all);
}

int watched_end(const struct watched *w, int rc, struct err *e)
{
    if (rc == 0 || !w->stopped)
        return rc;
    return err_set(e, ERR_STOPPED, "interrupted; nothing is damaged, and it can be run again");
}
