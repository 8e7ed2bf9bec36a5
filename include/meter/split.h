/* SPDX-License-Identifier: MIT */
#ifndef METER_SPLIT_H
#define METER_SPLIT_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

/*
 * Splitting text into the pieces that an encoding merges apart from each other. Text is well-formed
 * UTF-8. Pieces follow each other without gaps and are never empty.
 */

enum split_rule { SPLIT_O200K, SPLIT_CL100K, SPLIT_R50K, SPLIT_PATTERN };

/* Writes the ends of the next pieces from byte `from` on, at most max of them; returns how many:
 * fewer than max only at the end of the text. Pure. */
size_t split_o200k(const char *text, size_t n, size_t from, size_t *ends, size_t max);
size_t split_cl100k(const char *text, size_t n, size_t from, size_t *ends, size_t max);
size_t split_r50k(const char *text, size_t n, size_t from, size_t *ends, size_t max);

/*
 * A splitter of any pattern, by PCRE2. The classes \p{…}, \s and their negations are spelled out
 * from our own tables, because those of the library are of another Unicode version. What no
 * alternative of the pattern matches is a piece too. One thread at a time.
 */
struct split_pcre;

/* The reference's patterns of the encodings, for any rule but SPLIT_PATTERN. */
const char *split_pattern_of(enum split_rule rule);

int split_pcre_create(struct span pattern, struct split_pcre **out, struct err *e) MUST_CHECK;
void split_pcre_destroy(struct split_pcre *s);

/* As split_o200k(); 0 before the end of the text when memory ran out. */
size_t split_pcre_next(struct split_pcre *s, const char *text, size_t n, size_t from, size_t *ends,
                       size_t max);

/* pattern with its Unicode classes spelled out; -1 when it names a class that we do not know. */
int split_spell_out(struct span pattern, struct buf *out, struct err *e) MUST_CHECK;

#endif
