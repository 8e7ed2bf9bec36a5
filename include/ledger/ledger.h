/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "meter/money.h"
#include "meter/usage.h"

/*
 * The ledger: budgets, holds, usage, project tokens, in a database that one of the engines serves
 * (engine.h). One thread of a process writes, in groups; everything here may be called by any
 * thread and blocks until its group is durable (or, where it says so, returns at once). Times are
 * wall-clock milliseconds, money nanodollars. ERR_BUSY or ERR_IO from any of them means: nothing
 * was written.
 */

struct ledger;

struct ledger_options {
    const char *address;  /* "sqlite:PATH", or PATH alone; "postgresql://…" */
    const char *password; /* PostgreSQL's, as long as the ledger; NULL: libpq looks for it */
    bool durable;         /* synchronous=FULL; false: NORMAL */
    int busy_timeout_ms;  /* how long a lock of another program is waited for */
    bool strict;          /* what a budget enforces that says nothing itself */
    int lease_ms; /* PostgreSQL: after which a daemon that is not heard of is dead; 0: 15 s */
    void (*on_reload)(void); /* another daemon has called for it (ledger_announce); any thread */
    int64_t ballast; /* bytes of disk kept back so that settlements fit on a full one; 0: 8 MiB,
                      * < 0: none */
};

#define LEDGER_ADDRESSES "sqlite:PATH or postgresql://HOST/DATABASE"

/* ERR_INVALID: it names no engine by its scheme, or holds a password, which belongs elsewhere. */
int ledger_address_check(struct span address, struct err *e) MUST_CHECK;

/* What opening found: the holds that a crash left, now `interrupted` at their held amount. */
struct ledger_recovery {
    int64_t holds;
    nano_t amount;
};

/* Creates the database when there is none, upgrades an older schema, refuses a newer one, a corrupt
 * file, or one that another daemon has open. */
int ledger_open(const struct ledger_options *o, struct ledger_recovery *found, struct ledger **out,
                struct err *e) MUST_CHECK;
void ledger_close(struct ledger *l); /* after all callers have returned; NULL is fine */

#define PROJECT_ID_MAX 128
#define RUN_ID_MAX     128
#define REQUEST_ID_LEN 36 /* "req_" and 32 hex digits */

/* ---- holds: open → settled | voided | estimated | interrupted, exactly once ---- */

enum hold_state { HOLD_OPEN, HOLD_SETTLED, HOLD_VOIDED, HOLD_ESTIMATED, HOLD_INTERRUPTED };

const char *hold_state_name(enum hold_state s); /* "open", "settled", … */

enum scope { SCOPE_NONE, SCOPE_GLOBAL, SCOPE_PROJECT, SCOPE_TOKEN, SCOPE_RUN, SCOPE_REQUEST };

const char *scope_name(enum scope s); /* "global", "project", … */

struct reservation {
    char request_id[REQUEST_ID_LEN + 1];
    char project[PROJECT_ID_MAX + 1];
    int64_t token_id;         /* project token; 0: none */
    char run[RUN_ID_MAX + 1]; /* "": none */
    nano_t run_limit;         /* on a run's first request; < 0: none given */
    const char *provider, *endpoint;
    char model[MODEL_NAME_MAX]; /* as asked */
    nano_t estimate;            /* what it will probably cost: the hold in estimate mode */
    nano_t maximum;             /* what it can cost at most: the hold in strict mode */
    struct {
        bool known;            /* there is a prediction learned from earlier answers */
        nano_t estimate, hold; /* what it says: used where a budget predicts by learning */
        int64_t output_tokens;
    } learned;
    bool learn;   /* what a budget predicts by that says nothing itself */
    bool strict;  /* hold the maximum whatever the budgets say */
    bool bounded; /* maximum is a real upper bound (a strict budget demands one) */
    int64_t input_tokens, output_tokens; /* predicted */
    int64_t now_ms;
};

struct verdict {
    bool admitted;
    int64_t hold_id; /* when admitted */
    bool strict;     /* the maximum was what was compared */
    bool learned;    /* the learned prediction was used */
    bool unbounded;  /* refused because a strict budget met a request without an upper bound */
    bool too_large; /* refused because the request alone exceeds the whole limit or perRequestUsd */
    nano_t hold;    /* the amount compared, and held when admitted */
    bool has_budget; /* any budget applies; the figures below are of the tightest, or of the refuser
                      */
    enum scope scope;
    nano_t limit, spent, reserved; /* reserved: in flight, this hold included when admitted */
    nano_t remaining;              /* limit − spent − reserved, never below 0 */
    nano_t expected_free; /* what would be left if the holds in flight cost their estimates */
    int64_t period_end;   /* 0: none */
};

/* Checks every budget concerned and holds the amount, all or none, in one transaction. A repeated
 * request_id returns the first verdict again. A refusal writes nothing. 0 also for a refusal. */
int ledger_reserve(struct ledger *l, const struct reservation *r, struct verdict *v,
                   struct err *e) MUST_CHECK;

struct settlement {
    int64_t hold_id;
    enum hold_state state; /* where the hold goes; HOLD_VOIDED writes no usage row */
    nano_t saved, premium; /* what prompt caches saved, and cost more */
    nano_t cost;        /* 0 when voided; the held amount when ESTIMATED without anything better */
    bool charge_hold;   /* cost is the held amount, whatever `cost` says */
    struct usage usage; /* tokens by kind, as far as known */
    char model[MODEL_NAME_MAX]; /* as priced */
    const char *price_version, *price_rule, *confidence;
    int status; /* HTTP status the client got */
    bool streamed;
    int64_t now_ms, duration_ms, ttft_ms; /* ttft_ms < 0: nothing came */
};

/* Ends a hold. With wait, returns when that is durable, and *remaining (may be NULL) is the
 * tightest budget's remaining amount (-1: no budget), of the periods that run at now_ms; else it is
 * queued and returns at once — no crash can lose money then, because recovery charges the hold.
 * Strings in s are copied.
 * ERR_BUSY (disk full, database locked): not durable yet; the ledger keeps it and goes on trying,
 * so it must not be handed over again. Any other error: the hold is as it was. */
int ledger_settle(struct ledger *l, const struct settlement *s, bool wait, nano_t *remaining,
                  struct err *e) MUST_CHECK;

/* The writer cannot write any more (I/O error, failed fsync): the daemon must stop. Any thread. */
bool ledger_failed(const struct ledger *l);

struct ledger_stats {
    int64_t holds_open, oldest_hold_ms; /* age; 0 when none */
    nano_t held, overrun;               /* overrun: actuals above their strict hold, ever */
    int64_t commits, commit_ns, writes, queued;
    int64_t locked;    /* groups that another program's lock kept from being written */
    bool disk_full;    /* new work is refused; what ends a hold is written */
    int64_t wal_bytes; /* of the write-ahead log */
};
void ledger_stats(struct ledger *l, struct ledger_stats *out);

/* ---- budgets ---- */

enum period_kind { PERIOD_NONE, PERIOD_DAYS, PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH };
enum enforcement { ENFORCE_DEFAULT, ENFORCE_ESTIMATE, ENFORCE_STRICT };
enum predictor { PREDICT_DEFAULT, PREDICT_RULE, PREDICT_LEARNED };

#define ALERTS_MAX 8

struct budget {
    enum scope scope;                 /* SCOPE_GLOBAL, _PROJECT, _TOKEN */
    char project[PROJECT_ID_MAX + 1]; /* SCOPE_PROJECT */
    int64_t token_id;                 /* SCOPE_TOKEN */
    nano_t limit;
    nano_t per_request; /* -1: none */
    enum period_kind period;
    int period_days;   /* PERIOD_DAYS */
    char timezone[64]; /* calendar periods; "" is UTC */
    enum enforcement enforcement;
    enum predictor predictor;
    int alert_percents[ALERTS_MAX];
    int nalerts;
    char alert_url[512];
    /* as the ledger keeps it; ignored by ledger_budget_set() */
    nano_t spent, reserved;
    int64_t period_start, period_end; /* 0: no end */
};

/* Creates or changes one; what was spent in the running period stays. *out is its new state. */
int ledger_budget_set(struct ledger *l, const struct budget *b, int64_t now_ms, struct budget *out,
                      struct err *e) MUST_CHECK;
/* ERR_NOT_FOUND when there is none. A period that has ended has been rolled over in what is
 * returned. */
int ledger_budget_get(struct ledger *l, enum scope scope, const char *project, int64_t token_id,
                      int64_t now_ms, struct budget *out, struct err *e) MUST_CHECK;
int ledger_budget_reset(struct ledger *l, enum scope scope, const char *project, int64_t token_id,
                        int64_t now_ms, struct err *e) MUST_CHECK;
int ledger_budget_delete(struct ledger *l, enum scope scope, const char *project, int64_t token_id,
                         int64_t now_ms, struct err *e) MUST_CHECK;
int ledger_budget_each(struct ledger *l, int64_t now_ms,
                       void (*f)(void *ctx, const struct budget *b), void *ctx,
                       struct err *e) MUST_CHECK;

/* ---- usage ---- */

struct usage_total {
    int64_t requests, input_tokens, output_tokens;
    nano_t cost;
};

/* Waits behind the writes queued before it, then reads: every settlement whose answer was sent
 * shows. */
int ledger_usage(struct ledger *l, const char *project, struct usage_total *out,
                 struct err *e) MUST_CHECK;

struct usage_row {
    int64_t id;
    char request_id[REQUEST_ID_LEN + 1];
    char project[PROJECT_ID_MAX + 1];
    char provider[32], endpoint[32], model[MODEL_NAME_MAX], price_version[64];
    enum hold_state state;
    int64_t created_ms, duration_ms, ttft_ms;
    int64_t input_tokens, output_tokens, estimated_input, estimated_output;
    int64_t kinds[TOK_KINDS], reasoning;
    nano_t cost, estimate, hold;
    int status;
    bool streamed;
};

struct usage_query {
    const char *project;    /* NULL: all */
    const char *model;      /* NULL: all */
    int64_t from_ms, to_ms; /* 0: unbounded; to_ms exclusive */
    int64_t before_id;      /* cursor: rows with a smaller id; 0: from the newest */
    int limit;
};

/* Newest first. Returns the number of rows given to f, or -1. Strings valid during the call. */
int ledger_history(struct ledger *l, const struct usage_query *q,
                   void (*f)(void *ctx, const struct usage_row *row), void *ctx, struct err *e);

enum usage_group { GROUP_MODEL, GROUP_DAY, GROUP_PROJECT };

/* Totals by group from the daily roll-up, never by scanning rows. key: model, "2026-11-24",
 * project. */
int ledger_usage_by(struct ledger *l, const struct usage_query *q, enum usage_group group,
                    void (*f)(void *ctx, const char *key, const struct usage_total *t), void *ctx,
                    struct err *e) MUST_CHECK;

/* What is known of many requests together. */
struct usage_sums {
    int64_t requests, estimated;           /* estimated: those without a provider's own usage */
    int64_t input, output;                 /* tokens */
    int64_t cached, written;               /* of input: read from, and written to prompt caches */
    int64_t reasoning;                     /* of output */
    int64_t duration_ms, streams, ttft_ms; /* ttft_ms: of the streams */
    nano_t cost, predicted, saved; /* saved: by prompt caches, less what they cost; may be < 0 */
};

struct series_query {
    const char *project;    /* its models; NULL: all projects */
    bool by_project;        /* by project instead of by model; without `project` */
    int64_t from_ms, to_ms; /* whole hours of them; to_ms exclusive */
    int hours;              /* how many make one bucket: 1, 24, or many */
};

/* Sums by bucket and key (model or project), ascending by bucket, never by scanning rows: the work
 * is that of the hours between. start_ms is the bucket's. */
int ledger_series(struct ledger *l, const struct series_query *q,
                  void (*f)(void *ctx, int64_t start_ms, const char *key,
                            const struct usage_sums *t),
                  void *ctx, struct err *e) MUST_CHECK;

/* ---- alerts: written down before they are sent, so that each is sent once ---- */

#define ALERT_BODY_MAX 2048

struct alert {
    char id[40];
    enum scope scope;
    char key[PROJECT_ID_MAX + 1]; /* project, id of a token, or "" */
    int64_t period_ms;            /* the start of the period it is about */
    int threshold;                /* percent of the limit; 0: a spike */
    int64_t created_ms, next_ms;  /* next_ms: when to try to send it */
    int tries;                    /* so far */
    char url[512], body[ALERT_BODY_MAX];
};

/* *added: false when that threshold of that period has had its alert already. */
int ledger_alert_add(struct ledger *l, const struct alert *a, bool *added,
                     struct err *e) MUST_CHECK;
/* Whether it has: a cheap look before. Only scope, key, period_ms and threshold of *a are read. */
int ledger_alert_known(struct ledger *l, const struct alert *a, bool *known,
                       struct err *e) MUST_CHECK;
/* The one that waits with the earliest next_ms; ERR_NOT_FOUND when none does. */
int ledger_alert_next(struct ledger *l, struct alert *out, struct err *e) MUST_CHECK;
/* It was tried: delivered, or to be tried again at next_ms, or (0) given up. */
int ledger_alert_tried(struct ledger *l, const char *id, bool delivered, int64_t next_ms,
                       struct err *e) MUST_CHECK;

/* ---- project tokens ---- */

#define TOKEN_TEXT_MAX 64 /* "tcap_" and base64url of 256 bits */

struct token {
    int64_t id;
    char project[PROJECT_ID_MAX + 1];
    char models[256]; /* globs, comma-separated; "": all */
    char label[64];
    int64_t created_ms, expires_ms, revoked_ms; /* 0: never */
};

/* The text is returned once and never stored; the database keeps its SHA-256. */
int ledger_token_create(struct ledger *l, const struct token *t, char text[TOKEN_TEXT_MAX],
                        struct token *out, struct err *e) MUST_CHECK;
/* By full digest from memory, constant in time; ERR_NOT_FOUND alike for unknown, revoked, expired.
 */
int ledger_token_find(struct ledger *l, struct span text, int64_t now_ms, struct token *out,
                      struct err *e) MUST_CHECK;
int ledger_token_revoke(struct ledger *l, int64_t id, int64_t now_ms, struct err *e) MUST_CHECK;
int ledger_token_each(struct ledger *l, void (*f)(void *ctx, const struct token *t), void *ctx,
                      struct err *e) MUST_CHECK;

/* ---- what other rooms keep across restarts: small values by key ---- */

/* Copies, queues and returns at once; a crash may lose it. An empty value removes the key. */
void ledger_state_put(struct ledger *l, const char *key, struct span value);
/* Each value whose key begins with prefix. Spans are valid during the call. */
int ledger_state_each(struct ledger *l, const char *prefix,
                      void (*f)(void *ctx, const char *key, struct span value), void *ctx,
                      struct err *e) MUST_CHECK;

/* Other daemons on the same ledger are to read their settings anew. Returns at once. */
void ledger_announce(struct ledger *l);

/* ---- proofs and copies: work on a live or stopped database, read-only ---- */

/* Looks on while long work is done, many times a second. When see() returns false, the work stops
 * with ERR_STOPPED, and what it worked on is sound. `all` is 0 as long as it is not known. */
struct onlooker {
    bool (*see)(void *ctx, int64_t done, int64_t all);
    void *ctx;
};

/* The onlooker may be NULL. ERR_CORRUPT with the first violated invariant; *summary says what was
 * checked. */
int ledger_verify(const char *address, const struct onlooker *o, struct buf *summary,
                  struct err *e) MUST_CHECK;
/* ERR_INVALID: with PostgreSQL, whose own tools do it. */
int ledger_backup(const char *address, const char *to, const struct onlooker *o,
                  struct err *e) MUST_CHECK;

/* Rolls usage rows from before that day (UTC) into the totals, which stay as they were, and gives
 * their room back. With SQLite for a stopped daemon: ERR_EXISTS while one runs; daemons on
 * PostgreSQL may go on. May be interrupted at any moment, and run again. */
int ledger_compact(const char *address, int64_t before_ms, const struct onlooker *o,
                   struct buf *summary, struct err *e) MUST_CHECK;

/* Copies the whole ledger of a stopped daemon into one that nobody has used. May be interrupted,
 * and goes on where it was when it is run again; what is incomplete, no daemon opens. */
int ledger_copy(const char *from, const char *to, const struct onlooker *o, struct buf *summary,
                struct err *e) MUST_CHECK;

/* ledger_usage_by() of a database that may be in use by a daemon, or not. */
int ledger_file_usage_by(const char *address, const struct usage_query *q, enum usage_group group,
                         void (*f)(void *ctx, const char *key, const struct usage_total *t),
                         void *ctx, struct err *e) MUST_CHECK;

#endif
