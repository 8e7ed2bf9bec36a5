/* SPDX-License-Identifier: MIT */
#ifndef METER_VOCAB_BUILD_H
#define METER_VOCAB_BUILD_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "meter/split.h"
#include "meter/vocab.h"

/*
 * Makes vocabulary images: at build time from vocab/NAME.merges, later from rank files that users
 * bring. Pure; the caller owns the structs.
 */

struct vocab_source {
    uint32_t ntokens; /* one more than the last token's number */
    uint32_t *at;     /* [ntokens + 1]: where each token's bytes start; equal: no token */
    char *bytes;
    uint32_t *left, *right; /* [ntokens]: as struct vocab_token says */
};

/* From a .merges file, as vocab/make_merges.py describes it. */
int vocab_source_merges(struct span file, struct vocab_source *out, struct err *e) MUST_CHECK;

/* From a rank file: lines of a token in base64, a space and its rank. */
int vocab_source_ranks(struct span file, struct vocab_source *out, struct err *e) MUST_CHECK;

void vocab_source_finish(struct vocab_source *s);

/* How the vocabulary's text is split, and whose it is. */
struct vocab_use {
    enum split_rule rule;
    struct span pattern; /* of SPLIT_PATTERN */
    struct span models;  /* globs, a line each */
};

/* Appends a whole image to out. */
int vocab_build(const struct vocab_source *s, const struct vocab_use *use, struct buf *out,
                struct err *e) MUST_CHECK;

/*
 * The image of a vocabulary that a user brings: its rank file, the pattern that its text is split
 * by, and the models it is for, globs with commas between them ("llama-3*, meta/llama-3*"). The
 * message of a failure says what is wrong with which of the three.
 */
int vocab_import(struct span ranks, struct span pattern, struct span models, struct buf *image,
                 struct err *e) MUST_CHECK;

/* Fills the double-array trie of the tokens that merging makes; *nodes is the caller's to free. */
int vocab_trie_build(const struct vocab_source *s, struct vocab_node **nodes, uint32_t *n,
                     struct err *e) MUST_CHECK;

#endif
