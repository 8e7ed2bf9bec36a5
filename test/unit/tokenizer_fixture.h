/* SPDX-License-Identifier: MIT */
#ifndef TOKENIZER_FIXTURE_H
#define TOKENIZER_FIXTURE_H

#include "vocab_fixture.h"

/* The build's vocabularies and a tokenizer for them, for all tests of a program. */

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

#endif
