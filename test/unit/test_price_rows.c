/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/clock.h"
#include "meter/price.h"

/*
 * The shipped tables against the collected facts they were written from, row by row, when those are
 * there: ../shared/data/prices.json beside the repository.
 */

#define FACTS "../shared/data/prices.json"

static struct price_table *table(void)
{
    const char *dir = "pricing";
    struct price_table *t;
    struct err e;

    if (price_load(&dir, 1, &t, &e))
        fail_msg("%s", e.msg);
    return t;
}

static pico_t fact(const json_t *row, const char *key)
{
    const json_t *v = json_object_get(json_object_get(row, "pico_usd_per_token"), key);

    return json_is_integer(v) ? json_integer_value(v) : -1;
}

/* What a million tokens of one kind cost, in picodollars a token. */
static pico_t cost_of(const struct price_table *t, struct price p, enum token_kind kind)
{
    struct usage u = {.nparts = 1};
    struct err e;
    nano_t cost;

    u.parts[0].tokens[kind] = 1000; /* below every tier */
    if (price_cost(t, p, NULL, &u, clock_parse_iso("2026-11-24T02:00:00Z"), &cost, &e))
        fail_msg("%s", e.msg);
    return cost;
}

static void check_row(const struct price_table *t, const json_t *row)
{
    static const struct {
        const char *key;
        enum token_kind kind;
    } axes[] = {
        {"input", TOK_INPUT},
        {"output", TOK_OUTPUT},
        {"cache_read", TOK_CACHE_READ},
        {"cache_write_1h", TOK_CACHE_WRITE_1H},
        {"cache_write_12h", TOK_CACHE_WRITE_12H},
    };
    const char *provider = json_string_value(json_object_get(row, "provider"));
    const char *id = json_string_value(json_object_get(row, "model"));
    const struct price p = price_find(t, provider, span_of(id));
    const enum token_kind write =
        strcmp(provider, "openai") ? TOK_CACHE_WRITE_5M : TOK_CACHE_WRITE_30M;

    if (p.rule != PRICE_EXACT || strcmp(price_facts(p, 0).id, id))
        fail_msg("%s/%s: %s %s", provider, id, price_rule_name(p.rule), price_facts(p, 0).id);
    for (size_t i = 0; i < sizeof axes / sizeof *axes; i++)
        if (fact(row, axes[i].key) >= 0 && fact(row, axes[i].key) != cost_of(t, p, axes[i].kind))
            fail_msg("%s/%s: %s: %lld instead of %lld", provider, id, axes[i].key,
                     (long long)cost_of(t, p, axes[i].kind), (long long)fact(row, axes[i].key));
    if (fact(row, "cache_write_5m") >= 0)
        assert_int_equal(cost_of(t, p, write), fact(row, "cache_write_5m"));
}

static void check_names(const struct price_table *t, const json_t *row)
{
    const char *provider = json_string_value(json_object_get(row, "provider"));
    const char *id = json_string_value(json_object_get(row, "model"));
    const json_t *aliases = json_object_get(row, "aliases");

    for (size_t i = 0; i < json_array_size(aliases); i++) {
        const char *alias = json_string_value(json_array_get(aliases, i));
        const struct price p = price_find(t, provider, span_of(alias));

        if (p.rule != PRICE_ALIAS || strcmp(price_facts(p, 0).id, id))
            fail_msg("%s: %s %s", alias, price_rule_name(p.rule), price_facts(p, 0).id);
    }
}

static void rows_are_the_facts(void **state)
{
    json_t *facts = json_load_file(FACTS, 0, NULL);
    struct price_table *t;

    (void)state;
    if (!facts) {
        print_message("SKIPPED: no %s, so the shipped prices were not compared with it\n", FACTS);
        skip();
    }
    t = table();
    assert_int_equal(json_array_size(facts), 369);
    for (size_t i = 0; i < json_array_size(facts); i++) {
        check_row(t, json_array_get(facts, i));
        check_names(t, json_array_get(facts, i));
    }
    price_free(t);
    json_decref(facts);
}

/* Names by provider, so that a row lost from a table is noticed without the facts, too. */
static void count_one(void *ctx, const char *id, struct price p)
{
    static const char *const providers[] = {"openai",   "anthropic",  "google",   "mistral",
                                            "meta",     "groq",       "together", "fireworks",
                                            "bedrock",  "openrouter", "cerebras", "deepinfra",
                                            "deepseek", "xai",        "cohere"};
    int *counts = ctx;

    (void)id;
    for (int i = 0; i < 15; i++)
        counts[i] += !strcmp(price_facts(p, 0).provider, providers[i]);
}

static void every_provider_is_complete(void **state)
{
    static const int want[15] = {145, 50, 46, 61, 7, 29, 12, 11, 16, 13, 6, 16, 6, 45, 21};
    struct price_table *t = table();
    int counts[15] = {0};

    (void)state;
    price_each(t, count_one, counts);
    for (int i = 0; i < 15; i++)
        if (counts[i] != want[i])
            fail_msg("provider %d: %d names instead of %d", i, counts[i], want[i]);
    price_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_the_facts),
        cmocka_unit_test(every_provider_is_complete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
