/* SPDX-License-Identifier: MIT */
#ifndef WIRE_FORECAST_H
#define WIRE_FORECAST_H

#include "base/jsonw.h"
#include "meter/estimate.h"
#include "wire/request.h"

/*
 * What a request will cost, as /v1/estimate and `tokencap estimate` say it. Pure. Strings are borrowed
 * for as long as the forecast is used.
 */

struct forecast {
    const char *provider;
    struct span model; /* as asked */
    struct price_facts facts;
    enum price_rule rule;
    struct count count;
    struct estimate estimate;
    nano_t hold; /* what the ledger would hold for it now */

    bool has_budget; /* there is one: what it, or the tightest of several, would say now */
    bool admitted;
    nano_t limit, spent, reserved, remaining;
    int64_t affordable_max_tokens; /* the largest output limit that would be admitted */
};

/* The prediction for a parsed and counted request: by the rule, or by what was learned (NULL: nothing).
 * -1 only when a figure overflows. */
int forecast_predict(const struct request *q, const struct count *count, struct price price,
                     const struct learned *learned, int64_t default_max_tokens, int64_t at_wall_ms,
                     struct estimate *out, struct err *e) MUST_CHECK;

/* One JSON object. */
void forecast_write(struct jsonw *w, const struct forecast *f);

#endif
