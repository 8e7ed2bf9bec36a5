/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_ENGINE_H
#define LEDGER_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>

#include "ledger/copy.h"
#include "ledger/ledger.h"
#include "ledger/token.h"
#include "ledger/writer.h"

/*
 * What serves the interface in ledger.h: one table of functions a database. ledger.c finds the
 * engine by the scheme of the ledger's address and hands every call on, so each member means what
 * the function of the same name in ledger.h says. What engines have in common is here, the rest
 * behind it in a struct of their own.
 */

struct ledger {
    const struct ledger_engine *engine;
    bool strict; /* what a budget enforces that says nothing itself */
    struct writer writer;
    struct tokens tokens;
    atomic_bool failed; /* set once: cannot write any more */
    pthread_mutex_t stats_lock;
    struct ledger_stats stats; /* under stats_lock */
    int64_t oldest_ns;         /* likewise: monotonic, 0: none open */
};

/* `where` is the address behind "sqlite:", or the whole of it with any other scheme. */
struct ledger_engine {
    const char *version; /* of the program that it was made with: a module fits no other */
    int (*open)(const char *where, const struct ledger_options *o, struct ledger_recovery *found,
                struct ledger **out, struct err *e);
    void (*close)(struct ledger *l);

    int (*reserve)(struct ledger *l, const struct reservation *r, struct verdict *v, struct err *e);
    int (*settle)(struct ledger *l, const struct settlement *s, bool wait, nano_t *remaining,
                  struct err *e);

    /* A budget's key is account_key()'s. */
    int (*budget_set)(struct ledger *l, const struct budget *b, int64_t now_ms, struct budget *out,
                      struct err *e);
    int (*budget_get)(struct ledger *l, enum scope scope, const char *key, int64_t now_ms,
                      struct budget *out, struct err *e);
    int (*budget_reset)(struct ledger *l, enum scope scope, const char *key, int64_t now_ms,
                        struct err *e);
    int (*budget_delete)(struct ledger *l, enum scope scope, const char *key, int64_t now_ms,
                         struct err *e);
    int (*budget_each)(struct ledger *l, int64_t now_ms,
                       void (*f)(void *ctx, const struct budget *b), void *ctx, struct err *e);

    int (*usage)(struct ledger *l, const char *project, struct usage_total *out, struct err *e);
    int (*history)(struct ledger *l, const struct usage_query *q,
                   void (*f)(void *ctx, const struct usage_row *row), void *ctx, struct err *e);
    int (*usage_by)(struct ledger *l, const struct usage_query *q, enum usage_group group,
                    void (*f)(void *ctx, const char *key, const struct usage_total *t), void *ctx,
                    struct err *e);
    int (*series)(struct ledger *l, const struct series_query *q,
                  void (*f)(void *ctx, int64_t start_ms, const char *key,
                            const struct usage_sums *t),
                  void *ctx, struct err *e);

    int (*alert_add)(struct ledger *l, const struct alert *a, bool *added, struct err *e);
    int (*alert_known)(struct ledger *l, const struct alert *a, bool *known, struct err *e);
    int (*alert_next)(struct ledger *l, struct alert *out, struct err *e);
    int (*alert_tried)(struct ledger *l, const char *id, bool delivered, int64_t next_ms,
                       struct err *e);

    /* These write alone; what is kept in memory is ledger.c's. t->id is filled. */
    int (*token_create)(struct ledger *l, struct token *t, const unsigned char digest[TOKEN_DIGEST],
                        struct err *e);
    int (*token_revoke)(struct ledger *l, int64_t id, int64_t now_ms, struct err *e);
    int (*token_each)(struct ledger *l, void (*f)(void *ctx, const struct token *t), void *ctx,
                      struct err *e);

    void (*state_put)(struct ledger *l, const char *key, struct span value);
    int (*state_each)(struct ledger *l, const char *prefix,
                      void (*f)(void *ctx, const char *key, struct span value), void *ctx,
                      struct err *e);

    void (*announce)(struct ledger *l); /* NULL: there are no others */

    int (*verify)(const char *where, const struct onlooker *o, struct buf *summary, struct err *e);
    int (*backup)(const char *where, const char *to, const struct onlooker *o, struct err *e);
    int (*compact)(const char *where, int64_t before_ms, const struct onlooker *o,
                   struct buf *summary, struct err *e);
    int (*file_usage_by)(const char *where, const struct usage_query *q, enum usage_group group,
                         void (*f)(void *ctx, const char *key, const struct usage_total *t),
                         void *ctx, struct err *e);

    /* A copy's two ends, see copy.h; NULL: this engine is not one. */
    int (*copy_from)(const char *where, struct copy_source **out, struct err *e);
    int (*copy_to)(const char *where, struct copy_source *from, const struct onlooker *o,
                   struct buf *summary, struct err *e);
};

extern const struct ledger_engine ledger_sqlite;

/* The common part of a new ledger, and its end. */
int ledger_init(struct ledger *l, const struct ledger_engine *engine,
                const struct ledger_options *o, struct err *e) MUST_CHECK;
void ledger_finish(struct ledger *l);

/* Finds the engine of an address, and what it calls `where`. */
int ledger_engine_of(const char *address, const struct ledger_engine **engine, const char **where,
                     struct err *e) MUST_CHECK;

#endif
