/* SPDX-License-Identifier: MIT */
#include "price_fixture.h"

/* Every dimension of a price, on the shipped tables: expected amounts are worked out by hand from
 * the rows. */

static const char *when = "2026-11-24T12:00:00Z";

static nano_t cost_at(const char *provider, const char *model, const struct usage *u,
                      const char *date)
{
    nano_t cost = -1;
    struct err e;

    if (price_cost(table, price_find(table, provider, span_of(model)), provider, u,
                   clock_parse_iso(date), &cost, &e))
        fail_msg("%s: %s", model, e.msg);
    return cost;
}

struct tokens {
    int64_t in, read, w5m, w30m, w1h, w12h, audio_in, out, audio_out;
};

static struct usage usage_of(struct tokens t)
{
    return (struct usage){.seen = true,
                          .nparts = 1,
                          .parts[0].tokens = {t.in, t.read, t.w5m, t.w30m, t.w1h, t.w12h,
                                              t.audio_in, t.out, t.audio_out}};
}

struct line {
    const char *model;
    struct tokens t;
    enum service_tier tier;
    nano_t want;
};

static void expect(const char *provider, const struct line *lines, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct usage u = usage_of(lines[i].t);
        nano_t got;

        u.tier = lines[i].tier;
        got = cost_at(provider, lines[i].model, &u, when);
        if (got != lines[i].want)
            fail_msg("%s, line %zu: %lld instead of %lld", lines[i].model, i, (long long)got,
                     (long long)lines[i].want);
    }
}

#define EXPECT(provider, lines) expect(provider, lines, sizeof(lines) / sizeof *(lines))

static void kinds_of_tokens(void **state)
{
    static const struct line openai[] = {
        {"gpt-4o", {.in = 1000, .out = 500}, TIER_STANDARD, 7500000},
        {"gpt-4o", {.in = 200, .read = 800, .out = 500}, TIER_STANDARD, 6500000},
        {"gpt-5-nano", {.in = 1}, TIER_STANDARD, 50},
        {"gpt-5-nano", {.read = 1}, TIER_STANDARD, 5},
        {"gpt-4.1-nano", {.read = 1}, TIER_STANDARD, 25},
        /* no cache price: the input rate */
        {"o1-pro", {.read = 10}, TIER_STANDARD, 1500000},
        {"gpt-4o", {.w30m = 1000}, TIER_STANDARD, 2500000},
        /* cache writes, and lifetimes that only others sell */
        {"gpt-5.6-sol", {.w30m = 1000}, TIER_STANDARD, 5000000},
        {"gpt-5.6-sol", {.w12h = 1000}, TIER_STANDARD, 10000000},
        {"gpt-5.6-sol", {.w5m = 1000}, TIER_STANDARD, 5000000},
        {"gpt-audio", {.audio_in = 100, .audio_out = 50}, TIER_STANDARD, 6400000},
        {"gpt-4o", {.audio_in = 1000, .audio_out = 1000}, TIER_STANDARD, 12500000},
        {"text-embedding-3-small", {.in = 1000}, TIER_STANDARD, 20000},
    };
    static const struct line anthropic[] = {
        {"claude-opus-5",
         {.in = 10, .read = 1000, .w5m = 100, .w1h = 100, .out = 10},
         TIER_STANDARD,
         50000 + 500000 + 625000 + 1000000 + 250000},
        {"claude-3-haiku-20240307",
         {.w1h = 1000},
         TIER_STANDARD,
         500000}, /* not listed: 2 × input */
        {"claude-opus-5",
         {.w30m = 10},
         TIER_STANDARD,
         100000}, /* another's lifetime: the next longer */
    };

    (void)state;
    EXPECT("openai", openai);
    EXPECT("anthropic", anthropic);
}

static void rounds_up_once(void **state)
{
    static const struct line lines[] = {
        /* 0.0375 US$ per million: 37.5 nanodollars a thousand, so one token is 37.5 thousandths */
        {"gemini-1.5-flash-8b", {.in = 1}, TIER_STANDARD, 38},
        {"gemini-1.5-flash-8b", {.in = 2}, TIER_STANDARD, 75},
        {"gemini-1.5-flash-8b", {.in = 1, .out = 1}, TIER_STANDARD, 188}, /* 37.5 + 150 */
        {"gemini-1.5-flash", {.read = 1}, TIER_STANDARD, 19},             /* 18.75 */
        {"gemini-1.5-flash", {.read = 4}, TIER_STANDARD, 75},
        {"gemini-1.5-flash", {0}, TIER_STANDARD, 0},
    };

    (void)state;
    EXPECT("google", lines);
}

static void tiers_are_cliffs(void **state)
{
    static const struct line openai[] = {
        {"gpt-5.4", {.in = 272000, .out = 100}, TIER_STANDARD, INT64_C(681500000)},
        {"gpt-5.4", {.in = 272001, .out = 100}, TIER_STANDARD, INT64_C(1362255000)},
        {"gpt-5.4", {.in = 2001, .read = 270000}, TIER_STANDARD, 10005000 + 135000000},
        /* a write that the tier does not list keeps its ratio to input */
        {"gpt-6-sol", {.in = 272001, .w12h = 1}, TIER_STANDARD, INT64_C(1088004000) + 10000},
    };
    static const struct line anthropic[] = {
        {"claude-haiku-5-5", {.in = 100000}, TIER_STANDARD, 10000000},
        {"claude-haiku-5-5", {.in = 100001}, TIER_STANDARD, 50000500},
        /* cache reads and writes count towards it */
        {"claude-haiku-5-5",
         {.in = 1, .read = 50000, .w5m = 50000, .out = 1},
         TIER_STANDARD,
         500 + 2500000 + 31250000 + 2500},
        {"claude-sonnet-4-20250514",
         {.in = 200001, .w1h = 1},
         TIER_STANDARD,
         INT64_C(1200006000) + 12000},
    };
    static const struct line xai[] = {
        {"grok-4.6", {.in = 199999}, TIER_STANDARD, 399998000},
        {"grok-4.6", {.in = 200000}, TIER_STANDARD, 800000000},
        {"grok-4-1-fast", {.in = 128000, .read = 10}, TIER_STANDARD, 51200000 + 4000},
    };

    (void)state;
    EXPECT("openai", openai);
    EXPECT("anthropic", anthropic);
    EXPECT("xai", xai);
}

static void service_tiers(void **state)
{
    static const struct line openai[] = {
        {"gpt-5", {.in = 1000, .read = 1000, .out = 1000}, TIER_FLEX, 625000 + 62500 + 5000000},
        {"gpt-5",
         {.in = 1000, .read = 1000, .out = 1000},
         TIER_PRIORITY,
         2500000 + 250000 + 20000000},
        {"gpt-5", {.in = 1000, .out = 1000}, TIER_BATCH, 625000 + 5000000},
        {"gpt-4o", {.read = 1000}, TIER_BATCH, 1250000},  /* lists no discount there: input rate */
        {"gpt-5-pro", {.in = 1000}, TIER_FLEX, 15000000}, /* none listed: standard */
        {"gpt-5-pro",
         {.in = 1000},
         TIER_PRIORITY,
         37500000}, /* none listed: the dearest known ratio */
        /* plan and tier: both ratios */
        {"gpt-5.4", {.in = 300000, .out = 1000}, TIER_FLEX, 750000000 + 11250000},
        {"gpt-5.4", {.in = 300000, .out = 1000}, TIER_PRIORITY, INT64_C(3000000000) + 45000000},
        {"gpt-6.2-sol", {.in = 1000, .out = 1000}, TIER_FAST, 6000000 + 30000000},
    };
    static const struct line anthropic[] = {
        {"claude-opus-5", {.in = 1000, .out = 1000}, TIER_FAST, 10000000 + 50000000},
        {"claude-opus-5", {.in = 1000, .out = 1000}, TIER_PRIORITY, 5000000 + 25000000},
        {"claude-opus-5", {.in = 1000, .w5m = 1000}, TIER_BATCH, 2500000 + 3125000},
        {"claude-opus-5-5", {.in = 1000, .out = 1000}, TIER_FAST, 8000000 + 40000000},
        {"claude-opus-4-6", {.in = 1000, .out = 1000}, TIER_FAST, 30000000 + 150000000},
    };

    (void)state;
    EXPECT("openai", openai);
    EXPECT("anthropic", anthropic);
}

static void us_only_costs_a_tenth_more(void **state)
{
    struct usage u = usage_of((struct tokens){.in = 1000, .out = 1000});

    (void)state;
    u.us_only = true;
    assert_int_equal(cost_at("anthropic", "claude-opus-4-6", &u, when), 33000000);
    assert_int_equal(cost_at("anthropic", "claude-opus-4-5", &u, when), 30000000);
    u.web_searches = 1; /* a call costs the same everywhere */
    assert_int_equal(cost_at("anthropic", "claude-opus-4-6", &u, when), 43000000);
}

static void searches_cost_by_the_call(void **state)
{
    struct usage u = {.web_searches = 3};

    (void)state;
    assert_int_equal(cost_at("anthropic", "claude-sonnet-4-5", &u, when), 30000000);
    assert_int_equal(cost_at("openai", "gpt-4o-search-preview", &u, when), 75000000);
    assert_int_equal(cost_at("xai", "grok-4.6", &u, when), 15000000);
    assert_int_equal(cost_at("google", "gemini-3-flash-preview", &u, when), 42000000);
    assert_int_equal(cost_at("mistral", "mistral-nemo", &u, when), 0);
}

static void prices_have_dates(void **state)
{
    const struct usage u = usage_of((struct tokens){.in = 1000, .read = 1000, .out = 1000});
    const struct price p = price_find(table, "google", SPAN("gemini-4-argon"));

    (void)state;
    assert_int_equal(cost_at("google", "gemini-4-argon", &u, "2026-11-30T23:59:59.999Z"), 12100000);
    assert_int_equal(cost_at("google", "gemini-4-argon", &u, "2026-12-01"), 24200000);
    assert_string_equal(price_facts(p, clock_parse_iso("2026-11-30")).version, "google/2026-11-10");
    assert_string_equal(price_facts(p, clock_parse_iso("2026-12-01")).version, "google/2026-12-01");
    assert_int_equal(price_facts(p, clock_parse_iso("2026-12-01")).input, 4000000);
}

/* What a later price does not list moves with what it does. */
static void plans_and_audio_follow_a_date(void **state)
{
    struct usage u = usage_of((struct tokens){.audio_in = 1000});

    (void)state;
    assert_int_equal(cost_at("google", "gemini-3.6-flash", &u, "2026-12-31"), 750000);
    assert_int_equal(cost_at("google", "gemini-3.6-flash", &u, "2027-01-01"), 1500000);
    u = usage_of((struct tokens){.in = 1000, .out = 1000});
    u.tier = TIER_BATCH;
    assert_int_equal(cost_at("google", "gemini-3.6-flash", &u, "2026-12-31"), 375000 + 1875000);
    assert_int_equal(cost_at("google", "gemini-3.6-flash", &u, "2027-01-01"), 750000 + 3750000);
    u.tier = TIER_FAST;
    assert_int_equal(cost_at("openai", "gpt-6.2-sol", &u, "2027-02-28"), 36000000);
    assert_int_equal(cost_at("openai", "gpt-6.2-sol", &u, "2027-03-01"), 72000000);
}

static void nights_are_cheaper_at_deepseek(void **state)
{
    static const struct {
        const char *at;
        bool peak;
    } times[] = {
        {"2026-11-24T00:59:59Z", false}, /* a Tuesday */
        {"2026-11-24T01:00:00Z", true},  {"2026-11-24T03:59:59Z", true},
        {"2026-11-24T04:00:00Z", false}, {"2026-11-24T06:00:00Z", true},
        {"2026-11-24T10:00:00Z", false}, {"2026-11-28T02:00:00Z", false}, /* Saturday */
        {"2026-11-29T02:00:00Z", false},                                  /* Sunday */
        {"2026-11-27T02:00:00Z", true},  {"2026-11-30T02:00:00Z", true},
    };
    const struct usage u = usage_of((struct tokens){.in = 1000, .read = 1000, .out = 1000});

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (cost_at("deepseek", "deepseek-v4-pro", &u, times[i].at) !=
            (times[i].peak ? 5324000 : 2662000))
            fail_msg("%s", times[i].at);
}

static void parts_have_their_own_model(void **state)
{
    struct usage u = usage_of((struct tokens){.in = 1000, .out = 1000});

    (void)state;
    u.nparts = 3;
    u.parts[1] = u.parts[0];
    strcpy(u.parts[1].model, "claude-haiku-4-5");
    u.parts[2] = u.parts[0];
    strcpy(u.parts[2].model, "claude-unheard-of");
    /* opus 5: 30; haiku 4.5: 6; unknown: the dearest claude-* (15/75): 90 */
    assert_int_equal(cost_at("anthropic", "claude-opus-5", &u, when), 126000000);
    /* each part has its own cliff */
    u = usage_of((struct tokens){.in = 100000});
    u.nparts = 2;
    u.parts[1] = u.parts[0];
    assert_int_equal(cost_at("anthropic", "claude-haiku-5-5", &u, when), 20000000);
}

static void the_model_that_answered_is_billed(void **state)
{
    struct usage u = usage_of((struct tokens){.in = 1000, .out = 1000});
    const struct price asked = price_find(table, "openai", SPAN("my-deployment"));

    (void)state;
    strcpy(u.model, "gpt-4.1-2025-04-14");
    assert_int_equal(cost_at("openai", "my-deployment", &u, when), 10000000);
    assert_string_equal(price_facts(price_answered(table, asked, "openai", &u), 0).id, "gpt-4.1");
    strcpy(u.model, "unheard-of");
    assert_int_equal(cost_at("openai", "gpt-4.1", &u, when), 10000000);
}

static void a_reported_cost_wins(void **state)
{
    struct usage u = usage_of((struct tokens){.in = 1000, .out = 1000});

    (void)state;
    u.has_reported_cost = true;
    u.reported_cost = 12345;
    assert_int_equal(cost_at("openrouter", "meta-llama/llama-4-scout", &u, when), 12345);
}

static void fallback_takes_the_dearest_of_each_kind(void **state)
{
    struct usage u = usage_of((struct tokens){.in = 1000, .read = 1000, .out = 1000});

    (void)state;
    /* gpt-4o and the gpt-5.4 rows but gpt-5.4 itself: pro has no cache price, so reads cost 30 */
    assert_int_equal(cost_at("openai", "gpt-5.4-ultra", &u, when), 30000000 + 30000000 + 180000000);
    u.tier = TIER_PRIORITY; /* pro's by the dearest ratio: 75, 75, 450 */
    assert_int_equal(cost_at("openai", "gpt-5.4-ultra", &u, when), 75000000 + 75000000 + 450000000);
    u = usage_of((struct tokens){.in = 272001});
    assert_int_equal(cost_at("openai", "gpt-5.4-ultra", &u, when), INT64_C(16320060000));
    u = (struct usage){.web_searches = 1};
    assert_int_equal(cost_at("openai", "gpt-5.4-ultra", &u, when), 10000000);
}

static void refuses_what_cannot_be_counted(void **state)
{
    static const int64_t absurd[] = {-1, INT64_MIN, INT64_MAX, INT64_C(1000000000000001)};
    const struct price p = price_find(table, "openai", SPAN("o1-pro"));
    struct usage u;
    struct err e;
    const struct price_terms plain = {0};
    nano_t cost = -7;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        u = usage_of((struct tokens){.out = absurd[i]});
        assert_int_equal(price_cost(table, p, "openai", &u, 0, &cost, &e), -1);
        u = (struct usage){.web_searches = absurd[i]};
        assert_int_equal(price_cost(table, p, "openai", &u, 0, &cost, &e), -1);
        assert_int_equal(price_plain(p, absurd[i], 0, &plain, 0, &cost, &e), -1);
        assert_int_equal(price_bound(p, 0, absurd[i], &plain, 0, &cost, &e), -1);
    }
    u = usage_of((struct tokens){.out = INT64_C(1000000000000)}); /* countable once */
    assert_int_equal(price_cost(table, p, "openai", &u, 0, &cost, &e), 0);
    u.nparts = 16;
    for (int i = 1; i < 16; i++)
        u.parts[i] = u.parts[0];
    u.us_only = true;
    cost = -7;
    assert_int_equal(price_cost(table, p, "openai", &u, 0, &cost, &e), -1);
    assert_int_equal(cost, -7);
    u = (struct usage){.has_reported_cost = true, .reported_cost = -1};
    assert_int_equal(price_cost(table, p, "openrouter", &u, 0, &cost, &e), -1);
}

static nano_t bound(const char *provider, const char *model, int64_t in, int64_t out,
                    struct price_terms terms, const char *at)
{
    nano_t v = -1;
    struct err e;

    if (price_bound(price_find(table, provider, span_of(model)), in, out, &terms,
                    clock_parse_iso(at), &v, &e))
        fail_msg("%s", e.msg);
    return v;
}

static void bounds_take_the_dearest(void **state)
{
    const struct price_terms any = {0}, plain = {.kinds = 1U << TOK_CACHE_READ};
    const struct price_terms flex = {.tier = TIER_FLEX, .kinds = plain.kinds};
    const struct price_terms priority = {.tier = TIER_PRIORITY, .kinds = plain.kinds};
    const struct price_terms writes = {.kinds = 1U << TOK_CACHE_WRITE_5M};

    (void)state;
    assert_int_equal(bound("anthropic", "claude-opus-5", 1000, 1000, any, when), 35000000);
    assert_int_equal(bound("anthropic", "claude-opus-5", 1000, 1000, plain, when), 30000000);
    assert_int_equal(bound("anthropic", "claude-opus-5", 1000, 1000, writes, when), 31250000);
    assert_int_equal(bound("openai", "gpt-4o", 1000, 1000, any, when), 12500000);
    /* flex may be served at the standard tier; priority is dearer */
    assert_int_equal(bound("openai", "gpt-5", 1000, 1000, flex, when), 11250000);
    assert_int_equal(bound("openai", "gpt-5", 1000, 1000, priority, when), 22500000);
    /* the tier that the bound reaches */
    assert_int_equal(bound("openai", "gpt-5.4", 272001, 0, plain, when), INT64_C(1360005000));
    /* peak hours may come, and so may the next price */
    assert_int_equal(bound("deepseek", "deepseek-v4-pro", 1000, 0, plain, "2026-11-28"), 1320000);
    assert_int_equal(bound("google", "gemini-4-argon", 1000, 0, plain, "2026-11-30T22:59:59Z"),
                     2000000);
    assert_int_equal(bound("google", "gemini-4-argon", 1000, 0, plain, "2026-11-30T23:00:00Z"),
                     4000000);
    /* audio, where it can occur */
    assert_int_equal(bound("openai", "gpt-audio", 1000, 1000, any, when), 96000000);
    assert_int_equal(bound("openai", "gpt-audio", 1000, 1000, plain, when), 12500000);
    assert_int_equal(bound("anthropic", "claude-opus-5", 1000, 1000,
                           (struct price_terms){.us_only = true, .kinds = plain.kinds}, when),
                     33000000);
}

static uint64_t state = 1;

static int64_t draw(int64_t below)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)(state >> 1) % below;
}

/* Tokens that sum to no more than in and out, in whatever kinds. */
static struct usage some_usage(int64_t in, int64_t out)
{
    struct usage u = {.nparts = 1};
    int64_t *tokens = u.parts[0].tokens;

    for (int i = 0; i < 4 && in > 0; i++) {
        const int64_t part = draw(4) ? draw(in + 1) : in;

        tokens[draw(TOK_OUTPUT)] += part;
        in -= part;
    }
    tokens[TOK_OUTPUT] = draw(out + 1);
    tokens[TOK_AUDIO_OUTPUT] = draw(3) ? 0 : out - tokens[TOK_OUTPUT];
    return u;
}

static void check_bound(void *ctx, const char *id, struct price p)
{
    static const int64_t edges[] = {1000, 100000, 128000, 200000, 200001, 272001, 1000000};

    (void)ctx;
    for (int i = 0; i < 100; i++) {
        const int64_t in = edges[draw(7)] + draw(3) - 1, out = draw(100000);
        const int64_t at = clock_parse_iso("2026-09-01") + draw(INT64_C(20000000000));
        const enum service_tier asked = (enum service_tier)draw(TIERS);
        struct usage u = some_usage(in, out);
        nano_t cost, bound;
        struct err e;

        u.tier = draw(2) ? asked : TIER_STANDARD;
        u.us_only = draw(2);
        if (price_cost(table, p, NULL, &u, at + draw(3600000), &cost, &e) ||
            price_bound(p, in, out, &(struct price_terms){asked, u.us_only, 0}, at, &bound, &e))
            fail_msg("%s: %s", id, e.msg);
        if (cost > bound)
            fail_msg("%s: costs %lld, bound %lld", id, (long long)cost, (long long)bound);
    }
}

static void no_cost_exceeds_its_bound(void **unused)
{
    static const char *const unknown[] = {"gpt-5.9-x", "claude-opus-x", "gemini-x", "grok-x", "x"};

    (void)unused;
    price_each(table, check_bound, NULL);
    for (int i = 0; i < 5; i++)
        check_bound(NULL, unknown[i], price_find(table, NULL, span_of(unknown[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_of_tokens),
        cmocka_unit_test(rounds_up_once),
        cmocka_unit_test(tiers_are_cliffs),
        cmocka_unit_test(service_tiers),
        cmocka_unit_test(us_only_costs_a_tenth_more),
        cmocka_unit_test(searches_cost_by_the_call),
        cmocka_unit_test(prices_have_dates),
        cmocka_unit_test(plans_and_audio_follow_a_date),
        cmocka_unit_test(nights_are_cheaper_at_deepseek),
        cmocka_unit_test(parts_have_their_own_model),
        cmocka_unit_test(the_model_that_answered_is_billed),
        cmocka_unit_test(a_reported_cost_wins),
        cmocka_unit_test(fallback_takes_the_dearest_of_each_kind),
        cmocka_unit_test(refuses_what_cannot_be_counted),
        cmocka_unit_test(bounds_take_the_dearest),
        cmocka_unit_test(no_cost_exceeds_its_bound),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
