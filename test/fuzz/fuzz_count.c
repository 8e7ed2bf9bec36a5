/* SPDX-License-Identifier: MIT */
/* The whole count of any body, to any API (the first byte): its parts sum up, its bound holds, and
 * it is the same whether nothing, the pieces or the texts are remembered. */
#include "fuzz_request.h"
#include "fuzz_vocab.h"
#include "meter/count.h"
#include "proxy/tokcache.h"

static struct count count(const struct prompt *p, struct text_counter counter)
{
    struct count c;

    if (count_prompt(p, counter, &c))
        abort();
    if (c.raw != c.text + c.tools + c.images + c.schema + c.frame || c.tokens != c.raw ||
        c.bound < c.tokens || (c.method == COUNT_EXACT && c.bound != c.tokens))
        abort();
    return c;
}

static void check(const struct request *q, struct arena *a)
{
    const struct prompt *p = &q->prompt;
    static struct vocabs *vocabs;
    static struct tokcache *cache;
    struct tokenizer *t;
    struct count want;
    struct err e;

    (void)a;
    if (!vocabs)
        vocabs = open_vocabs();
    if (!cache && tokcache_create(vocabs, 1 << 20, &cache, &e) < 0)
        abort();
    t = tokenizer_create(vocabs);
    if (!t)
        abort();
    want = count(p, tokenizer_counter(t));
    for (int i = 0; i < 2; i++)
        if (count(p, tokenizer_counter(t)).tokens != want.tokens ||
            count(p, tokcache_counter(cache)).tokens != want.tokens)
            abort();
    tokenizer_destroy(t);
}
