/* SPDX-License-Identifier: MIT */
#ifndef METER_TOKENIZER_H
#define METER_TOKENIZER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/*
 * Exact token counts of text. The vocabularies are loaded once, immutable and shared by all threads;
 * a tokenizer is one thread's scratch over them. Invalid UTF-8 counts as if each maximal ill-formed
 * subpart were U+FFFD; the text of special tokens counts as ordinary text.
 */

enum encoding { ENC_O200K, ENC_O200K_HARMONY, ENC_CL100K, ENC_P50K, ENC_R50K, ENCODINGS };

const char *encoding_name(enum encoding enc); /* "o200k_base", … */
bool encoding_from_name(struct span name, enum encoding *out);

/* The encoding of a model by the provider's rules; o200k and *known = false when no rule names it. */
enum encoding encoding_of_model(struct span model, bool *known);

struct vocabs;

/* Maps the vocabulary images found in dir ("o200k_base.vocab", …). Each is opened on its first use or
 * here; a missing or damaged one is an error that names the file. */
int vocabs_open(const char *dir, struct vocabs **out, struct err *e) MUST_CHECK;
void vocabs_close(struct vocabs *v);

struct tokenizer;

struct tokenizer *tokenizer_create(const struct vocabs *v); /* NULL: no memory */
void tokenizer_destroy(struct tokenizer *t);

/* The number of tokens of text; -1 only when memory ran out. */
int64_t tokenizer_count(struct tokenizer *t, enum encoding enc, struct span text);

/* The token ids, at most max of them into ids; returns how many there are, -1 when memory ran out. */
int64_t tokenizer_encode(struct tokenizer *t, enum encoding enc, struct span text, uint32_t *ids,
                         size_t max);

/* What request counting asks for a text's length: a tokenizer, or a cache in front of one. */
struct text_counter {
    int64_t (*count)(void *ctx, enum encoding enc, struct span text); /* as tokenizer_count() */
    void *ctx;
};

struct text_counter tokenizer_counter(struct tokenizer *t);

#endif
