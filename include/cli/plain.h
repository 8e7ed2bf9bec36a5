/* SPDX-License-Identifier: MIT */
#ifndef CLI_PLAIN_H
#define CLI_PLAIN_H

#include "base/str.h"

/*
 * Text from elsewhere as a terminal may have it: what steers it (control characters, marks that
 * turn the direction of writing, joiners, combining marks, what is no character at all) is a "?".
 * Pure.
 */

/* Appends s, made plain. */
void plain_add(struct buf *out, struct span s);

/* Columns that plain text takes: East Asian wide characters and pictures take two. */
size_t plain_width(struct span s);

/* The longest start of plain text that fits into so many columns. */
struct span plain_fit(struct span s, size_t width);

#endif
