/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_FIXTURE_H
#define LEDGER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/ledger.h"

/*
 * A real ledger in a directory of its own, and short ways to use it. Times are the tests' own.
 * TOKENCAP_TEST_POSTGRESQL is the address of a PostgreSQL server for the same tests on that engine,
 * each with the database to itself (test/postgresql/with.sh).
 */

#define T0       INT64_C(1795510000000) /* 2026-11-24T08:46:40Z */
#define HOUR     INT64_C(3600000)
#define DAY      (24 * HOUR)
#define CENTS(n) ((nano_t)(n)*10000000)

struct fixture {
    char dir[64], path[96];
    char address[256];
    struct ledger *l;
    struct ledger_options o;
    struct ledger_recovery found;
    struct err e;
    int requests;
};

static inline void fix_open(struct fixture *f)
{
    if (ledger_open(&f->o, &f->found, &f->l, &f->e) != 0)
        fail_msg("ledger_open: %s", f->e.msg);
}

static inline void fix_close(struct fixture *f)
{
    ledger_close(f->l);
    f->l = NULL;
}

static inline void fix_reopen(struct fixture *f)
{
    fix_close(f);
    fix_open(f);
}

static inline const char *fix_server(void)
{
    return getenv("TOKENCAP_TEST_POSTGRESQL");
}

/* A statement to the server's first database, by psql. */
static inline void fix_psql(const char *sql)
{
    char cmd[512];

    snprintf(cmd, sizeof cmd, "psql -qX -v ON_ERROR_STOP=1 -d '%s' -c \"%s\" >&2", fix_server(), sql);
    if (system(cmd) != 0)
        fail_msg("psql: %s", sql);
}

static inline void fix_drop(void)
{
    fix_psql("SET client_min_messages = error; DROP SCHEMA IF EXISTS tokencap CASCADE");
}

/* For what is about SQLite's own file. */
static inline void sqlite_only(void)
{
    if (fix_server())
        skip();
}

static inline void fix_init(struct fixture *f)
{
    *f = (struct fixture){0};
    /* In memory where that is possible: what is proved here does not depend on a disk. */
    snprintf(f->dir, sizeof f->dir, "%s/tokencap-test-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/ledger.db", f->dir);
    snprintf(f->address, sizeof f->address, "%s", fix_server() ? fix_server() : f->path);
    if (fix_server())
        fix_drop();
    f->o = (struct ledger_options){
        .address = f->address, .durable = true, .busy_timeout_ms = 5000, .ballast = 65536};
}

static inline void fix_remove(struct fixture *f)
{
    char cmd[160];

    snprintf(cmd, sizeof cmd, "rm -rf '%s'", f->dir);
    if (system(cmd) != 0)
        fail_msg("cannot remove %s", f->dir);
}

static inline int fix_setup(void **state)
{
    static struct fixture f;

    fix_init(&f);
    fix_open(&f);
    *state = &f;
    return 0;
}

/* Every test ends with a proof of its ledger. */
static inline int fix_teardown(void **state)
{
    struct fixture *f = *state;
    struct buf summary;
    int rc;

    if (f->l)
        fix_close(f);
    buf_init(&summary, 0);
    rc = ledger_verify(f->address, NULL, &summary, &f->e);
    if (rc != 0)
        fprintf(stderr, "verify: %s\n", f->e.msg);
    buf_finish(&summary);
    fix_remove(f);
    return rc;
}

static inline void must(struct fixture *f, int rc)
{
    if (rc != 0)
        fail_msg("unexpected: %s", f->e.msg);
}

static inline void prove(struct fixture *f)
{
    struct buf summary;

    buf_init(&summary, 0);
    if (ledger_verify(f->address, NULL, &summary, &f->e) != 0)
        fail_msg("verify: %s", f->e.msg);
    buf_finish(&summary);
}

static inline struct reservation a_request(struct fixture *f, const char *project, nano_t estimate,
                                           nano_t maximum)
{
    struct reservation r = {.run_limit = -1,
                            .provider = "openai",
                            .endpoint = "chat.completions",
                            .model = "gpt-4o",
                            .estimate = estimate,
                            .maximum = maximum,
                            .bounded = true,
                            .input_tokens = 100,
                            .output_tokens = 200,
                            .now_ms = T0};

    snprintf(r.request_id, sizeof r.request_id, "req_%032x", ++f->requests);
    snprintf(r.project, sizeof r.project, "%s", project);
    return r;
}

static inline struct verdict reserve(struct fixture *f, const struct reservation *r)
{
    struct verdict v;

    must(f, ledger_reserve(f->l, r, &v, &f->e));
    return v;
}

static inline struct verdict reserve_amount(struct fixture *f, const char *project, nano_t amount,
                                            int64_t now)
{
    struct reservation r = a_request(f, project, amount, amount);

    r.now_ms = now;
    return reserve(f, &r);
}

static inline struct settlement an_end(int64_t hold_id, enum hold_state state, nano_t cost)
{
    struct settlement s = {.hold_id = hold_id,
                           .state = state,
                           .cost = cost,
                           .model = "gpt-4o",
                           .price_version = "2026-11-01",
                           .price_rule = "exact",
                           .confidence = "high",
                           .status = 200,
                           .now_ms = T0 + 1000,
                           .duration_ms = 1000,
                           .ttft_ms = 200};

    s.usage.seen = true;
    s.usage.nparts = 1;
    s.usage.parts[0].tokens[TOK_INPUT] = 90;
    s.usage.parts[0].tokens[TOK_CACHE_READ] = 10;
    s.usage.parts[0].tokens[TOK_OUTPUT] = 150;
    return s;
}

/* Ends a hold and returns what its budgets leave. */
static inline nano_t settle(struct fixture *f, int64_t hold_id, enum hold_state state, nano_t cost)
{
    struct settlement s = an_end(hold_id, state, cost);
    nano_t remaining = -2;

    must(f, ledger_settle(f->l, &s, true, &remaining, &f->e));
    return remaining;
}

/* The same, not waited for. */
static inline void settle_later(struct fixture *f, int64_t hold_id)
{
    struct settlement s = an_end(hold_id, HOLD_SETTLED, CENTS(1));

    must(f, ledger_settle(f->l, &s, false, NULL, &f->e));
}

/* An onlooker who stops the work after so many looks. */
struct impatient {
    int seen, patience;
};

static inline bool see_or_stop(void *ctx, int64_t done, int64_t all)
{
    struct impatient *i = ctx;

    assert_in_range(done, 0, all);
    return i->seen++ < i->patience;
}

static inline struct budget a_budget(const char *project, nano_t limit)
{
    struct budget b = {.scope = SCOPE_PROJECT, .limit = limit, .per_request = -1};

    snprintf(b.project, sizeof b.project, "%s", project);
    return b;
}

static inline struct budget set_budget(struct fixture *f, const struct budget *b, int64_t now)
{
    struct budget out;

    must(f, ledger_budget_set(f->l, b, now, &out, &f->e));
    return out;
}

static inline struct budget get_budget(struct fixture *f, const char *project, int64_t now)
{
    struct budget b;

    must(f, ledger_budget_get(f->l, SCOPE_PROJECT, project, 0, now, &b, &f->e));
    return b;
}

static inline struct usage_total usage_of(struct fixture *f, const char *project)
{
    struct usage_total t;

    must(f, ledger_usage(f->l, project, &t, &f->e));
    return t;
}

#define LEDGER_TEST(f) cmocka_unit_test_setup_teardown(f, fix_setup, fix_teardown)

#endif
