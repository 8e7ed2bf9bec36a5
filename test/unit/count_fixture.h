/* SPDX-License-Identifier: MIT */
#ifndef COUNT_FIXTURE_H
#define COUNT_FIXTURE_H

#include "tokenizer_fixture.h"

#include "meter/count.h"
#include "wire/request.h"

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
    request_forget(&q);
    arena_finish(&a);
    return c;
}

static inline int64_t n(const char *text)
{
    return tokenizer_count(tokenizer, ENC_O200K, span_of(text));
}

#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]"

#endif
