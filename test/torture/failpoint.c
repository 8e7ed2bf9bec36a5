/* SPDX-License-Identifier: MIT */

/*
 * A daemon that kills itself at a chosen moment of a request's life, for the proof that no crash loses
 * money. FAIL_AT names the moment, FAIL_NTH says at which time it comes round. Linked with --wrap, so the
 * daemon's own sources know nothing of it, and the one that is shipped has none of it.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/sqlite/inner.h"
#include "proxy/upstream.h"
#include "wire/answer.h"

#define WRAP(name) extern typeof(name) __real_##name, __wrap_##name

static _Atomic long left; /* how many more times it is passed, this one included; 0: for ever */
static const char *at = "";

__attribute__((constructor)) static void choose(void)
{
    const char *nth = getenv("FAIL_NTH");

    if (getenv("FAIL_AT")) {
        at = getenv("FAIL_AT");
        atomic_store(&left, nth ? atol(nth) : 1);
    }
}

static void pass(const char *moment)
{
    if (strcmp(moment, at) == 0 && atomic_fetch_sub(&left, 1) == 1)
        kill(getpid(), SIGKILL);
}

/* ---- the writer's thread: what a group, or a recovery, commits ---- */

static bool recovering;

static void pass_commit(const struct book *b, const char *recovery, const char *reserve,
                        const char *settle)
{
    if (recovering) {
        pass(recovery);
        return;
    }
    if (b->holds.admitted)
        pass(reserve);
    if (b->holds.ended)
        pass(settle);
}

WRAP(recover);
int __wrap_recover(struct sqlite_ledger *l, int64_t now_ms, struct ledger_recovery *found,
                   struct err *e)
{
    int rc;

    recovering = true;
    rc = __real_recover(l, now_ms, found, e);
    recovering = false;
    return rc;
}

WRAP(book_flush);
int __wrap_book_flush(struct book *b)
{
    int rc = __real_book_flush(b);

    pass_commit(b, "recovery-before-commit", "reserve-before-commit", "settle-before-commit");
    return rc;
}

WRAP(book_commit);
void __wrap_book_commit(struct book *b)
{
    pass_commit(b, "recovery-after-commit", "reserve-after-commit", "settle-after-commit");
    __real_book_commit(b);
}

/* ---- the workers ---- */

WRAP(upstream_call);
void __wrap_upstream_call(struct upstream *u, const struct upstream_request *q,
                          struct upstream_result *out)
{
    pass("before-upstream");
    __real_upstream_call(u, q, out);
    pass("after-upstream");
}

WRAP(answer_feed);
void __wrap_answer_feed(struct answer *a, struct span bytes, struct buf *out)
{
    __real_answer_feed(a, bytes, out);
    pass("mid-stream");
}

WRAP(ledger_settle);
int __wrap_ledger_settle(struct ledger *l, const struct settlement *s, bool wait,
                         nano_t *remaining, struct err *e)
{
    int rc;

    pass("before-settle");
    rc = __real_ledger_settle(l, s, wait, remaining, e);
    pass("after-settle");
    return rc;
}
