/* SPDX-License-Identifier: MIT */
#ifndef TOKENIZING_H
#define TOKENIZING_H

#include "meter/bpe.h"
#include "meter/piece_cache.h"
#include "meter/split.h"
#include "meter/vocabs.h"

/* What counting and encoding share; private to the tokenizer. */

#define BATCH 64 /* pieces whose look-ups are under way at the same time */

struct tokenizer {
    const struct vocabs *vocabs;
    struct piece_cache *cache; /* in cache_memory */
    void *cache_memory;
    struct split_pcre *pcre[VOCABS_MAX]; /* made on first use */
    struct buf clean;
    struct bpe bpe;
};

/* Text that is being taken apart: from is where the next piece starts. */
struct job {
    struct tokenizer *t;
    const struct vocab *v;
    unsigned image;
    const char *text; /* well-formed: the caller's, or a cleaned copy */
    size_t n, from;
    bool cuts; /* merging can be cut at joints, and the text is not all ASCII */
};

bool job_start(struct job *j, struct tokenizer *t, enum encoding enc, struct span text);
void job_end(struct job *j);

/* The ends of the next pieces, at most BATCH; 0 only at the end of the text, and before it when
 * memory ran out. */
size_t job_split(struct job *j, size_t *ends);

#endif
