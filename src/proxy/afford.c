/* SPDX-License-Identifier: MIT */
#include "proxy/steps.h"

bool afford_is_bounded(const struct exchange *x)
{
    return !x->request.unbounded && x->price.rule != PRICE_FALLBACK;
}

int afford_maximum(const struct exchange *x, int64_t limit, nano_t *out, struct err *e)
{
    int64_t output = limit ? limit * x->request.n : x->estimate.max_output;

    return price_bound(x->price, x->count.bound, output, &x->estimate.terms, x->arrived_ms, out, e);
}

/* What a request with that output limit would hold. */
static bool hold_of(const struct exchange *x, int64_t limit, bool strict, nano_t *out)
{
    int64_t predicted = (limit * 3 + 3) / 4 * x->request.n; /* 75 %, rounded up */
    struct err e;

    if (strict)
        return afford_maximum(x, limit, out, &e) == 0;
    return price_plain(x->price, x->count.tokens, predicted, &x->estimate.terms, x->arrived_ms, out, &e) == 0;
}

/* The hold grows with the limit (price tiers are about the input), so bisection finds the last that fits. */
int64_t afford_tokens(const struct exchange *x, nano_t room, bool strict)
{
    int64_t fits = 0, too_much = x->estimate.max_output / x->request.n + 1;
    nano_t hold;

    if (!x->request.generates)
        return 0;
    while (fits + 1 < too_much) {
        int64_t middle = fits + (too_much - fits) / 2;
        if (hold_of(x, middle, strict, &hold) && hold <= room)
            fits = middle;
        else
            too_much = middle;
    }
    return fits;
}
