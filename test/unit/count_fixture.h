/* SPDX-License-Identifier: MIT */
#ifndef COUNT_FIXTURE_H
#define COUNT_FIXTURE_H

#include "vocab_fixture.h"

#include "meter/count.h"
#include "wire/request.h"

static struct vocabs *vocabs;
static struct tokenizer *tokenizer;

static int setup(void **state)
{
    (void)state;
    vocabs = open_vocabs();
    tokenizer = tokenizer_create(vocabs);
    return tokenizer ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    tokenizer_destroy(tokenizer);
    vocabs_close(vocabs);
    return 0;
}

static inline struct count count_body(enum api api, struct span body)
{
    struct json_limits limits = JSON_LIMITS;
    struct arena a;
    struct request q;
    struct refusal r;
    struct count c;

    arena_init(&a, 256u << 20);
    if (request_parse(api, body, &limits, &a, &q, &r))
        fail_msg("%.200s: %s", body.p, r.message);
    assert_int_equal(count_prompt(&q.prompt, tokenizer_counter(tokenizer), &c), 0);
    assert_int_equal(c.tokens, c.text + c.tools + c.images + c.schema + c.frame);
    assert_true(c.bound >= c.tokens);
    assert_int_equal(c.method == COUNT_EXACT, c.bound == c.tokens);
    request_finish(&q);
    arena_finish(&a);
    return c;
}

static inline int64_t n(const char *text)
{
    return tokenizer_count(tokenizer, ENC_O200K, span_of(text));
}

#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]"

#endif
