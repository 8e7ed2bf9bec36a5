/* SPDX-License-Identifier: MIT */
/* Every way of merging gives the same tokens, which spell the piece; counting and encoding any bytes
 * agree in every encoding. */
#include <stdint.h>
#include <stdlib.h>

#include "fuzz_vocab.h"
#include "meter/bpe.h"
#include "meter/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vocabs *vocabs;
static struct tokenizer *tokenizer;
static struct bpe bpe;

static void open_all(void)
{
    vocabs = open_vocabs();
    tokenizer = tokenizer_create(vocabs);
    if (!tokenizer)
        abort();
    bpe_init(&bpe);
}

static void same(const uint32_t *want, int64_t n, int64_t m)
{
    if (n != m || memcmp(want, bpe.tokens, (size_t)n * sizeof *want) != 0)
        abort();
}

static void merge(const struct vocab *v, const char *p, size_t n)
{
    int64_t m = bpe_heap(&bpe, v, p, n);
    uint32_t *want = malloc((size_t)m * sizeof *want);
    size_t at = 0;

    if (m <= 0 || !want)
        abort();
    memcpy(want, bpe.tokens, (size_t)m * sizeof *want);
    for (int64_t i = 0; i < m; i++) {
        struct span x = vocab_text(v, want[i]);
        if (x.n > n - at || memcmp(x.p, p + at, x.n) != 0)
            abort();
        at += x.n;
    }
    if (at != n)
        abort();
    same(want, m, bpe_backtrack(&bpe, v, p, n));
    if (n <= BPE_SCAN_MAX)
        same(want, m, bpe_scan(&bpe, v, p, n));
    free(want);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};

    if (!vocabs)
        open_all();
    if (!size)
        return 0;
    for (int i = 0; i < IMAGES; i++)
        merge(&vocabs->image[i], text.p, text.n);
    for (int enc = 0; enc < ENCODINGS; enc++) {
        int64_t n = tokenizer_encode(tokenizer, (enum encoding)enc, text, NULL, 0);
        if (n <= 0 || tokenizer_count(tokenizer, (enum encoding)enc, text) != n ||
            tokenizer_count(tokenizer, (enum encoding)enc, text) != n)
            abort();
    }
    return 0;
}
