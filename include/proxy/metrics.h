/* SPDX-License-Identifier: MIT */
#ifndef PROXY_METRICS_H
#define PROXY_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/str.h"

/*
 * Counters of what has happened, as one table: each row is a field, its Prometheus name, its kind, the
 * factor that turns it into the base unit, and its help. Relaxed atomics; any thread.
 */

/*        field               name                                          kind     unit    help */
#define METRICS(X)                                                                                 \
    X(requests,           "tokencap_requests_total",                    counter, 1,      "Exchanges ended, of proxied paths")            \
    X(refused,            "tokencap_refusals_total",                    counter, 1,      "Requests answered by the proxy itself")        \
    X(over_budget,        "tokencap_budget_refusals_total",             counter, 1,      "Requests refused because of a budget")         \
    X(shed,               "tokencap_shed_total",                        counter, 1,      "Requests answered 503 because of load")        \
    X(input_tokens,       "tokencap_input_tokens_total",                counter, 1,      "Input tokens as providers reported them")      \
    X(output_tokens,      "tokencap_output_tokens_total",               counter, 1,      "Output tokens as providers reported them")     \
    X(cost_nano,          "tokencap_cost_usd_total",                    counter, 1e-9,   "Cost of ended exchanges")                      \
    X(predicted_nano,     "tokencap_predicted_cost_usd_total",          counter, 1e-9,   "Predicted cost of ended exchanges")            \
    X(estimated,          "tokencap_estimated_settlements_total",       counter, 1,      "Exchanges settled without the provider's usage") \
    X(fallback_priced,    "tokencap_fallback_priced_total",             counter, 1,      "Requests for models without a price of their own") \
    X(upstream_errors,    "tokencap_upstream_errors_total",             counter, 1,      "Upstream calls that failed or ended broken")   \
    X(client_gone,        "tokencap_client_disconnects_total",          counter, 1,      "Clients that left before their answer was whole") \
    X(queue_wait_ns,      "tokencap_queue_wait_seconds_total",          counter, 1e-9,   "Time requests waited for a worker")            \
    X(duration_ns,        "tokencap_request_duration_seconds_total",    counter, 1e-9,   "Time exchanges took, from arrival to their end") \
    X(connections,        "tokencap_connections",                       gauge,   1,      "Client connections open")                      \
    X(in_flight,          "tokencap_requests_in_flight",                gauge,   1,      "Exchanges in a worker's hands")

struct metrics {
#define X(field, name, kind, unit, help) _Atomic int64_t field;
    METRICS(X)
#undef X
};

static inline void metric_add(_Atomic int64_t *m, int64_t n)
{
    atomic_fetch_add_explicit(m, n, memory_order_relaxed);
}

/* One sample in Prometheus' text format, with its HELP and TYPE lines. */
void metric_write(struct buf *out, const char *name, const char *kind, const char *help, double value);

/* Every row of the table. */
void metrics_write(const struct metrics *m, struct buf *out);

#endif
