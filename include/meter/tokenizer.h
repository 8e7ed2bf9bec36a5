/* SPDX-License-Identifier: MIT */
#ifndef METER_TOKENIZER_H
#define METER_TOKENIZER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/*
 * Exact token counts of text. The vocabularies are opened once, immutable from then on and shared
 * by all threads; a tokenizer is one thread's memory over them: what it has counted before it
 * counts faster. Bytes that are not UTF-8 count as if each maximal ill-formed subpart were U+FFFD;
 * the text of special tokens ("<|endoftext|>") counts as ordinary text. Time is linear in the
 * length of any text.
 */

/* Numbers from ENCODINGS on are the vocabularies that users brought, as far as a struct vocabs has
 * them. */
enum encoding { ENC_O200K, ENC_O200K_HARMONY, ENC_CL100K, ENC_P50K, ENC_R50K, ENCODINGS };

/* Of ours, as their makers call them: "o200k_base", …; gpt2 and p50k_edit are understood too. */
const char *encoding_name(enum encoding enc);
bool encoding_from_name(struct span name, enum encoding *out);

/* The encoding of a model by the provider's rules; o200k and *known = false when no rule names it.
 */
enum encoding encoding_of_model(struct span model, bool *known);

struct vocabs;

/* Maps the vocabulary images in dir ("o200k_base.vocab", …), which takes no time to speak of: their
 * pages come when they are used, and are shared with other processes. A missing or damaged one is
 * an error that names the file. */
int vocabs_open(const char *dir, struct vocabs **out, struct err *e) MUST_CHECK;
void vocabs_close(struct vocabs *v);

/* Adds a vocabulary that a user brought (vocab_import() made it), or all "*.vocab" of a folder in
 * order of name; a folder that does not exist has none. Before the first tokenizer is made. */
int vocabs_add(struct vocabs *v, const char *path, struct err *e) MUST_CHECK;
int vocabs_add_folder(struct vocabs *v, const char *dir, struct err *e) MUST_CHECK;

/* One more than the last encoding's number. */
unsigned vocabs_count(const struct vocabs *v);

/* As the three above, with the users' vocabularies, which come first: their globs are matched in
 * order. v may be NULL for the model: then there are only ours. */
const char *vocabs_encoding_name(const struct vocabs *v, enum encoding enc);
bool vocabs_encoding_from_name(const struct vocabs *v, struct span name, enum encoding *out);
enum encoding vocabs_encoding_of_model(const struct vocabs *v, struct span model, bool *known);

/* The globs of a user's vocabulary, a line each; empty for ours. */
struct span vocabs_models(const struct vocabs *v, enum encoding enc);

struct tokenizer;

struct tokenizer *tokenizer_create(const struct vocabs *v); /* NULL: no memory */
void tokenizer_destroy(struct tokenizer *t);

/* The number of tokens of text; -1 only when memory ran out. */
int64_t tokenizer_count(struct tokenizer *t, enum encoding enc, struct span text);

/* The token ids, at most max of them into ids; returns how many there are, -1 when memory ran out.
 */
int64_t tokenizer_encode(struct tokenizer *t, enum encoding enc, struct span text, uint32_t *ids,
                         size_t max);

/* What request counting asks for a text's length: a tokenizer, or a cache in front of one. */
struct text_counter {
    int64_t (*count)(void *ctx, enum encoding enc, struct span text); /* as tokenizer_count() */
    void *ctx;
    const struct vocabs *vocabs; /* which encodings there are; NULL: only ours */
};

struct text_counter tokenizer_counter(struct tokenizer *t);

#endif
