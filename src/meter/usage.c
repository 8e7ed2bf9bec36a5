/* SPDX-License-Identifier: MIT */
#include "meter/usage.h"

/* Saturates: a sum of absurd figures stays absurd instead of wrapping round to a small one. */
static int64_t add(int64_t a, int64_t b)
{
    int64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

int64_t usage_kind(const struct usage *u, enum token_kind kind)
{
    int64_t sum = 0;

    for (int i = 0; i < u->nparts; i++)
        sum = add(sum, u->parts[i].tokens[kind]);
    return sum;
}

int64_t usage_input(const struct usage *u)
{
    int64_t sum = 0;

    for (int k = TOK_INPUT; k < TOK_OUTPUT; k++)
        sum = add(sum, usage_kind(u, (enum token_kind)k));
    return sum;
}

int64_t usage_output(const struct usage *u)
{
    return add(usage_kind(u, TOK_OUTPUT), usage_kind(u, TOK_AUDIO_OUTPUT));
}
