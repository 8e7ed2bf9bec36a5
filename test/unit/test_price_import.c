/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "meter/price_import.h"

/* Foreign lists, converted and then loaded over the shipped tables. Run from the repository's root.
 */

static struct price_table *shipped;
static char dir[] = "/tmp/tokencap-import-XXXXXX";

static int load(void **state)
{
    const char *dirs[] = {"pricing"};
    struct err e;

    (void)state;
    if (price_load(dirs, 1, &shipped, &e))
        fail_msg("%s", e.msg);
    assert_non_null(mkdtemp(dir));
    return 0;
}

static int unload(void **state)
{
    (void)state;
    price_free(shipped);
    rmdir(dir);
    return 0;
}

static int import(const char *list, bool skip_cheaper, struct buf *out, struct price_imported *r,
                  struct err *e)
{
    const struct price_import in = {"2026-11-24", shipped, skip_cheaper};

    buf_init(out, 0);
    return price_import(span_of(list), &in, out, r, e);
}

/* The shipped tables with the imported one over them. */
static struct price_table *load_with(const struct buf *table)
{
    const char *dirs[] = {"pricing", dir};
    struct price_table *t;
    char path[64];
    struct err e;
    FILE *f;

    if (price_try(dirs, 2, "imported.json", buf_all(table), &e))
        fail_msg("%s\n%s", e.msg, table->p);
    snprintf(path, sizeof path, "%s/imported.json", dir);
    f = fopen(path, "w");
    assert_non_null(f);
    fwrite(table->p, 1, table->n, f);
    fclose(f);
    if (price_load(dirs, 2, &t, &e))
        fail_msg("%s", e.msg);
    unlink(path);
    return t;
}

static struct price_facts facts(const struct price_table *t, const char *provider,
                                const char *model)
{
    return price_facts(price_find(t, provider, span_of(model)), clock_parse_iso("2026-11-24"));
}

static nano_t cost(const struct price_table *t, const char *provider, const char *model,
                   enum service_tier tier, enum token_kind kind, int64_t n)
{
    struct usage u = {.nparts = 1, .tier = tier};
    nano_t v = -1;
    struct err e;

    u.parts[0].tokens[kind] = n;
    if (price_cost(t, price_find(t, provider, span_of(model)), provider, &u,
                   clock_parse_iso("2026-11-24"), &v, &e))
        fail_msg("%s", e.msg);
    return v;
}

static const char litellm[] =
    "{\"sample_spec\":{\"litellm_provider\":\"one of many\",\"mode\":\"one of: chat\"},"
    "\"gpt-4o\":{\"litellm_provider\":\"openai\",\"mode\":\"chat\",\"input_cost_per_token\":2.5e-"
    "06,"
    "\"output_cost_per_token\":1e-05,\"cache_read_input_token_cost\":1.25e-06},"
    "\"gpt-4o-2024-11-20\":{\"litellm_provider\":\"openai\",\"mode\":\"chat\","
    "\"input_cost_per_token\":3e-06,\"output_cost_per_token\":1.1e-05},"
    "\"gpt-9\":{\"litellm_provider\":\"openai\",\"mode\":\"responses\",\"max_input_tokens\":500000,"
    "\"max_output_tokens\":9000,\"input_cost_per_token\":1.25e-07,\"output_cost_per_token\":5e-07,"
    "\"cache_creation_input_token_cost\":1.5625e-07,\"input_cost_per_token_flex\":6.25e-08,"
    "\"input_cost_per_token_above_272k_tokens\":2.5e-07,\"output_cost_per_token_priority\":1e-06,"
    "\"search_context_cost_per_query\":{\"search_context_size_medium\":0.03}},"
    "\"claude-opus-9\":{\"litellm_provider\":\"anthropic\",\"mode\":\"chat\","
    "\"input_cost_per_token\":7e-06,\"output_cost_per_token\":3.5e-05,"
    "\"cache_creation_input_token_cost_above_1hr\":1.4e-05},"
    "\"together_ai/acme/Rocket-7B\":{\"litellm_provider\":\"together_ai\",\"mode\":\"chat\","
    "\"input_cost_per_token\":1e-07,\"output_cost_per_token\":1e-07},"
    "\"mistral/mistral-embed\":{\"litellm_provider\":\"mistral\",\"mode\":\"embedding\","
    "\"input_cost_per_token\":1e-07},"
    "\"ollama/"
    "free\":{\"litellm_provider\":\"ollama\",\"mode\":\"chat\",\"input_cost_per_token\":0.0,"
    "\"output_cost_per_token\":0.0},"
    "\"dall-e-9\":{\"litellm_provider\":\"openai\",\"mode\":\"image_generation\","
    "\"output_cost_per_image\":0.04}}";

static void litellm_converts(void **state)
{
    struct price_imported r;
    struct price_table *t;
    struct buf out;
    struct err e;

    (void)state;
    if (import(litellm, false, &out, &r, &e))
        fail_msg("%s", e.msg);
    assert_string_equal(r.format, "litellm");
    assert_int_equal(r.read, 9);
    assert_int_equal(r.written, 4);
    assert_int_equal(r.same, 2);
    assert_int_equal(r.skipped, 3);
    t = load_with(&out);
    /* an alias of a shipped row that now costs something else is a row of its own, facts kept */
    assert_int_equal(facts(t, "openai", "gpt-4o-2024-11-20").input, 3000000);
    assert_int_equal(facts(t, "openai", "gpt-4o-2024-11-20").max_output, 16384);
    assert_int_equal(facts(t, "openai", "gpt-4o").input, 2500000);
    assert_int_equal(facts(t, "openai", "gpt-9").context_window, 500000);
    assert_int_equal(cost(t, "openai", "gpt-9", TIER_STANDARD, TOK_INPUT, 1000), 125000);
    assert_int_equal(cost(t, "openai", "gpt-9", TIER_STANDARD, TOK_CACHE_WRITE_30M, 10000),
                     1562500);
    assert_int_equal(cost(t, "openai", "gpt-9", TIER_FLEX, TOK_INPUT, 1000), 62500);
    assert_int_equal(cost(t, "openai", "gpt-9", TIER_PRIORITY, TOK_OUTPUT, 1000), 1000000);
    assert_int_equal(cost(t, "openai", "gpt-9", TIER_STANDARD, TOK_INPUT, 272001), 68000250);
    assert_int_equal(cost(t, "anthropic", "claude-opus-9", TIER_STANDARD, TOK_CACHE_WRITE_1H, 100),
                     1400000);
    assert_int_equal(facts(t, "together", "acme/rocket-7b").input, 100000);
    assert_string_equal(facts(t, "together", "acme/rocket-7b").version, "together/2026-11-24");
    price_free(t);
    buf_finish(&out);
}

static const char genai[] =
    "[{\"id\":\"x-ai\",\"name\":\"xAI\",\"api_pattern\":\"https://api\\\\.x\\\\.ai\",\"models\":["
    "{\"id\":\"grok-9\",\"match\":{\"or\":[{\"equals\":\"grok-9-0101\"},{\"starts_with\":\"grok-9-"
    "\"}]},"
    "\"context_window\":256000,\"prices\":{\"input_mtok\":{\"base\":3,\"tiers\":[{\"start\":200000,"
    "\"price\":6.5}]},\"output_mtok\":{\"base\":15,\"tiers\":[{\"start\":200000,\"price\":30}]},"
    "\"cache_read_mtok\":0.75}}]},"
    "{\"id\":\"anthropic\",\"name\":\"Anthropic\",\"api_pattern\":\"x\",\"models\":["
    "{\"id\":\"claude-opus-5\",\"match\":{\"equals\":\"claude-opus-5\"},\"prices\":{\"input_mtok\":"
    "5,"
    "\"cache_write_mtok\":6.25,\"cache_read_mtok\":0.5,\"output_mtok\":25}},"
    "{\"id\":\"opus\",\"match\":{\"equals\":\"claude-opus-5\"},\"prices\":{\"input_mtok\":5,"
    "\"output_mtok\":25}},"
    "{\"id\":\"claude-haiku-9\",\"match\":{\"equals\":\"claude-haiku-9\"},\"prices\":["
    "{\"prices\":{\"input_mtok\":1,\"output_mtok\":5}},"
    "{\"constraint\":{\"start_date\":\"2026-11-01\"},\"prices\":{\"input_mtok\":2,\"output_mtok\":"
    "8}},"
    "{\"constraint\":{\"start_time\":\"16:30:00Z\"},\"prices\":{\"input_mtok\":0.1,\"output_mtok\":"
    "0.1}},"
    "{\"constraint\":{\"start_date\":\"2027-01-01\"},\"prices\":{\"input_mtok\":4,\"output_mtok\":"
    "9}}]},"
    "{\"id\":\"no-price\",\"match\":{\"equals\":\"no-price\"},\"prices\":{}}]}]";

static void genai_converts(void **state)
{
    struct price_imported r;
    struct price_table *t;
    struct price p;
    struct buf out;
    struct err e;

    (void)state;
    if (import(genai, false, &out, &r, &e))
        fail_msg("%s", e.msg);
    assert_string_equal(r.format, "genai-prices");
    assert_int_equal(r.read, 5);
    assert_int_equal(r.written, 3);
    assert_int_equal(r.same, 1);
    assert_int_equal(r.skipped, 1);
    t = load_with(&out);
    assert_int_equal(price_find(t, "xai", SPAN("grok-9-0101")).rule, PRICE_ALIAS);
    assert_int_equal(price_find(t, "xai", SPAN("grok-9-fast")).rule, PRICE_FALLBACK);
    assert_int_equal(cost(t, "xai", "grok-9", TIER_STANDARD, TOK_INPUT, 200001), 1300006500);
    assert_int_equal(cost(t, "xai", "grok-9", TIER_STANDARD, TOK_CACHE_READ, 1000), 750000);
    assert_string_equal(facts(t, "anthropic", "opus").id, "claude-opus-5");
    assert_int_equal(facts(t, "anthropic", "claude-haiku-9").output, 8000000);
    p = price_find(t, "anthropic", SPAN("claude-haiku-9"));
    assert_int_equal(price_facts(p, clock_parse_iso("2027-01-01")).output, 9000000);
    price_free(t);
    buf_finish(&out);
}

#define LITELLM_ONE(model, in, out)                                                                \
    "{\"" model                                                                                    \
    "\":{\"litellm_provider\":\"openai\",\"mode\":\"chat\",\"input_cost_per_token\":" in           \
    ",\"output_cost_per_token\":" out "}}"

static void refuses_ten_times_cheaper(void **state)
{
    struct price_imported r;
    struct buf out;
    struct err e;

    (void)state;
    assert_int_equal(import(LITELLM_ONE("gpt-4o", "2.5e-07", "1e-05"), false, &out, &r, &e), -1);
    assert_non_null(strstr(e.msg, "model \"gpt-4o\" of openai: \"input\" is 10 times cheaper"));
    buf_finish(&out);
    assert_int_equal(import(LITELLM_ONE("gpt-4o", "2.5e-07", "1e-05"), true, &out, &r, &e), 0);
    assert_int_equal(r.cheaper, 1);
    assert_int_equal(r.written, 0);
    buf_finish(&out);
    assert_int_equal(import(LITELLM_ONE("gpt-4o", "2.6e-07", "1.1e-06"), false, &out, &r, &e), 0);
    assert_int_equal(r.written, 1);
    buf_finish(&out);
}

static void refuses_what_is_no_list(void **state)
{
    static const char *const lists[] = {
        "",
        "{",
        "[]",
        "{}",
        "3",
        "\"x\"",
        "{\"a\":{\"mode\":\"chat\"}}",
        "[{\"id\":\"x\"}]",
        "[3]",
        "{\"gpt-4o\":3}",
        LITELLM_ONE("gpt-9", "\"1\"", "1e-06"),
        LITELLM_ONE("gpt-9", "-1e-06", "1e-06"),
        LITELLM_ONE("gpt-9", "1e300", "1e-06"),
        LITELLM_ONE("gpt-9", "1e999", "1e-06"),
        LITELLM_ONE("two words", "1e-06", "1e-06"),
        LITELLM_ONE("", "1e-06", "1e-06"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct price_imported r = {0};
        struct buf out;
        struct err e;

        if (import(lists[i], false, &out, &r, &e) == 0)
            fail_msg("was taken: %s", lists[i]);
        buf_finish(&out);
    }
}

/* Doubles become the decimals that their author wrote; what is below a picodollar rounds up. */
static void numbers_are_exact(void **state)
{
    static const struct {
        const char *per_token;
        pico_t want;
    } list[] = {
        {"2.5e-06", 2500000},
        {"0.0000025", 2500000},
        {"7.5e-08", 75000},
        {"1.3e-07", 130000},
        {"5.46875e-07", 546875},
        {"1e-12", 1},
        {"1.0000000000001e-06", 1000001},
        {"0.0001", 100000000},
        {"3e-13", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct price_imported r;
        struct price_table *t;
        char text[256];
        struct buf out;
        struct err e;

        snprintf(text, sizeof text, LITELLM_ONE("gpt-9", "%s", "1e-06"), list[i].per_token);
        if (import(text, false, &out, &r, &e))
            fail_msg("%s", e.msg);
        t = load_with(&out);
        if (facts(t, "openai", "gpt-9").input != list[i].want)
            fail_msg("%s: %lld", list[i].per_token, (long long)facts(t, "openai", "gpt-9").input);
        price_free(t);
        buf_finish(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(litellm_converts),          cmocka_unit_test(genai_converts),
        cmocka_unit_test(refuses_ten_times_cheaper), cmocka_unit_test(refuses_what_is_no_list),
        cmocka_unit_test(numbers_are_exact),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
