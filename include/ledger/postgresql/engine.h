/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_POSTGRESQL_ENGINE_H
#define LEDGER_POSTGRESQL_ENGINE_H

#include "ledger/engine.h"

extern const struct ledger_engine ledger_postgresql; /* the module's one symbol */

/* The engine's functions, room by room. engine.h of the folder above says what each does. */

int pg_open(const char *where, const struct ledger_options *o, struct ledger_recovery *found,
            struct ledger **out, struct err *e) MUST_CHECK;
void pg_close(struct ledger *l);
int pg_reserve(struct ledger *l, const struct reservation *r, struct verdict *v,
               struct err *e) MUST_CHECK;
int pg_settle(struct ledger *l, const struct settlement *s, bool wait, nano_t *remaining,
              struct err *e) MUST_CHECK;
int pg_budget_set(struct ledger *l, const struct budget *b, int64_t now_ms, struct budget *out,
                  struct err *e) MUST_CHECK;
int pg_budget_get(struct ledger *l, enum scope scope, const char *key, int64_t now_ms,
                  struct budget *out, struct err *e) MUST_CHECK;
int pg_budget_reset(struct ledger *l, enum scope scope, const char *key, int64_t now_ms,
                    struct err *e) MUST_CHECK;
int pg_budget_delete(struct ledger *l, enum scope scope, const char *key, int64_t now_ms,
                     struct err *e) MUST_CHECK;
int pg_budget_each(struct ledger *l, int64_t now_ms, void (*f)(void *ctx, const struct budget *b),
                   void *ctx, struct err *e) MUST_CHECK;
int pg_usage(struct ledger *l, const char *project, struct usage_total *out,
             struct err *e) MUST_CHECK;
int pg_history(struct ledger *l, const struct usage_query *q,
               void (*f)(void *ctx, const struct usage_row *row), void *ctx, struct err *e);
int pg_usage_by(struct ledger *l, const struct usage_query *q, enum usage_group group,
                void (*f)(void *ctx, const char *key, const struct usage_total *t), void *ctx,
                struct err *e) MUST_CHECK;
int pg_series(struct ledger *l, const struct series_query *q,
              void (*f)(void *ctx, int64_t start_ms, const char *key, const struct usage_sums *t),
              void *ctx, struct err *e) MUST_CHECK;
int pg_alert_add(struct ledger *l, const struct alert *a, bool *added, struct err *e) MUST_CHECK;
int pg_alert_known(struct ledger *l, const struct alert *a, bool *known, struct err *e) MUST_CHECK;
int pg_alert_next(struct ledger *l, struct alert *out, struct err *e) MUST_CHECK;
int pg_alert_tried(struct ledger *l, const char *id, bool delivered, int64_t next_ms,
                   struct err *e) MUST_CHECK;
int pg_token_create(struct ledger *l, struct token *t, const unsigned char digest[TOKEN_DIGEST],
                    struct err *e) MUST_CHECK;
int pg_token_revoke(struct ledger *l, int64_t id, int64_t now_ms, struct err *e) MUST_CHECK;
int pg_token_each(struct ledger *l, void (*f)(void *ctx, const struct token *t), void *ctx,
                  struct err *e) MUST_CHECK;
void pg_state_put(struct ledger *l, const char *key, struct span value);
int pg_state_each(struct ledger *l, const char *prefix,
                  void (*f)(void *ctx, const char *key, struct span value), void *ctx,
                  struct err *e) MUST_CHECK;
void pg_announce(struct ledger *l);
int pg_verify(const char *where, const struct onlooker *o, struct buf *summary,
              struct err *e) MUST_CHECK;
int pg_backup(const char *where, const char *to, const struct onlooker *o,
              struct err *e) MUST_CHECK;
int pg_compact(const char *where, int64_t before_ms, const struct onlooker *o, struct buf *summary,
               struct err *e) MUST_CHECK;
int pg_file_usage_by(const char *where, const struct usage_query *q, enum usage_group group,
                     void (*f)(void *ctx, const char *key, const struct usage_total *t), void *ctx,
                     struct err *e) MUST_CHECK;
int pg_copy_to(const char *where, struct copy_source *from, const struct onlooker *o,
               struct buf *summary, struct err *e) MUST_CHECK;

#endif
