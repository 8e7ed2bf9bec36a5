/* SPDX-License-Identifier: MIT */
#include "proxy/steps.h"

/*
 * --on-cap stop: a stream is ended once what it has generated costs as much as was held for it. What was
 * generated is counted piece by piece, which is at most a token a piece above the true count.
 */

#define PIECE 256 /* bytes of text between two looks */

static bool is_affordable(const struct exchange *x)
{
    nano_t cost;
    struct err e;

    return price_plain(x->price, x->count.tokens, x->generated, &x->estimate.terms, x->arrived_ms, &cost,
                       &e) == 0 &&
           cost < x->verdict.hold;
}

bool cap_reached(struct exchange *x)
{
    struct text_counter counter = tokcache_counter(x->server->tokens);
    struct span fresh = span_skip(buf_all(&x->answer.text), x->looked_at);

    if (x->settings->config.on_cap != ON_CAP_STOP || !x->verdict.has_budget || fresh.n < PIECE)
        return false;
    x->looked_at += fresh.n;
    x->generated += counter.count(counter.ctx, x->count.encoding, fresh);
    return !is_affordable(x);
}

bool cap_stop(struct exchange *x, struct buf *out)
{
    struct usage counted;

    if (!settle_count_answer(x, &counted))
        return false;
    x->answer.usage = counted;
    x->capped = answer_stop(&x->answer, out);
    return x->capped;
}
