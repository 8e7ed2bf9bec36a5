/* SPDX-License-Identifier: MIT */
#ifndef METER_TEXT_H
#define METER_TEXT_H

#include "base/str.h"

/* Text as tokenizers want it: well-formed UTF-8, each maximal ill-formed subpart a U+FFFD. Pure. */

/* How many bytes at the start of s are ASCII. */
size_t text_ascii_prefix(struct span s);

/* How many bytes at the start of s are well-formed, all s.n in the usual case. */
size_t text_valid_prefix(struct span s);

/* Appends s to out with its ill-formed parts replaced: at most three times s.n bytes. */
void text_clean(struct span s, struct buf *out);

#endif
