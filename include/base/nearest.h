/* SPDX-License-Identifier: MIT */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include "base/str.h"

/*
 * "Did you mean …?": of n names, the one that word was probably meant to be. Pure; any thread.
 * name(ctx, i) gives the i-th name, or NULL for one that is not to be offered. Returns NULL when
 * none is near enough to be worth a guess.
 */
const char *nearest_name(struct span word, const char *(*name)(const void *ctx, size_t i),
                         const void *ctx, size_t n);
/* The same where `most` steps apart are near enough. */
const char *nearest_within(struct span word, unsigned most,
                           const char *(*name)(const void *ctx, size_t i), const void *ctx,
                           size_t n);

/* Insertions, deletions, replacements and swaps of neighbours that turn a into b; '-' and '_' are
 * the same, and so are upper and lower case. Both at most NEAREST_MAX bytes, else a large number.
 */
#define NEAREST_MAX 64
unsigned edit_distance(struct span a, struct span b);

#endif
