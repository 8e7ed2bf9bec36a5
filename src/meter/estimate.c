/* SPDX-License-Identifier: MIT */
#include "meter/estimate.h"

const char *confidence_name(enum confidence c)
{
    static const char *const names[] = {"high", "medium", "low"};

    return names[c];
}

/* ⌈v × percent ÷ 100⌉ */
static int64_t share(int64_t v, int percent)
{
    return v / 100 * percent + (v % 100 * percent + 99) / 100;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The most one answer can have when nothing was asked: the model's own maximum, or what its context
 * leaves. A count that may be too high leaves more; one that fills the context shows that the
 * context is not what we think, and bounds nothing. */
static int64_t own_bound(const struct estimate_in *in, const struct price_facts *facts)
{
    const int64_t max = facts->max_output ? facts->max_output : in->default_max_tokens;
    const int64_t surely = in->count->tokens - (in->count->bound - in->count->tokens);
    const int64_t room = facts->context_window - (surely > 0 ? surely : 0);

    return facts->context_window && room > 0 ? least(max, room) : max;
}

struct answer {
    int64_t predicted, p95, bound; /* tokens of one answer */
};

static struct answer answer_of(const struct estimate_in *in, const struct price_facts *facts)
{
    struct answer a = {0};

    if (!in->generates)
        return a;
    if (in->output_limit > 0) {
        a.bound = in->output_limit;
        a.predicted = share(in->output_limit, 75);
    } else {
        const int64_t own = facts->max_output ? facts->max_output : in->default_max_tokens;

        a.bound = own_bound(in, facts);
        a.predicted = least(share(own, 50), a.bound);
    }
    if (in->learned)
        a.predicted = least(in->learned->p50, a.bound);
    a.p95 = in->learned ? least(in->learned->p95, a.bound) : a.predicted;
    if (a.p95 < a.predicted)
        a.p95 = a.predicted;
    return a;
}

static enum confidence confidence_of(const struct estimate_in *in, const struct price_facts *facts)
{
    if (in->opaque_input || in->price.rule == PRICE_FALLBACK)
        return CONF_LOW;
    if (in->output_limit > 0 || !in->generates)
        return CONF_HIGH;
    return in->tools || facts->reasoning || in->n > 1 ? CONF_LOW : CONF_MEDIUM;
}

static struct price_terms terms_of(const struct estimate_in *in)
{
    const unsigned audio = 1U << TOK_AUDIO_INPUT, any = (1U << TOK_KINDS) - 1;
    unsigned kinds = in->kinds ? in->kinds | 1U << TOK_AUDIO_OUTPUT : any & ~audio;

    return (struct price_terms){in->tier, in->us_only, in->opaque_input ? kinds | audio : kinds};
}

/* What the tokens in r cost. */
static int price_estimate(const struct estimate_in *in, struct estimate *r, struct err *e)
{
    const struct price_terms *terms = &r->terms;
    const int64_t at = in->at_wall_ms;

    if (price_plain(in->price, r->input_tokens, 0, terms, at, &r->input_cost, e) ||
        price_plain(in->price, r->input_tokens, r->output_tokens, terms, at, &r->cost, e) ||
        price_plain(in->price, in->count->bound, r->p95_output, terms, at, &r->hold, e) ||
        price_bound(in->price, in->count->bound, r->max_output, terms, at, &r->maximum, e))
        return -1;
    if (!in->learned || r->hold < r->cost)
        r->hold = r->cost;
    if (r->maximum < r->hold)
        r->maximum = r->hold;
    r->output_cost = r->cost - r->input_cost;
    return 0;
}

int estimate(const struct estimate_in *in, struct estimate *out, struct err *e)
{
    const struct price_facts facts = price_facts(in->price, in->at_wall_ms);
    const struct answer one = answer_of(in, &facts);
    const int64_t n = in->n > 0 ? in->n : 1;
    struct estimate r = {
        .input_tokens = in->count->tokens,
        .confidence = confidence_of(in, &facts),
        .terms = terms_of(in),
    };

    if (__builtin_mul_overflow(one.predicted, n, &r.output_tokens) ||
        __builtin_mul_overflow(one.p95, n, &r.p95_output) ||
        __builtin_mul_overflow(one.bound, n, &r.max_output))
        return err_set(e, ERR_INVALID, "output limit times n is beyond what can be counted");
    if (price_estimate(in, &r, e))
        return -1;
    *out = r;
    return 0;
}
