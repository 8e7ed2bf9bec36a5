/* SPDX-License-Identifier: MIT */
#include "meter/price_foreign.h"

/* genai-prices' list: providers with models, prices in US$ per million tokens, tiers and dates. */

#define PER_MILLION 6 /* US$ per million tokens to picodollars a token */

static const struct {
    const char *name;
    enum token_kind kind;
} keys[] = {
    {"input_mtok", TOK_INPUT},
    {"output_mtok", TOK_OUTPUT},
    {"cache_read_mtok", TOK_CACHE_READ},
    {"cache_write_mtok", TOK_CACHE_WRITE_5M},
    {"input_audio_mtok", TOK_AUDIO_INPUT},
    {"output_audio_mtok", TOK_AUDIO_OUTPUT},
};

#define NKEYS (sizeof keys / sizeof *keys)

static void read_tiers(struct schedule *s, const json_t *tiers, enum token_kind kind)
{
    for (size_t i = 0; i < json_array_size(tiers); i++) {
        const json_t *tier = json_array_get(tiers, i);
        const int64_t above = json_integer_value(json_object_get(tier, "start"));
        struct step *step = above > 0 ? price_step_above(s, above) : NULL;

        if (step)
            step->rates.of[kind] = price_number(json_object_get(tier, "price"), PER_MILLION);
    }
}

static void read_prices(struct schedule *s, const json_t *prices, const char *provider)
{
    for (int tier = 0; tier < TIERS; tier++)
        price_unset(&s->plan[tier]);
    for (size_t i = 0; i < NKEYS; i++) {
        const json_t *v = json_object_get(prices, keys[i].name);
        const json_t *base = json_is_object(v) ? json_object_get(v, "base") : v;
        enum token_kind kind = keys[i].kind;

        if (kind == TOK_CACHE_WRITE_5M && !strcmp(provider, "openai"))
            kind = TOK_CACHE_WRITE_30M;
        s->plan[TIER_STANDARD].of[kind] = price_number(base, PER_MILLION);
        read_tiers(s, json_object_get(v, "tiers"), kind);
    }
}

/* The present price, and those that start later; hours of the day are left to the dearest. */
static bool read_dated(struct foreign_row *row, const json_t *list, const char *as_of)
{
    bool any = false;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i), *when = json_object_get(item, "constraint");
        const char *start = json_string_value(json_object_get(when, "start_date"));

        if (when && !start)
            continue;
        if (!start || strcmp(start, as_of) <= 0) {
            row->now = (struct schedule){0};
            read_prices(&row->now, json_object_get(item, "prices"), row->provider);
            any = true;
        } else if (row->nfuture < FOREIGN_FUTURE) {
            struct schedule *s = &row->future[row->nfuture++];

            s->from = start;
            read_prices(s, json_object_get(item, "prices"), row->provider);
        }
    }
    return any;
}

/* Of their match clauses only whole names are names; prefixes are not. */
static void read_aliases(struct foreign_row *row, const json_t *match)
{
    const json_t *list = json_object_get(match, "or");
    const char *name = json_string_value(json_object_get(match, "equals"));

    if (name && strcmp(name, row->id) && row->naliases < FOREIGN_ALIASES)
        row->aliases[row->naliases++] = name;
    for (size_t i = 0; i < json_array_size(list); i++)
        read_aliases(row, json_array_get(list, i));
}

static bool read_model(const json_t *model, const char *as_of, struct foreign_row *row)
{
    const json_t *prices = json_object_get(model, "prices");

    row->id = json_string_value(json_object_get(model, "id"));
    if (!row->id)
        return false;
    row->context = json_integer_value(json_object_get(model, "context_window"));
    read_aliases(row, json_object_get(model, "match"));
    if (!json_is_array(prices))
        read_prices(&row->now, prices, row->provider);
    else if (!read_dated(row, prices, as_of))
        return false;
    row->no_output = row->now.plan[TIER_STANDARD].of[TOK_OUTPUT] == RATE_UNSET;
    return true;
}

int price_genai_each(const json_t *root, const char *as_of, int *read, int *skipped,
                     foreign_row_fn *f, void *ctx, struct err *e)
{
    for (size_t p = 0; p < json_array_size(root); p++) {
        const json_t *provider = json_array_get(root, p);
        const json_t *models = json_object_get(provider, "models");
        const char *id = json_string_value(json_object_get(provider, "id"));
        const char *ours = id ? price_provider_alias(id) : NULL;

        for (size_t m = 0; m < json_array_size(models); m++) {
            struct foreign_row row = {.provider = ours, .web_search = RATE_UNSET};

            ++*read;
            if (!ours || !read_model(json_array_get(models, m), as_of, &row))
                ++*skipped;
            else if (f(ctx, &row, e))
                return -1;
        }
    }
    return 0;
}
