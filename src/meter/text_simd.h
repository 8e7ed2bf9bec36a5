/* SPDX-License-Identifier: MIT */
#ifndef TEXT_SIMD_H
#define TEXT_SIMD_H

#include <stdbool.h>
#include <stddef.h>

/* True: p[0..n) is well-formed UTF-8. False: it is not, or this machine has no fast way to tell. */
bool text_valid_simd(const char *p, size_t n);

#endif
