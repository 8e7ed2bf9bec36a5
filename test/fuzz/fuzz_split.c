/* SPDX-License-Identifier: MIT */
/* The hand-written splitters split any text as their patterns do, and cover all of it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "meter/split.h"
#include "meter/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PIECES 64

typedef size_t split_fn(const char *text, size_t n, size_t from, size_t *ends, size_t max);

static struct split_pcre *pattern(enum split_rule rule)
{
    static struct split_pcre *made[SPLIT_PATTERN];
    struct err e;

    if (!made[rule] && split_pcre_create(span_of(split_pattern_of(rule)), &made[rule], &e) < 0) {
        fprintf(stderr, "%s\n", e.msg);
        abort();
    }
    return made[rule];
}

static void compare(enum split_rule rule, split_fn *split, const char *text, size_t n)
{
    size_t from = 0, ours[PIECES], theirs[PIECES], k;

    while (from < n) {
        k = split(text, n, from, ours, PIECES);
        if (k == 0 || split_pcre_next(pattern(rule), text, n, from, theirs, PIECES) != k ||
            memcmp(ours, theirs, k * sizeof *ours) != 0)
            abort();
        from = ours[k - 1];
        if (k < PIECES && from != n)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf clean;
    char *text;

    buf_init(&clean, 0);
    text_clean((struct span){(const char *)data, size}, &clean);
    text = malloc(clean.n ? clean.n : 1); /* nothing behind the end that may be read */
    if (text && clean.n) {
        memcpy(text, clean.p, clean.n);
        if (text_valid_prefix(buf_all(&clean)) != clean.n)
            abort();
        compare(SPLIT_O200K, split_o200k, text, clean.n);
        compare(SPLIT_CL100K, split_cl100k, text, clean.n);
        compare(SPLIT_R50K, split_r50k, text, clean.n);
    }
    free(text);
    buf_finish(&clean);
    return 0;
}
