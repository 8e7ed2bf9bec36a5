/* SPDX-License-Identifier: MIT */
#include "meter/price_table.h"

#include <stdio.h>

/* Completes a row's rates: what a table does not list follows from what it does. */

pico_t price_scale(pico_t v, pico_t num, pico_t den)
{
    __int128 scaled;

    if (den == 0)
        return v > num ? v : num;
    scaled = ((__int128)v * num + den - 1) / den;
    return scaled > RATE_MAX ? RATE_MAX : (pico_t)scaled;
}

/* A write lifetime without a price costs what the next longer one costs, else the next shorter,
 * else the input rate: it belongs to another provider, or its name is new. */
static pico_t neighbour_write(const struct rates *r, int kind)
{
    for (int k = kind + 1; k <= TOK_CACHE_WRITE_12H; k++)
        if (r->of[k] != RATE_UNSET)
            return r->of[k];
    for (int k = kind - 1; k >= TOK_CACHE_WRITE_5M; k--)
        if (r->of[k] != RATE_UNSET)
            return r->of[k];
    return r->of[TOK_INPUT];
}

static void complete_base(struct rates *r, const struct price_provider *p)
{
    const pico_t input = r->of[TOK_INPUT];
    struct rates listed;

    for (int k = 0; k < TOK_KINDS; k++)
        if (r->of[k] == RATE_UNSET && p->missing_kind[k])
            r->of[k] = price_scale(input, p->missing_kind[k], MULTIPLIER);
    listed = *r;
    for (int k = TOK_CACHE_WRITE_5M; k <= TOK_CACHE_WRITE_12H; k++)
        if (r->of[k] == RATE_UNSET)
            r->of[k] = neighbour_write(&listed, k);
    if (r->of[TOK_CACHE_READ] == RATE_UNSET)
        r->of[TOK_CACHE_READ] = input;
    if (r->of[TOK_AUDIO_INPUT] == RATE_UNSET)
        r->of[TOK_AUDIO_INPUT] = input;
    if (r->of[TOK_AUDIO_OUTPUT] == RATE_UNSET)
        r->of[TOK_AUDIO_OUTPUT] = r->of[TOK_OUTPUT];
}

/* A plan, a step, a later date: cache reads that it does not list are not discounted there; writes
 * and audio keep their ratio to input and output. */
static void complete_over(struct rates *r, const struct rates *base)
{
    for (int k = 0; k < TOK_KINDS; k++) {
        const int of = k == TOK_AUDIO_OUTPUT ? TOK_OUTPUT : TOK_INPUT;

        if (r->of[k] != RATE_UNSET)
            continue;
        r->of[k] = k == TOK_CACHE_READ ? r->of[TOK_INPUT]
                                       : price_scale(base->of[k], r->of[of], base->of[of]);
    }
}

static void multiply(struct rates *r, const struct rates *base, int64_t multiplier)
{
    for (int k = 0; k < TOK_KINDS; k++)
        r->of[k] = price_scale(base->of[k], multiplier, MULTIPLIER);
}

void price_combine(struct rates *r, const struct rates *over, const struct rates *base)
{
    for (int k = 0; k < TOK_KINDS; k++)
        r->of[k] = price_scale(r->of[k], over->of[k], base->of[k]);
    if (r->of[TOK_CACHE_READ] > r->of[TOK_INPUT])
        r->of[TOK_CACHE_READ] = r->of[TOK_INPUT];
}

/* The rates that a later schedule does not list: an earlier one's, moved as the standard rates
 * moved. */
static void carry(struct rates *out, const struct rates *over, const struct schedule *earlier,
                  const struct schedule *later)
{
    *out = *over;
    price_combine(out, &later->plan[TIER_STANDARD], &earlier->plan[TIER_STANDARD]);
}

static bool listed(const struct rates *r)
{
    return r->of[TOK_INPUT] != RATE_UNSET;
}

static void complete_schedule(struct schedule *s, const struct price_provider *p,
                              const struct schedule *first)
{
    struct rates *base = &s->plan[TIER_STANDARD];

    if (s == first)
        complete_base(base, p);
    else
        complete_over(base, &first->plan[TIER_STANDARD]);
    for (int tier = TIER_STANDARD + 1; tier < TIERS; tier++) {
        if (listed(&s->plan[tier]))
            complete_over(&s->plan[tier], base);
        else if (s != first)
            carry(&s->plan[tier], &first->plan[tier], first, s);
        else
            multiply(&s->plan[tier], base,
                     p->missing_plan[tier] ? p->missing_plan[tier] : MULTIPLIER);
    }
    for (int i = 0; i < s->nsteps; i++)
        complete_over(&s->steps[i].rates, base);
    if (s != first && !s->nsteps) {
        s->nsteps = first->nsteps;
        for (int i = 0; i < s->nsteps; i++) {
            s->steps[i].above = first->steps[i].above;
            carry(&s->steps[i].rates, &first->steps[i].rates, first, s);
        }
    }
    if (s == first && s->has_off_peak)
        complete_over(&s->off_peak, base);
    else if (first->has_off_peak) {
        s->has_off_peak = true;
        carry(&s->off_peak, &first->off_peak, first, s);
    }
}

int price_complete(struct price_table *t, struct price_row *row, struct err *e)
{
    if (row->web_search == RATE_UNSET)
        row->web_search = row->provider->web_search;
    for (int i = 0; i < row->nschedules; i++) {
        struct schedule *s = &row->schedules[i];
        char version[40];
        int n;

        complete_schedule(s, row->provider, row->schedules);
        n = snprintf(version, sizeof version, "%.24s/%.10s", row->provider->name,
                     s->from ? s->from : row->as_of);
        s->version = arena_copy(&t->arena, version, (size_t)n);
        if (!s->version)
            return err_set(e, ERR_MEMORY, "no memory for the price table");
    }
    return 0;
}
