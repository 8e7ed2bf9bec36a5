/* SPDX-License-Identifier: MIT */
#include "vocab_fixture.h"

#include <stdlib.h>

#include "meter/bpe.h"
#include "meter/joints.h"

static struct vocabs *vocabs;
static struct bpe bpe;

static int setup(void **state)
{
    (void)state;
    vocabs = open_vocabs();
    bpe_init(&bpe);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bpe_finish(&bpe);
    vocabs_close(vocabs);
    return 0;
}

/* Merging a token's own bytes gives that token; it is found by them too. */
static void every_token_is_reached(void **state)
{
    (void)state;
    for (int i = 0; i < IMAGES; i++) {
        const struct vocab *v = &vocabs->image[i];
        assert_true(vocab_intact(v));
        assert_true(v->h->flags & VOCAB_ORDERED);
        for (uint32_t t = 0; t < v->h->ntokens; t++) {
            struct span text = vocab_text(v, t);
            if (!text.n)
                continue;
            assert_int_equal(vocab_find(v, text.p, text.n), t);
            assert_int_equal(bpe_merge(&bpe, v, text.p, text.n), 1);
            assert_int_equal(bpe.tokens[0], t);
            assert_int_equal(vocab_longest(v, text.p, text.n), t);
        }
    }
}

/* What the image says of each three-byte character alone is what merging makes of it. */
static void triples(void **state)
{
    (void)state;
    for (int i = 0; i < IMAGES; i++)
        for (uint32_t c = 0x800; c < 0x10000; c++) {
            char p[4];
            if (c >= 0xd800 && c < 0xe000)
                continue;
            assert_int_equal(put_utf8(p, c), 3);
            assert_true(is_triple(p));
            assert_int_equal(triple_char(p), c);
            assert_int_equal(triple_count(&vocabs->image[i], c),
                             bpe_merge(&bpe, &vocabs->image[i], p, 3));
        }
}

/* The three ways of merging, on the same bytes. */
static void compare(const struct vocab *v, const char *p, size_t n)
{
    uint32_t want[4096];
    int64_t m = bpe_heap(&bpe, v, p, n);

    assert_in_range(m, 1, 4096);
    memcpy(want, bpe.tokens, (size_t)m * sizeof *want);
    assert_int_equal(bpe_backtrack(&bpe, v, p, n), m);
    assert_memory_equal(bpe.tokens, want, (size_t)m * sizeof *want);
    assert_int_equal(bpe_merge(&bpe, v, p, n), m);
    assert_memory_equal(bpe.tokens, want, (size_t)m * sizeof *want);
    if (n > BPE_SCAN_MAX)
        return;
    assert_int_equal(bpe_scan(&bpe, v, p, n), m);
    assert_memory_equal(bpe.tokens, want, (size_t)m * sizeof *want);
}

static void three_ways(void **state)
{
    uint64_t seed = 5;
    char text[4096];

    (void)state;
    for (int i = 0; i < 40000; i++) {
        const struct vocab *v = &vocabs->image[i % IMAGES];
        size_t length = dice(&seed) % (i % 16 ? 40 : 1000) + 1;
        uint32_t kind = dice(&seed) % 6, n = 0;
        for (size_t k = 0; k < length; k++)
            switch (kind) {
            case 0:
                text[n++] = (char)('a' + dice(&seed) % 26);
                break;
            case 1:
                text[n++] = "=-"[dice(&seed) % 2];
                break;
            case 2:
                text[n++] = "a b\n"[dice(&seed) % 4];
                break;
            case 3:
                text[n++] = (char)dice(&seed);
                break;
            case 4:
                n += put_utf8(text + n, 0x4e00 + dice(&seed) % 0x1000);
                break;
            default:
                text[n] = k % 64 ? text[n - 1] : "- a0="[dice(&seed) % 5];
                n++;
            }
        compare(v, text, n);
    }
}

/* Tokens beside each other: what merging must not join, and what it must. */
static void rows_of_tokens(void **state)
{
    uint64_t seed = 9;
    char text[4096];

    (void)state;
    for (int i = 0; i < 60000; i++) {
        const struct vocab *v = &vocabs->image[i % IMAGES];
        size_t n = 0;
        for (uint32_t k = dice(&seed) % 6 + 1; k; k--) {
            struct span x = vocab_text(v, dice(&seed) % v->h->ntokens);
            memcpy(text + n, x.p, x.n);
            n += x.n;
        }
        if (n)
            compare(v, text, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_token_is_reached),
        cmocka_unit_test(triples),
        cmocka_unit_test(three_ways),
        cmocka_unit_test(rows_of_tokens),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
