/* SPDX-License-Identifier: MIT */
#include "meter/price.h"

#include "meter/price_table.h"

#define MINUTE_MS 60000
#define DAY_MS    INT64_C(86400000)
#define HOUR_MS   (60 * MINUTE_MS)
#define TOKENS_MAX                                                                                 \
    INT64_C(1000000000000000) /* beyond any answer; keeps every sum inside 128 bits */

const char *price_rule_name(enum price_rule r)
{
    static const char *const names[] = {"exact", "alias", "suffix", "fallback"};

    return names[r];
}

const char *price_rule_header(enum price_rule r)
{
    return r == PRICE_SUFFIX ? "alias" : price_rule_name(r);
}

/* ---- the rates of a request ---- */

static const struct schedule *schedule_at(const struct price_row *row, int64_t at)
{
    int i = row->nschedules - 1;

    while (i > 0 && row->schedules[i].from_ms > at)
        i--;
    return &row->schedules[i];
}

static bool is_peak(const struct peak *p, int64_t at)
{
    const int64_t day = at / DAY_MS, minute = at % DAY_MS / MINUTE_MS;

    if (!(p->days >> (day + 4) % 7 & 1)) /* 1970-01-01 was a Thursday */
        return false;
    for (int i = 0; i < p->nhours; i++)
        if (minute >= p->hours[i].from && minute < p->hours[i].to)
            return true;
    return false;
}

/* What a moment, a plan and a size make of a row. */
struct conditions {
    int64_t at;
    enum service_tier tier;
    int64_t input; /* all input tokens: what tiers go by */
    bool assume_peak;
};

static void rates_of_row(const struct price_row *row, const struct conditions *c, struct rates *out)
{
    const struct schedule *s = schedule_at(row, c->at);
    const struct rates *base = &s->plan[TIER_STANDARD], *over[2];
    int n = 0;

    for (int i = s->nsteps - 1; i >= 0 && n == 0; i--)
        if (c->input > s->steps[i].above)
            over[n++] = &s->steps[i].rates;
    if (s->has_off_peak && !c->assume_peak && !is_peak(&row->peak, c->at))
        over[n++] = &s->off_peak;
    *out = s->plan[c->tier];
    while (n-- > 0)
        price_combine(out, over[n], base);
}

static void raise(struct rates *r, const struct rates *other)
{
    for (int k = 0; k < TOK_KINDS; k++)
        if (r->of[k] < other->of[k])
            r->of[k] = other->of[k];
}

/* A fallback's rates are the dearest of all that share its stem, and of the floor, kind by kind. */
static void rates_of(const struct price_row *row, const struct conditions *c, struct rates *out)
{
    struct rates one;

    rates_of_row(row->floor ? row->floor : row, c, out);
    for (size_t i = 0; i < row->nmembers; i++) {
        rates_of_row(row->members[i].row, c, &one);
        raise(out, &one);
    }
}

/* ---- sums, in millionths of a picodollar, so that both multipliers stay exact ---- */

#define UNIT ((__int128)MULTIPLIER * MULTIPLIER)

static int64_t multiplier(struct price p, bool us_only)
{
    return (int64_t)p.permille * (us_only && p.row->us_only ? p.row->us_only : MULTIPLIER);
}

static int too_large(struct err *e)
{
    return err_set(e, ERR_INVALID, "the cost is beyond what can be counted");
}

static int finish(__int128 sum, nano_t *out, struct err *e)
{
    return money_round_up((sum + UNIT - 1) / UNIT, out) ? 0 : too_large(e);
}

static int add_part(struct price p, const struct usage_part *part, const struct usage *u,
                    int64_t at, __int128 *sum, struct err *e)
{
    struct conditions c = {.at = at, .tier = u->tier};
    struct rates r;

    for (int k = 0; k < TOK_KINDS; k++) {
        if (part->tokens[k] < 0 || part->tokens[k] > TOKENS_MAX)
            return too_large(e);
        c.input += k < TOK_OUTPUT ? part->tokens[k] : 0;
    }
    rates_of(p.row, &c, &r);
    for (int k = 0; k < TOK_KINDS; k++)
        *sum += (__int128)part->tokens[k] * r.of[k] * multiplier(p, u->us_only);
    return 0;
}

struct price price_answered(const struct price_table *t, struct price asked, const char *provider,
                            const struct usage *u)
{
    struct price p;

    if (!u->model[0])
        return asked;
    p = price_find(t, provider, span_of(u->model));
    return p.rule == PRICE_FALLBACK ? asked : p;
}

int price_cost(const struct price_table *t, struct price p, const char *provider,
               const struct usage *u, int64_t at_wall_ms, nano_t *out, struct err *e)
{
    __int128 sum = 0;

    if (u->has_reported_cost) {
        if (u->reported_cost < 0 || u->reported_cost > NANO_MAX)
            return too_large(e);
        *out = u->reported_cost;
        return 0;
    }
    p = price_answered(t, p, provider, u);
    for (int i = 0; i < u->nparts; i++) {
        const struct usage_part *part = &u->parts[i];
        const struct price q = part->model[0] ? price_find(t, provider, span_of(part->model)) : p;

        if (add_part(q, part, u, at_wall_ms, &sum, e))
            return -1;
    }
    if (u->web_searches < 0 || u->web_searches > TOKENS_MAX)
        return too_large(e);
    sum += (__int128)u->web_searches * p.row->web_search * UNIT;
    return finish(sum, out, e);
}

/* ---- predictions and bounds ---- */

int price_plain(struct price p, int64_t input, int64_t output, const struct price_terms *terms,
                int64_t at_wall_ms, nano_t *out, struct err *e)
{
    const struct conditions c = {.at = at_wall_ms, .tier = terms->tier, .input = input};
    struct rates r;

    if (input < 0 || output < 0 || input > TOKENS_MAX || output > TOKENS_MAX)
        return too_large(e);
    rates_of(p.row, &c, &r);
    return finish(((__int128)input * r.of[TOK_INPUT] + (__int128)output * r.of[TOK_OUTPUT]) *
                      multiplier(p, terms->us_only),
                  out, e);
}

/* The dearest rates a request can meet: it may be served at the standard tier although another was
 * asked for, run into peak hours, and still be running when the next price starts. */
static void dearest_rates(const struct price_row *row, int64_t input, enum service_tier tier,
                          int64_t at, struct rates *out)
{
    const enum service_tier tiers[] = {TIER_STANDARD, tier};
    struct rates r;

    *out = (struct rates){{0}};
    for (int i = 0; i < 8; i++) {
        const struct conditions c = {at + (i & 1) * HOUR_MS, tiers[i >> 1 & 1], input, i >> 2};

        rates_of(row, &c, &r);
        raise(out, &r);
    }
}

static pico_t dearest_kind(const struct rates *r, unsigned kinds, int from, int to)
{
    pico_t most = r->of[from];

    for (int k = from + 1; k < to; k++)
        if (kinds & 1U << k && r->of[k] > most)
            most = r->of[k];
    return most;
}

int price_bound(struct price p, int64_t input, int64_t output, const struct price_terms *terms,
                int64_t at_wall_ms, nano_t *out, struct err *e)
{
    const unsigned kinds = terms->kinds ? terms->kinds : ~0U;
    struct rates r;

    if (input < 0 || output < 0 || input > TOKENS_MAX || output > TOKENS_MAX)
        return too_large(e);
    dearest_rates(p.row, input, terms->tier, at_wall_ms, &r);
    return finish(((__int128)input * dearest_kind(&r, kinds, TOK_INPUT, TOK_OUTPUT) +
                   (__int128)output * dearest_kind(&r, kinds, TOK_OUTPUT, TOK_KINDS)) *
                      multiplier(p, terms->us_only),
                  out, e);
}

/* ---- facts and lists ---- */

struct price_facts price_facts(struct price p, int64_t at_wall_ms)
{
    const struct price_row *row = p.row;
    const struct conditions c = {.at = at_wall_ms, .tier = TIER_STANDARD};
    struct rates r;

    rates_of(row, &c, &r);
    return (struct price_facts){
        .id = row->id,
        .provider = row->provider->name,
        .encoding = row->encoding ? row->encoding : "approx",
        .source = row->source,
        .as_of = row->as_of,
        .version = row->floor ? row->version : schedule_at(row, at_wall_ms)->version,
        .context_window = row->context,
        .max_output = row->max_output,
        .reasoning = row->reasoning,
        .input = r.of[TOK_INPUT],
        .output = r.of[TOK_OUTPUT],
        .cache_read = r.of[TOK_CACHE_READ],
    };
}

size_t price_count(const struct price_table *t)
{
    return t->nnames;
}

void price_each(const struct price_table *t, void (*f)(void *ctx, const char *id, struct price p),
                void *ctx)
{
    for (size_t i = 0; i < t->nnames; i++)
        f(ctx, t->names[i].full, (struct price){t->names[i].row, t->names[i].rule, MULTIPLIER});
}
