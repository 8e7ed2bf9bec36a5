/* SPDX-License-Identifier: MIT */
#ifndef PROXY_METRICS_H
#define PROXY_METRICS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "meter/price.h"
#include "meter/usage.h"
#include "proxy/histogram.h"
#include "wire/refusal.h"

/*
 * What has happened since the start, for GET /metrics. Every metric is a row of one of two tables: its
 * Prometheus name, kind, decimal places and help. Counting is relaxed atomics, from any thread; a lock is
 * taken only when a provider, endpoint and model meet for the first time.
 *
 * A value is kept as an integer and written with `places` decimals: nanoseconds and nanodollars have 9.
 */

/* Counts without labels, each a field of struct metrics:  X(field, name, kind, places, help) */
#define METRIC_COUNTS(X)                                                                           \
    X(shed, "tokencap_shed_total", counter, 0, "Requests answered 503 because of load")            \
    X(estimated, "tokencap_estimated_settlements_total", counter, 0,                               \
      "Exchanges settled without the provider's usage")                                            \
    X(settled, "tokencap_settled_total", counter, 0,                                               \
      "Exchanges settled by the provider's usage")                                                 \
    X(within_hold, "tokencap_within_hold_total", counter, 0,                                       \
      "Of those, the ones that cost no more than was held: the coverage of predictions")           \
    X(fallback_priced, "tokencap_fallback_priced_total", counter, 0,                               \
      "Requests for models without a price of their own")                                          \
    X(client_gone, "tokencap_client_disconnects_total", counter, 0,                                \
      "Clients that left before their answer was whole")                                           \
    X(connections, "tokencap_connections", gauge, 0, "Client connections open")                    \
    X(in_flight, "tokencap_requests_in_flight", gauge, 0, "Exchanges in a worker's hands")         \
    X(viewers, "tokencap_dashboard_viewers", gauge, 0, "Open streams of live figures")             \
    X(alerts_sent, "tokencap_alerts_sent_total", counter, 0, "Alerts that their receiver took")    \
    X(alert_failures, "tokencap_alert_failures_total", counter, 0,                                 \
      "Tries to send an alert that failed; each is tried again for a while")

/* Those with labels, histograms, and those read at the time of the scrape:  X(id, name, kind, places, help) */
#define METRIC_FAMILIES(X)                                                                         \
    X(REQUESTS, "tokencap_requests_total", counter, 0,                                             \
      "Requests of proxied paths, by the status that the client got")                              \
    X(TOKENS, "tokencap_tokens_total", counter, 0,                                                 \
      "Tokens as providers reported them; type reasoning is a part of output, the others are disjoint") \
    X(COST, "tokencap_cost_usd_total", counter, 9, "Cost of ended exchanges")                      \
    X(PREDICTED, "tokencap_predicted_cost_usd_total", counter, 9,                                  \
      "Predicted cost of those same exchanges")                                                    \
    X(SAVED, "tokencap_cache_savings_usd_total", counter, 9,                                       \
      "What tokens read from providers' prompt caches would have cost more when read anew")        \
    X(PREMIUM, "tokencap_cache_premium_usd_total", counter, 9,                                     \
      "What tokens written to providers' prompt caches cost more than plain input")                \
    X(RATIO, "tokencap_prediction_ratio", histogram, 3, "Actual cost divided by predicted cost")   \
    X(DURATION, "tokencap_request_duration_seconds", histogram, 9,                                 \
      "Time from a request's arrival to its end")                                                  \
    X(TTFT, "tokencap_time_to_first_token_seconds", histogram, 9,                                  \
      "Time from sending upstream to the first byte of a streamed answer")                         \
    X(GEN_TOKENS, "gen_ai_client_token_usage", histogram, 0,                                       \
      "Tokens a request, as OpenTelemetry's gen_ai.client.token.usage")                            \
    X(GEN_DURATION, "gen_ai_client_operation_duration_seconds", histogram, 9,                      \
      "Time a request, as OpenTelemetry's gen_ai.client.operation.duration")                       \
    X(QUEUE_WAIT, "tokencap_queue_wait_seconds", histogram, 9, "Time requests waited for a worker") \
    X(REFUSALS, "tokencap_refusals_total", counter, 0,                                             \
      "Requests answered by the proxy itself, by the error's code")                                \
    X(BUDGET_REFUSALS, "tokencap_budget_refusals_total", counter, 0,                               \
      "Requests refused because of a budget, by the scope of that budget")                         \
    X(BUDGET_REFUSED, "tokencap_budget_refused_usd_total", counter, 9,                             \
      "What those requests would have held")                                                       \
    X(UPSTREAM_ERRORS, "tokencap_upstream_errors_total", counter, 0,                               \
      "Upstream calls that failed or ended broken, by how")                                        \
    X(BUDGET_LIMIT, "tokencap_budget_limit_usd", gauge, 9, "Limit of a budget")                    \
    X(BUDGET_SPENT, "tokencap_budget_spent_usd", gauge, 9, "Spent in a budget's running period")   \
    X(BUDGET_RESERVED, "tokencap_budget_reserved_usd", gauge, 9, "Held for requests in flight")    \
    X(BUDGETS, "tokencap_budgets", gauge, 0,                                                       \
      "Budgets that exist; the 200 fullest have figures of their own")                             \
    X(QUEUE_LENGTH, "tokencap_queue_length", gauge, 0, "Requests waiting for a worker")            \
    X(HOLDS_OPEN, "tokencap_holds_open", gauge, 0, "Holds not yet ended")                          \
    X(OLDEST_HOLD, "tokencap_oldest_hold_seconds", gauge, 3, "Age of the oldest open hold")        \
    X(HELD, "tokencap_held_usd", gauge, 9, "Money in open holds")                                  \
    X(OVERRUN, "tokencap_overrun_usd_total", counter, 9, "Actual costs above strict holds, ever")  \
    X(COMMIT, "tokencap_ledger_commit_seconds", summary, 9, "Time of the ledger's group commits")  \
    X(WRITES, "tokencap_ledger_writes_total", counter, 0, "Ledger operations committed")           \
    X(LEDGER_QUEUE, "tokencap_ledger_queue_length", gauge, 0, "Ledger operations waiting")         \
    X(LEDGER_LOCKED, "tokencap_ledger_locked_total", counter, 0,                                   \
      "Group commits that another program's lock on the database prevented")                       \
    X(LEDGER_FULL, "tokencap_ledger_disk_full", gauge, 0,                                          \
      "1 while new requests are refused because the ledger's disk is full")                        \
    X(LEDGER_WAL, "tokencap_ledger_wal_bytes", gauge, 0, "Size of the ledger's write-ahead log")   \
    X(CACHE_HITS, "tokencap_token_cache_hits_total", counter, 0, "Texts whose count was remembered") \
    X(CACHE_MISSES, "tokencap_token_cache_misses_total", counter, 0, "Texts that were counted")    \
    X(DRIFTED, "tokencap_count_classes_drifted", gauge, 0,                                         \
      "Model, endpoint and features whose exact counts no longer equal the provider's")            \
    X(BUILD, "tokencap_build_info", gauge, 0, "The running version")                               \
    X(CPU, "process_cpu_seconds_total", counter, 2, "User and system CPU time")                    \
    X(RESIDENT, "process_resident_memory_bytes", gauge, 0, "Memory in RAM")                        \
    X(VIRTUAL, "process_virtual_memory_bytes", gauge, 0, "Memory mapped")                          \
    X(OPEN_FDS, "process_open_fds", gauge, 0, "Open file descriptors")                             \
    X(MAX_FDS, "process_max_fds", gauge, 0, "Most file descriptors that may be open")              \
    X(THREADS, "process_threads", gauge, 0, "Threads")                                             \
    X(STARTED, "process_start_time_seconds", gauge, 3, "When the process started, since 1970")

enum metric_id {
#define X(field, ...) METRIC_count_##field,
    METRIC_COUNTS(X)
#undef X
#define X(id, ...) METRIC_##id,
    METRIC_FAMILIES(X)
#undef X
    METRICS_ALL
};

struct metric {
    const char *name, *kind, *help;
    int places;
};

extern const struct metric metric_table[METRICS_ALL];

#define METRIC_SCOPES    8   /* enum scope has fewer */
#define METRIC_UPSTREAMS 16  /* enum upstream_end has fewer */
#define METRIC_CELLS_MAX 256 /* combinations of provider, endpoint and model; then the model is `other` */
#define METRIC_SLOTS     1024

struct metric_cell;

struct metrics {
#define X(field, ...) _Atomic int64_t field;
    METRIC_COUNTS(X)
#undef X
    _Atomic int64_t refusals[REFUSAL_KINDS];
    _Atomic int64_t budget_refusals[METRIC_SCOPES], budget_refused[METRIC_SCOPES];
    _Atomic int64_t upstream_errors[METRIC_UPSTREAMS];
    struct histogram queue_wait;

    pthread_mutex_t cells_lock; /* to add a cell */
    int ncells;                 /* guarded by cells_lock */
    _Atomic(struct metric_cell *) cells[METRIC_SLOTS]; /* by hash; a cell once there stays */
};

void metrics_init(struct metrics *m);
void metrics_finish(struct metrics *m);

static inline void metric_add(_Atomic int64_t *m, int64_t n)
{
    atomic_fetch_add_explicit(m, n, memory_order_relaxed);
}

static inline int64_t metric_get(const _Atomic int64_t *m)
{
    return atomic_load_explicit(m, memory_order_relaxed);
}

/* One ended request of a proxied path. */
struct metric_facts {
    const char *provider;  /* of the configuration */
    const char *endpoint;  /* of the route table */
    const char *operation; /* OpenTelemetry's gen_ai.operation.name; NULL: none */
    const char *model;     /* of the price table; NULL: `other` */
    int status;
    int64_t duration_ns;
    int64_t ttft_ms;           /* of a stream; < 0: none */
    const struct usage *usage; /* NULL: not settled, and the rest says nothing */
    nano_t cost, predicted;
    nano_t saved, premium;     /* by prompt caches */
};

void metrics_count(struct metrics *m, const struct metric_facts *f);

/* ---- writing Prometheus' text format ---- */

#define METRIC_LABELS_MAX 1200

/* `name="value",…` as a text that is built label by label. */
struct metric_labels {
    char text[METRIC_LABELS_MAX];
    size_t n;
};

void metric_label(struct metric_labels *l, const char *name, const char *value);

/* The HELP and TYPE lines of a metric, once before its samples. */
void metric_head(struct buf *out, enum metric_id id);
/* One sample; suffix ("_sum") and labels may be "" and NULL. */
void metric_sample(struct buf *out, enum metric_id id, const char *suffix,
                   const struct metric_labels *labels, int64_t value);
/* Head and only sample. */
void metric_single(struct buf *out, enum metric_id id, int64_t value);
void metric_histogram(struct buf *out, enum metric_id id, const struct metric_labels *labels,
                      const struct histogram_bounds *bounds, const struct histogram_copy *h);

/* All that struct metrics holds. */
void metrics_write(struct metrics *m, struct buf *out);
void metrics_write_cells(struct metrics *m, struct buf *out);
/* The process_* family. */
void metrics_write_process(struct buf *out, int64_t started_ms);

#endif
