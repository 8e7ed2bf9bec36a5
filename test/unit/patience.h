/* SPDX-License-Identifier: MIT */
#ifndef PATIENCE_H
#define PATIENCE_H

#include <stdint.h>

/* How long work on hostile input may take, in nanoseconds of clock_mono_ns(): `seconds` are many times
 * what it takes, and a fraction of what quadratic work would; a sanitizer gets more. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PATIENCE(seconds) (INT64_C(5000000000) * (seconds))
#else
#define PATIENCE(seconds) (INT64_C(1000000000) * (seconds))
#endif

#endif
