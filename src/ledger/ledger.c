/* SPDX-License-Identifier: MIT */
#include "ledger/ledger.h"

#include "base/clock.h"
#include "ledger/budget_rules.h"
#include "ledger/decide.h"
#include "ledger/ending.h"
#include "ledger/engine.h"

int ledger_init(struct ledger *l, const struct ledger_engine *engine,
                const struct ledger_options *o, struct err *e)
{
    l->engine = engine;
    l->strict = o->strict;
    pthread_mutex_init(&l->stats_lock, NULL);
    return tokens_init(&l->tokens, e);
}

void ledger_finish(struct ledger *l)
{
    tokens_finish(&l->tokens);
    pthread_mutex_destroy(&l->stats_lock);
}

int ledger_open(const struct ledger_options *o, struct ledger_recovery *found, struct ledger **out,
                struct err *e)
{
    const struct ledger_engine *engine;
    const char *where;

    if (ledger_engine_of(o->address, &engine, &where, e) != 0)
        return -1;
    return engine->open(where, o, found, out, e);
}

void ledger_close(struct ledger *l)
{
    if (l)
        l->engine->close(l);
}

/* ---- what is the same for all ---- */

bool ledger_failed(const struct ledger *l)
{
    return atomic_load(&l->failed);
}

void ledger_stats(struct ledger *l, struct ledger_stats *out)
{
    int queued = writer_queued(l);
    int64_t oldest;

    pthread_mutex_lock(&l->stats_lock);
    *out = l->stats;
    oldest = l->oldest_ns;
    pthread_mutex_unlock(&l->stats_lock);
    out->queued = queued;
    out->oldest_hold_ms = oldest ? (clock_mono_ns() - oldest) / 1000000 : 0;
}

static const char *const scope_names[] = {
    [SCOPE_NONE] = "none",   [SCOPE_GLOBAL] = "global", [SCOPE_PROJECT] = "project",
    [SCOPE_TOKEN] = "token", [SCOPE_RUN] = "run",       [SCOPE_REQUEST] = "request",
};

const char *scope_name(enum scope s)
{
    return scope_names[s];
}

const char *hold_state_name(enum hold_state s)
{
    static const char *const names[] = {"open", "settled", "voided", "estimated", "interrupted"};

    return names[s];
}

/* ---- handed on ---- */

int ledger_reserve(struct ledger *l, const struct reservation *r, struct verdict *v, struct err *e)
{
    if (reservation_check(r, e) != 0)
        return -1;
    return l->engine->reserve(l, r, v, e);
}

int ledger_settle(struct ledger *l, const struct settlement *s, bool wait, nano_t *remaining,
                  struct err *e)
{
    if (settlement_check(s, e) != 0)
        return -1;
    return l->engine->settle(l, s, wait, remaining, e);
}

int ledger_budget_set(struct ledger *l, const struct budget *b, int64_t now_ms, struct budget *out,
                      struct err *e)
{
    if (budget_check(b, e) != 0)
        return -1;
    return l->engine->budget_set(l, b, now_ms, out, e);
}

int ledger_budget_get(struct ledger *l, enum scope scope, const char *project, int64_t token_id,
                      int64_t now_ms, struct budget *out, struct err *e)
{
    char key[ACCOUNT_KEY_MAX + 1];

    account_key(scope, project ? project : "", token_id, "", key);
    return l->engine->budget_get(l, scope, key, now_ms, out, e);
}

int ledger_budget_reset(struct ledger *l, enum scope scope, const char *project, int64_t token_id,
                        int64_t now_ms, struct err *e)
{
    char key[ACCOUNT_KEY_MAX + 1];

    account_key(scope, project ? project : "", token_id, "", key);
    return l->engine->budget_reset(l, scope, key, now_ms, e);
}

int ledger_budget_delete(struct ledger *l, enum scope scope, const char *project, int64_t token_id,
                         int64_t now_ms, struct err *e)
{
    char key[ACCOUNT_KEY_MAX + 1];

    account_key(scope, project ? project : "", token_id, "", key);
    return l->engine->budget_delete(l, scope, key, now_ms, e);
}

int ledger_budget_each(struct ledger *l, int64_t now_ms,
                       void (*f)(void *ctx, const struct budget *b), void *ctx, struct err *e)
{
    return l->engine->budget_each(l, now_ms, f, ctx, e);
}

int ledger_usage(struct ledger *l, const char *project, struct usage_total *out, struct err *e)
{
    return l->engine->usage(l, project, out, e);
}

int ledger_history(struct ledger *l, const struct usage_query *q,
                   void (*f)(void *ctx, const struct usage_row *row), void *ctx, struct err *e)
{
    return l->engine->history(l, q, f, ctx, e);
}

int ledger_usage_by(struct ledger *l, const struct usage_query *q, enum usage_group group,
                    void (*f)(void *ctx, const char *key, const struct usage_total *t), void *ctx,
                    struct err *e)
{
    return l->engine->usage_by(l, q, group, f, ctx, e);
}

int ledger_series(struct ledger *l, const struct series_query *q,
                  void (*f)(void *ctx, int64_t start_ms, const char *key,
                            const struct usage_sums *t),
                  void *ctx, struct err *e)
{
    return l->engine->series(l, q, f, ctx, e);
}

int ledger_alert_add(struct ledger *l, const struct alert *a, bool *added, struct err *e)
{
    return l->engine->alert_add(l, a, added, e);
}

int ledger_alert_known(struct ledger *l, const struct alert *a, bool *known, struct err *e)
{
    return l->engine->alert_known(l, a, known, e);
}

int ledger_alert_next(struct ledger *l, struct alert *out, struct err *e)
{
    return l->engine->alert_next(l, out, e);
}

int ledger_alert_tried(struct ledger *l, const char *id, bool delivered, int64_t next_ms,
                       struct err *e)
{
    return l->engine->alert_tried(l, id, delivered, next_ms, e);
}

int ledger_token_each(struct ledger *l, void (*f)(void *ctx, const struct token *t), void *ctx,
                      struct err *e)
{
    return l->engine->token_each(l, f, ctx, e);
}

void ledger_state_put(struct ledger *l, const char *key, struct span value)
{
    l->engine->state_put(l, key, value);
}

int ledger_state_each(struct ledger *l, const char *prefix,
                      void (*f)(void *ctx, const char *key, struct span value), void *ctx,
                      struct err *e)
{
    return l->engine->state_each(l, prefix, f, ctx, e);
}

void ledger_announce(struct ledger *l)
{
    if (l->engine->announce)
        l->engine->announce(l);
}

/* ---- handed on, by address ---- */

int ledger_verify(const char *address, const struct onlooker *o, struct buf *summary, struct err *e)
{
    const struct ledger_engine *engine;
    const char *where;

    if (ledger_engine_of(address, &engine, &where, e) != 0)
        return -1;
    return engine->verify(where, o, summary, e);
}

int ledger_backup(const char *address, const char *to, const struct onlooker *o, struct err *e)
{
    const struct ledger_engine *engine;
    const char *where;

    if (ledger_engine_of(address, &engine, &where, e) != 0)
        return -1;
    return engine->backup(where, to, o, e);
}

int ledger_compact(const char *address, int64_t before_ms, const struct onlooker *o,
                   struct buf *summary, struct err *e)
{
    const struct ledger_engine *engine;
    const char *where;

    if (ledger_engine_of(address, &engine, &where, e) != 0)
        return -1;
    return engine->compact(where, before_ms, o, summary, e);
}

int ledger_file_usage_by(const char *address, const struct usage_query *q, enum usage_group group,
                         void (*f)(void *ctx, const char *key, const struct usage_total *t),
                         void *ctx, struct err *e)
{
    const struct ledger_engine *engine;
    const char *where;

    if (ledger_engine_of(address, &engine, &where, e) != 0)
        return -1;
    return engine->file_usage_by(where, q, group, f, ctx, e);
}
