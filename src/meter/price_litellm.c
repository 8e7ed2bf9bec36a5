/* SPDX-License-Identifier: MIT */
#include "meter/price_foreign.h"

#include <stdio.h>

/* LiteLLM's list: one object, a member a model, prices in US$ a token. */

#define PER_TOKEN 12 /* US$ a token to picodollars */

struct price_key {
    const char *name;
    enum service_tier plan;
    enum token_kind kind;
};

static const struct price_key keys[] = {
    {"input_cost_per_token", TIER_STANDARD, TOK_INPUT},
    {"output_cost_per_token", TIER_STANDARD, TOK_OUTPUT},
    {"cache_read_input_token_cost", TIER_STANDARD, TOK_CACHE_READ},
    {"cache_creation_input_token_cost", TIER_STANDARD, TOK_CACHE_WRITE_5M},
    {"cache_creation_input_token_cost_above_1hr", TIER_STANDARD, TOK_CACHE_WRITE_1H},
    {"input_cost_per_audio_token", TIER_STANDARD, TOK_AUDIO_INPUT},
    {"output_cost_per_audio_token", TIER_STANDARD, TOK_AUDIO_OUTPUT},
    {"input_cost_per_token_batches", TIER_BATCH, TOK_INPUT},
    {"output_cost_per_token_batches", TIER_BATCH, TOK_OUTPUT},
    {"input_cost_per_token_flex", TIER_FLEX, TOK_INPUT},
    {"output_cost_per_token_flex", TIER_FLEX, TOK_OUTPUT},
    {"cache_read_input_token_cost_flex", TIER_FLEX, TOK_CACHE_READ},
    {"input_cost_per_token_priority", TIER_PRIORITY, TOK_INPUT},
    {"output_cost_per_token_priority", TIER_PRIORITY, TOK_OUTPUT},
    {"cache_read_input_token_cost_priority", TIER_PRIORITY, TOK_CACHE_READ},
};

#define NKEYS (sizeof keys / sizeof *keys)

/* What OpenAI sells as its shortest cache lifetime is half an hour. */
static enum token_kind kind_at(const char *provider, enum token_kind kind)
{
    return kind == TOK_CACHE_WRITE_5M && !strcmp(provider, "openai") ? TOK_CACHE_WRITE_30M : kind;
}

/* "input_cost_per_token_above_200k_tokens" */
static void read_step(struct foreign_row *row, const char *key, const json_t *value)
{
    for (size_t i = 0; i < NKEYS; i++) {
        const size_t n = strlen(keys[i].name);
        struct step *step;
        int thousands, end = 0;

        if (keys[i].plan != TIER_STANDARD || strncmp(key, keys[i].name, n) ||
            sscanf(key + n, "_above_%5dk_tokens%n", &thousands, &end) != 1 || end == 0 ||
            key[n + (size_t)end])
            continue;
        step = price_step_above(&row->now, thousands * INT64_C(1000));
        if (step)
            step->rates.of[kind_at(row->provider, keys[i].kind)] = price_number(value, PER_TOKEN);
    }
}

static void read_prices(struct foreign_row *row, const json_t *model)
{
    const char *key;
    json_t *value;

    for (size_t i = 0; i < NKEYS; i++)
        row->now.plan[keys[i].plan].of[kind_at(row->provider, keys[i].kind)] =
            price_number(json_object_get(model, keys[i].name), PER_TOKEN);
    json_object_foreach((json_t *)model, key, value) if (strstr(key, "_above_"))
        read_step(row, key, value);
}

static int64_t tokens(const json_t *model, const char *key)
{
    const json_t *v = json_object_get(model, key);

    return json_is_integer(v) && json_integer_value(v) > 0 ? json_integer_value(v) : 0;
}

static bool is_text_model(const json_t *model)
{
    static const char *const modes[] = {"chat", "completion", "responses", "embedding"};
    const char *mode = json_string_value(json_object_get(model, "mode"));

    for (size_t i = 0; mode && i < sizeof modes / sizeof *modes; i++)
        if (!strcmp(mode, modes[i]))
            return true;
    return false;
}

/* Their names start with the provider where ours do not. */
static const char *own_name(const char *key, const char *theirs)
{
    const size_t n = strlen(theirs);

    return !strncmp(key, theirs, n) && key[n] == '/' && key[n + 1] ? key + n + 1 : key;
}

static bool read_model(const char *key, const json_t *model, struct foreign_row *row)
{
    const char *theirs = json_string_value(json_object_get(model, "litellm_provider"));
    const json_t *search = json_object_get(model, "search_context_cost_per_query");
    const char *mode = json_string_value(json_object_get(model, "mode"));
    struct rates *base = &row->now.plan[TIER_STANDARD];

    if (!theirs || !is_text_model(model) || !(row->provider = price_provider_alias(theirs)))
        return false;
    row->id = own_name(key, theirs);
    row->context = tokens(model, "max_input_tokens");
    row->max_output = tokens(model, "max_output_tokens");
    row->reasoning = json_is_true(json_object_get(model, "supports_reasoning")) &&
                     json_object_get(model, "output_cost_per_reasoning_token");
    row->web_search =
        price_number(json_object_get(search, "search_context_size_medium"), PER_TOKEN);
    read_prices(row, model);
    row->no_output = !strcmp(mode, "embedding") && base->of[TOK_OUTPUT] <= 0;
    return true;
}

int price_litellm_each(const json_t *root, int *read, int *skipped, foreign_row_fn *f, void *ctx,
                       struct err *e)
{
    const char *key;
    json_t *model;

    json_object_foreach((json_t *)root, key, model)
    {
        struct foreign_row row = {.web_search = RATE_UNSET};

        for (int tier = 0; tier < TIERS; tier++)
            price_unset(&row.now.plan[tier]);
        ++*read;
        if (!read_model(key, model, &row))
            ++*skipped;
        else if (f(ctx, &row, e))
            return -1;
    }
    return 0;
}
