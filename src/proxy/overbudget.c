/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/jsonw.h"
#include "proxy/steps.h"

#define RETRY_SECONDS 5

/* Waiting helps when the holds in flight will probably give back enough. */
static bool waiting_helps(const struct verdict *v)
{
    return !v->too_large && v->hold <= v->expected_free;
}

static void write_details(const struct exchange *x, struct jsonw *w)
{
    const struct verdict *v = &x->verdict;

    jsonw_open(w, '{');
    money_member(w, "currentSpendUsd", v->spent);
    money_member(w, "limitUsd", v->limit);
    money_member(w, "estimatedCostUsd", v->hold);
    money_member(w, "remainingBudgetUsd", v->remaining);
    jsonw_member_str(w, "projectId", span_of(x->project));
    jsonw_member_str(w, "scope", span_of(scope_name(v->scope)));
    money_member(w, "reservedUsd", v->reserved);
    money_member(w, "holdUsd", v->hold);
    money_member(w, "maximumCostUsd", x->estimate.maximum);
    jsonw_member_int(w, "affordableMaxTokens", afford_tokens(x, v->remaining, v->strict));
    jsonw_member_time(w, "resetsAt", v->period_end);
    jsonw_member_str(w, "error_code", SPAN("budget_exceeded"));
    jsonw_close(w, '}');
}

/* Why waiting will not help, where it will not. */
static const char *never_fits(const struct verdict *v, char out[96])
{
    char limit[MONEY_LEN];

    if (!v->too_large)
        return "";
    if (!v->limit)
        return ". A limit of $0 admits nothing that costs.";
    snprintf(out, 96, ". This request alone is more than the whole limit of $%s.",
             money_fixed(v->limit, limit));
    return out;
}

int refuse_over_budget(struct exchange *x)
{
    const struct verdict *v = &x->verdict;
    char hold[MONEY_LEN], left[MONEY_LEN], more[96];
    struct buf details;
    struct jsonw w;

    metric_add(&x->server->metrics.budget_refusals[v->scope], 1);
    metric_add(&x->server->metrics.budget_refused[v->scope], v->hold);
    refuse(&x->refusal, REFUSE_BUDGET_EXCEEDED, NULL,
           "Request would exceed budget. Estimated cost: $%s, Remaining budget: $%s%s",
           money_fixed(v->hold, hold), money_fixed(v->remaining, left), never_fits(v, more));
    x->refusal.retry_after = waiting_helps(v) ? RETRY_SECONDS : 0;
    buf_init(&details, 8192);
    jsonw_init(&w, &details);
    write_details(x, &w);
    if (!details.failed)
        x->refusal.details = arena_copy(&x->arena, details.p, details.n);
    buf_finish(&details);
    return -1;
}
