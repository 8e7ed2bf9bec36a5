/* SPDX-License-Identifier: MIT */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/str.h"

/* UTF-8 as Unicode 16.0 (chapter 3.9) and RFC 3629 define it: no surrogates, nothing overlong. */

/* Bytes of the well-formed sequence at the start of s; 0 when there is none. */
size_t utf8_valid_len(struct span s);

/* Bytes of the maximal ill-formed subpart at the start of s (at least 1), which one U+FFFD replaces.
 * Call it where utf8_valid_len() is 0 and s is not empty. */
size_t utf8_invalid_len(struct span s);

bool utf8_valid(struct span s);

#endif
