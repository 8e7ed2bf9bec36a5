/* SPDX-License-Identifier: MIT */
#ifndef WIRE_JSON_SCAN_H
#define WIRE_JSON_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Private to json.c and json_find.c. */

/* Whether any of 8 bytes of a string needs a look: control, quote, backslash or not ASCII. */
static inline bool json_special8(const char *p)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones * 0x80;
    uint64_t w, quote, slash;

    memcpy(&w, p, sizeof w);
    quote = w ^ ones * '"';
    slash = w ^ ones * '\\';
    return ((w - ones * 0x20) | (quote - ones) | (slash - ones) | w) & highs;
}

/* Whether any has to be escaped in a string: control, quote or backslash. */
static inline bool json_escaped8(const char *p)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones * 0x80;
    uint64_t w, quote, slash;

    memcpy(&w, p, sizeof w);
    quote = w ^ ones * '"';
    slash = w ^ ones * '\\';
    return (((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) &
           highs;
}

/* The same for text that is known to be sound: only a quote or a backslash. */
static inline bool json_quote8(const char *p)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones * 0x80;
    uint64_t w, quote, slash;

    memcpy(&w, p, sizeof w);
    quote = w ^ ones * '"';
    slash = w ^ ones * '\\';
    return (((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & highs;
}

#endif
