/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "meter/price.h"

/* Matching, on the shipped tables. Run from the repository's root. */

static int load(void **state)
{
    const char *dir = "pricing";
    struct price_table *t;
    struct err e;

    if (price_load(&dir, 1, &t, &e))
        fail_msg("%s", e.msg);
    *state = t;
    return 0;
}

static int unload(void **state)
{
    price_free(*state);
    return 0;
}

static int64_t now(void)
{
    return clock_parse_iso("2026-11-24");
}

struct expectation {
    const char *provider, *model;
    enum price_rule rule;
    const char *at, *id; /* the row's provider and id */
};

static void expect(const struct price_table *t, const struct expectation *want, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct price p = price_find(t, want[i].provider, span_of(want[i].model));
        const struct price_facts f = price_facts(p, now());

        if (p.rule != want[i].rule || strcmp(f.id, want[i].id) || strcmp(f.provider, want[i].at))
            fail_msg("%s: %s %s/%s", want[i].model, price_rule_name(p.rule), f.provider, f.id);
    }
}

#define EXPECT(t, list) expect((t), (list), sizeof(list) / sizeof *(list))

static void matches_by_the_rules(void **state)
{
    static const struct expectation list[] = {
        {"openai", "gpt-4o", PRICE_EXACT, "openai", "gpt-4o"},
        {"openai", "GPT-4o", PRICE_EXACT, "openai", "gpt-4o"},
        {"openai", "openai/gpt-4o", PRICE_EXACT, "openai", "gpt-4o"},
        {"openrouter", "openai/gpt-4o", PRICE_EXACT, "openai", "gpt-4o"},
        {NULL, "openrouter/openai/gpt-4o", PRICE_EXACT, "openai", "gpt-4o"},
        {"openai", "gpt-4o-2024-08-06", PRICE_ALIAS, "openai", "gpt-4o"},
        {"openai", "gpt-4o-2024-05-13", PRICE_EXACT, "openai", "gpt-4o-2024-05-13"},
        {"openai", "gpt-4o-2026-01-31", PRICE_SUFFIX, "openai", "gpt-4o"},
        {"openai", "gpt-5-pro-2025-10-06", PRICE_ALIAS, "openai", "gpt-5-pro"},
        {"openai", "gpt-6-sol-2026-09-30", PRICE_SUFFIX, "openai", "gpt-6-sol"},
        {"openai", "gpt-6-sol-latest", PRICE_SUFFIX, "openai", "gpt-6-sol"},
        {"openai", "gpt-3.5-turbo-0613", PRICE_EXACT, "openai", "gpt-3.5-turbo-0613"},
        {"openai", "gpt-4-0613", PRICE_ALIAS, "openai", "gpt-4"},
        {"anthropic", "claude-opus-5-20260801", PRICE_SUFFIX, "anthropic", "claude-opus-5"},
        {"anthropic", "claude-opus-5@20260801", PRICE_SUFFIX, "anthropic", "claude-opus-5"},
        {"anthropic", "anthropic/claude-3-5-haiku-latest", PRICE_ALIAS, "anthropic",
         "claude-3-5-haiku-20241022"},
        {"google", "models/gemini-2.5-pro-001", PRICE_SUFFIX, "google", "gemini-2.5-pro"},
        {"google", "gemini-2.0-pro", PRICE_ALIAS, "google", "gemini-2.0-pro-exp-02-05"},
        {"xai", "grok-4-0709", PRICE_ALIAS, "xai", "grok-4"},
        {"xai", "grok-4.6-1107", PRICE_SUFFIX, "xai", "grok-4.6"},
        {"openai", "ft:gpt-4o-2024-08-06:acme::abc123", PRICE_EXACT, "openai",
         "ft:gpt-4o-2024-08-06"},
        {"openai", "ft:gpt-3.5-turbo-0125:acme:mine:abc", PRICE_ALIAS, "openai",
         "ft:gpt-3.5-turbo"},
        {"openai", "openai/ft:gpt-4-0613:acme::abc", PRICE_EXACT, "openai", "ft:gpt-4-0613"},
        {"bedrock", "us.meta.llama3-1-70b-instruct-v1:0", PRICE_ALIAS, "bedrock",
         "meta.llama3-1-70b-instruct-v1:0"},
        {"groq", "llama-3.3-70b-versatile", PRICE_EXACT, "groq", "llama-3.3-70b-versatile"},
        {"groq", "openai/gpt-oss-120b", PRICE_EXACT, "groq", "openai/gpt-oss-120b"},
        {"fireworks", "accounts/fireworks/models/llama-v3p3-70b-instruct", PRICE_EXACT, "fireworks",
         "accounts/fireworks/models/llama-v3p3-70b-instruct"},
        {"anthropic", "gpt-4o", PRICE_EXACT, "openai", "gpt-4o"},
        {"nobody", "gpt-4o", PRICE_EXACT, "openai", "gpt-4o"},
    };

    EXPECT(*state, list);
}

/* A remainder that is a word, or a date that is a price of its own, is never stripped. */
static void never_matches_a_prefix(void **state)
{
    static const char *const models[] = {
        "gpt-5-ultra",
        "gpt-4o-cheap",
        "o1-max",
        "command-r-max",
        "gpt-4o-2024-13-01",
        "gpt-4o-20240806",
        "gpt-4o-0806",
        "gpt-3.5-turbo-0914",
        "mistral-large-2699",
        "mistral-medium-3",
        "gpt-4o-",

        "gpt-4",
        "o1",
        "gpt-4o:free",
        "claude-opus-5-latest-20260801",
        "gpt-4o-2024-08-06 ",
        "someone/gpt-4o",
    };

    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        const struct price p = price_find(*state, NULL, span_of(models[i]));
        const bool known = !strcmp(models[i], "gpt-4") || !strcmp(models[i], "o1");

        if ((p.rule == PRICE_FALLBACK) == known)
            fail_msg("%s: %s %s", models[i], price_rule_name(p.rule), price_facts(p, now()).id);
    }
}

static void prefers_the_upstream_then_the_dearest(void **state)
{
    static const struct expectation list[] = {
        {"together", "meta-llama/Llama-3.3-70B-Instruct-Turbo", PRICE_EXACT, "together",
         "meta-llama/Llama-3.3-70B-Instruct-Turbo"},
        {"deepinfra", "meta-llama/llama-3.3-70b-instruct-turbo", PRICE_EXACT, "deepinfra",
         "meta-llama/Llama-3.3-70B-Instruct-Turbo"},
        {NULL, "meta-llama/Llama-3.3-70B-Instruct-Turbo", PRICE_EXACT, "together",
         "meta-llama/Llama-3.3-70B-Instruct-Turbo"},
        {"cerebras", "llama-4-scout-17b-16e-instruct", PRICE_EXACT, "cerebras",
         "llama-4-scout-17b-16e-instruct"},
        {"groq", "llama-4-scout-17b-16e-instruct", PRICE_ALIAS, "groq",
         "meta-llama/llama-4-scout-17b-16e-instruct"},
        {NULL, "groq/llama-4-scout-17b-16e-instruct", PRICE_ALIAS, "groq",
         "meta-llama/llama-4-scout-17b-16e-instruct"},
        {NULL, "llama-4-scout-17b-16e-instruct", PRICE_EXACT, "cerebras",
         "llama-4-scout-17b-16e-instruct"},
    };

    EXPECT(*state, list);
}

static void regions_cost_more(void **state)
{
    assert_int_equal(
        price_find(*state, "bedrock", SPAN("us.meta.llama3-1-70b-instruct-v1:0")).permille, 1200);
    assert_int_equal(
        price_find(*state, "bedrock", SPAN("global.meta.llama3-1-70b-instruct-v1:0")).permille,
        1000);
    assert_int_equal(
        price_find(*state, "bedrock", SPAN("meta.llama3-1-70b-instruct-v1:0")).permille, 1000);
    assert_int_equal(price_find(*state, "bedrock", SPAN("us.unheard-of-v1:0")).permille, 1000);
}

/* Unknown models: kind by kind the dearest of gpt-4o and of the longest stem's rows. */
static void falls_back_by_stem(void **state)
{
    static const struct {
        const char *model, *id;
        pico_t input, output;
    } list[] = {
        {"gpt-5.9-mega", "gpt-5.*", 30000000, 180000000},
        {"gpt-5.4-ultra", "gpt-5.4-*", 30000000, 180000000},
        {"claude-opus-6", "claude-opus-*", 15000000, 75000000},
        {"claude-opus-5-9", "claude-opus-5-*", 4000000, 20000000},
        {"claude-haiku-9", "claude-haiku-*", 2500000, 10000000},
        {"gemini-9-pro", "gemini-*", 2500000, 12000000},
        {"o1-max", "o1-*", 150000000, 600000000},
        {"openai/gpt-oss-500b", "gpt-oss-*", 2500000, 10000000},
        {"foo", "*", 2500000, 10000000},
        {"foo-bar.baz", "*", 2500000, 10000000},
        {"", "*", 2500000, 10000000},
        {"-", "*", 2500000, 10000000},
        {"/", "*", 2500000, 10000000},
        {"ft:", "*", 2500000, 10000000},
    };

    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        const struct price p = price_find(*state, "openai", span_of(list[i].model));
        const struct price_facts f = price_facts(p, now());

        if (p.rule != PRICE_FALLBACK || strcmp(f.id, list[i].id) || f.input != list[i].input ||
            f.output != list[i].output)
            fail_msg("%s: %s %lld/%lld", list[i].model, f.id, (long long)f.input,
                     (long long)f.output);
        assert_string_equal(price_rule_header(p.rule), "fallback");
        assert_string_equal(f.provider, "unknown");
        assert_int_equal(f.max_output, 0);
    }
}

static void takes_any_bytes(void **state)
{
    static char big[10240];
    struct price p;

    memset(big, 'x', sizeof big);
    memcpy(big, "claude-opus-", 12);
    p = price_find(*state, "anthropic", (struct span){big, sizeof big});
    assert_int_equal(p.rule, PRICE_FALLBACK);
    assert_string_equal(price_facts(p, now()).id, "claude-opus-*");
    memset(big, 0, sizeof big);
    assert_int_equal(price_find(*state, NULL, (struct span){big, 3}).rule, PRICE_FALLBACK);
    assert_int_equal(price_find(*state, NULL, SPAN("gpt-4o\0")).rule, PRICE_FALLBACK);
    assert_int_equal(price_find(*state, NULL, SPAN("\xff\xfe-\n.")).rule, PRICE_FALLBACK);
    /* exactly at the limit, and an id that is only known once cut off there */
    memset(big, 'o', sizeof big);
    assert_int_equal(price_find(*state, NULL, (struct span){big, MODEL_ID_MAX}).rule,
                     PRICE_FALLBACK);
}

static void count_name(void *ctx, const char *id, struct price p)
{
    int *counts = ctx;

    (void)id;
    counts[p.rule]++;
}

static void lists_every_name(void **state)
{
    int counts[4] = {0};

    price_each(*state, count_name, counts);
    assert_int_equal(counts[PRICE_EXACT] + counts[PRICE_ALIAS], price_count(*state));
    assert_int_equal(counts[PRICE_EXACT], 370);
    assert_true(price_count(*state) >= 476);
}

static void knows_hosts(void **state)
{
    assert_string_equal(price_provider_of_host(*state, SPAN("api.openai.com")), "openai");
    assert_string_equal(price_provider_of_host(*state, SPAN("acme.openai.azure.com")), "openai");
    assert_string_equal(price_provider_of_host(*state, SPAN("API.GROQ.COM")), "groq");
    assert_null(price_provider_of_host(*state, SPAN("localhost")));
    assert_null(price_provider_of_host(*state, SPAN(".openai.azure.com")));
    assert_null(price_provider_of_host(*state, SPAN("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_by_the_rules),
        cmocka_unit_test(never_matches_a_prefix),
        cmocka_unit_test(prefers_the_upstream_then_the_dearest),
        cmocka_unit_test(regions_cost_more),
        cmocka_unit_test(falls_back_by_stem),
        cmocka_unit_test(takes_any_bytes),
        cmocka_unit_test(lists_every_name),
        cmocka_unit_test(knows_hosts),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
