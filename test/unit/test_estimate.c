/* SPDX-License-Identifier: MIT */
#include "price_fixture.h"

#include "meter/estimate.h"

/* The rule of the documentation, on the shipped tables. */

/* A request to model that offers nothing and limits nothing, with 1,000 input tokens. */
struct request {
    struct count count;
    struct estimate_in in;
};

static struct request request(const char *model)
{
    return (struct request){
        .count = {.tokens = 1000, .bound = 1000},
        .in = {.price = price_find(table, NULL, span_of(model)),
               .n = 1,
               .default_max_tokens = 4096,
               .generates = true,
               .at_wall_ms = clock_parse_iso("2026-11-24")},
    };
}

static struct estimate run(struct request *r)
{
    struct estimate out;
    struct err e;

    r->in.count = &r->count;
    if (estimate(&r->in, &out, &e))
        fail_msg("%s", e.msg);
    return out;
}

static void with_a_limit(void **state)
{
    struct request r = request("gpt-4o");
    struct estimate e;

    (void)state;
    r.in.output_limit = 100;
    e = run(&r);
    assert_int_equal(e.input_tokens, 1000);
    assert_int_equal(e.output_tokens, 75);
    assert_int_equal(e.max_output, 100);
    assert_int_equal(e.confidence, CONF_HIGH);
    assert_int_equal(e.input_cost, 2500000);
    assert_int_equal(e.output_cost, 750000);
    assert_int_equal(e.cost, 3250000);
    assert_int_equal(e.maximum, 3500000);
    r.in.output_limit = 1; /* 0.75 of a token is one */
    assert_int_equal(run(&r).output_tokens, 1);
    r.in.output_limit = 5;
    assert_int_equal(run(&r).output_tokens, 4);
    r.in.output_limit = 100;
    r.in.n = 3;
    r.in.tools = true;
    e = run(&r);
    assert_int_equal(e.output_tokens, 225);
    assert_int_equal(e.max_output, 300);
    assert_int_equal(e.confidence, CONF_HIGH);
}

static void without_a_limit(void **state)
{
    struct request r = request("gpt-4o");
    struct estimate e = run(&r);

    (void)state;
    assert_int_equal(e.output_tokens, 8192);
    assert_int_equal(e.max_output, 16384);
    assert_int_equal(e.confidence, CONF_MEDIUM);
    r.in.n = 2;
    e = run(&r);
    assert_int_equal(e.output_tokens, 16384);
    assert_int_equal(e.max_output, 32768);
    assert_int_equal(e.confidence, CONF_LOW);
    r = request("gemini-1.5-pro"); /* its maximum is unknown */
    e = run(&r);
    assert_int_equal(e.output_tokens, 2048);
    assert_int_equal(e.max_output, 4096);
    assert_int_equal(e.confidence, CONF_MEDIUM);
}

static void the_context_bounds_the_answer(void **state)
{
    struct request r = request("gpt-4"); /* context 8,192, answers up to 8,192 */
    struct estimate e = run(&r);

    (void)state;
    assert_int_equal(e.output_tokens, 4096);
    assert_int_equal(e.max_output, 7192);
    r.count.tokens = r.count.bound = 8000;
    e = run(&r);
    assert_int_equal(e.output_tokens, 192);
    assert_int_equal(e.max_output, 192);
    /* the count may be 10 too high */
    r.count.bound = 8010;
    assert_int_equal(run(&r).max_output, 202);
    /* more input than we think fits: the context is not what we think */
    r.count.tokens = r.count.bound = 9000;
    assert_int_equal(run(&r).max_output, 8192);
}

static void confidence_is_low_where_variance_is_high(void **state)
{
    struct request r = request("gpt-4o");

    (void)state;
    r.in.tools = true;
    assert_int_equal(run(&r).confidence, CONF_LOW);
    r = request("gpt-4o");
    r.in.output_limit = 10;
    r.in.opaque_input = true;
    assert_int_equal(run(&r).confidence, CONF_LOW);
    r = request("unheard-of");
    r.in.output_limit = 10;
    assert_int_equal(run(&r).confidence, CONF_LOW);
    r = request("o3");
    assert_int_equal(run(&r).confidence, CONF_LOW);
    r.in.output_limit = 10;
    assert_int_equal(run(&r).confidence, CONF_HIGH);
    assert_string_equal(confidence_name(CONF_HIGH), "high");
    assert_string_equal(confidence_name(CONF_MEDIUM), "medium");
    assert_string_equal(confidence_name(CONF_LOW), "low");
}

static void reasoning_models_are_marked(void **state)
{
    static const struct {
        const char *model;
        bool reasons;
    } list[] = {
        {"o1", true},
        {"o3-mini", true},
        {"o4-mini", true},
        {"gpt-5", true},
        {"gpt-5-nano", true},
        {"gpt-5-chat-latest", false},
        {"gpt-5.3-codex", true},
        {"gpt-6-sol", true},
        {"gpt-4.1", false},
        {"gpt-4o-mini", false},
        {"deepseek-reasoner", true},
        {"deepseek-chat", false},
        {"magistral-small", true},
        {"mistral-large-latest", false},
        {"grok-4-fast-reasoning", true},
        {"grok-4-fast-non-reasoning", false},
        {"gemini-2.5-pro", true},
        {"gemini-2.0-flash", false},
        {"claude-opus-5", false},
        {"ft:o4-mini-2025-04-16:acme::x", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (price_facts(price_find(table, NULL, span_of(list[i].model)), 0).reasoning !=
            list[i].reasons)
            fail_msg("%s", list[i].model);
}

static void embeddings_have_no_output(void **state)
{
    struct request r = request("text-embedding-3-small");
    struct estimate e;

    (void)state;
    r.in.generates = false;
    e = run(&r);
    assert_int_equal(e.output_tokens, 0);
    assert_int_equal(e.max_output, 0);
    assert_int_equal(e.cost, 20000);
    assert_int_equal(e.maximum, 20000);
    assert_int_equal(e.confidence, CONF_HIGH);
}

/* The maximum is at the bound of the count, at the dearest kind of input that can occur. */
static void maximum_covers_the_margins(void **state)
{
    struct request r = request("claude-opus-5");

    (void)state;
    r.in.output_limit = 100;
    r.count.bound = 1100;
    assert_int_equal(run(&r).maximum, 1100 * 10000 + 100 * 25000); /* one-hour cache writes */
    r.in.kinds = 1U << TOK_CACHE_READ;
    assert_int_equal(run(&r).maximum, 1100 * 5000 + 100 * 25000);
    r.in.tier = TIER_FAST;
    assert_int_equal(run(&r).cost, 1000 * 10000 + 75 * 50000);
    assert_int_equal(run(&r).maximum, 1100 * 10000 + 100 * 50000);
    r.in.us_only = true;
    assert_int_equal(run(&r).cost, (1000 * 10000 + 75 * 50000) / 10 * 11);
    r = request("gemini-2.5-flash");
    r.in.output_limit = 100;
    assert_int_equal(run(&r).maximum, 1000 * 300 + 100 * 2500);
    r.in.opaque_input = true; /* may be audio */
    assert_int_equal(run(&r).maximum, 1000 * 1000 + 100 * 2500);
}

/* Learned: the median is the prediction, the 95th percentile the hold, neither above the bound. */
static void learned_lengths_replace_the_rule(void **state)
{
    struct learned learned = {.p50 = 120, .p95 = 400, .samples = 500};
    struct request r = request("gpt-4o");
    struct estimate e;

    (void)state;
    e = run(&r);
    assert_int_equal(e.p95_output, e.output_tokens);
    assert_int_equal(e.hold, e.cost);
    r.in.learned = &learned;
    e = run(&r);
    assert_int_equal(e.output_tokens, 120);
    assert_int_equal(e.p95_output, 400);
    assert_int_equal(e.max_output, 16384);
    assert_int_equal(e.cost, 2500000 + 1200000);
    assert_int_equal(e.hold, 2500000 + 4000000);
    r.count.bound = 1100; /* a hold covers the count's margin */
    assert_int_equal(run(&r).hold, 2750000 + 4000000);
    r.in.n = 3;
    e = run(&r);
    assert_int_equal(e.output_tokens, 360);
    assert_int_equal(e.p95_output, 1200);
    r.in.output_limit = 200;
    e = run(&r);
    assert_int_equal(e.output_tokens, 360);
    assert_int_equal(e.p95_output, 600);
    assert_int_equal(e.max_output, 600);
    assert_int_equal(e.hold, e.maximum);
    learned = (struct learned){.p50 = INT64_MAX, .p95 = INT64_MAX};
    e = run(&r);
    assert_int_equal(e.output_tokens, 600);
    assert_int_equal(e.p95_output, 600);
    r.in.generates = false;
    assert_int_equal(run(&r).p95_output, 0);
}

static void refuses_what_cannot_be_counted(void **state)
{
    struct request r = request("gpt-4o");
    struct estimate out = {.cost = -7};
    struct err e;

    (void)state;
    r.in.count = &r.count;
    r.in.output_limit = INT64_MAX;
    assert_int_equal(estimate(&r.in, &out, &e), -1);
    r.in.n = INT64_MAX;
    r.in.output_limit = 2;
    assert_int_equal(estimate(&r.in, &out, &e), -1);
    r.in.output_limit = INT64_C(1) << 40;
    r.in.n = INT64_C(1) << 40;
    assert_int_equal(estimate(&r.in, &out, &e), -1);
    assert_int_equal(out.cost, -7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_a_limit),
        cmocka_unit_test(without_a_limit),
        cmocka_unit_test(the_context_bounds_the_answer),
        cmocka_unit_test(confidence_is_low_where_variance_is_high),
        cmocka_unit_test(reasoning_models_are_marked),
        cmocka_unit_test(embeddings_have_no_output),
        cmocka_unit_test(maximum_covers_the_margins),
        cmocka_unit_test(learned_lengths_replace_the_rule),
        cmocka_unit_test(refuses_what_cannot_be_counted),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
