/* SPDX-License-Identifier: MIT */
#ifndef METER_MONEY_H
#define METER_MONEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/jsonw.h"
#include "base/str.h"

/*
 * Money is integer. A price is whole picodollars (US$ × 1e-12) a token; an amount is whole nanodollars
 * (US$ × 1e-9), rounded up once a request. Pure; any thread.
 */

typedef int64_t pico_t; /* picodollars a token (or a call) */
typedef int64_t nano_t; /* nanodollars */

#define NANO_PER_USD INT64_C(1000000000)
#define NANO_MAX     INT64_C(1000000000000000000) /* a billion dollars: the largest amount we keep */

/* A plain decimal ("0.7", "12", "1e-6" too), scaled by 10^scale, exactly: refused when digits would be
 * lost, when it is negative or above max. Never through a double. */
int money_parse(struct span text, int scale, int64_t max, int64_t *out, struct err *e) MUST_CHECK;

/* a + b, or false when the sum leaves 0…NANO_MAX. */
bool money_add(nano_t a, nano_t b, nano_t *out);

/* Picodollars, summed exactly, to nanodollars rounded up; false above NANO_MAX. */
bool money_round_up(__int128 pico, nano_t *out);

#define MONEY_LEN 32 /* room for any amount and its NUL */

/* For headers and sentences: at least six places, up to nine where they are not zero ("0.005000"). */
const char *money_fixed(nano_t v, char out[MONEY_LEN]);

/* For JSON: the shortest exact decimal ("10", "9.998"), never an exponent. */
const char *money_json(nano_t v, char out[MONEY_LEN]);

/* A member of a JSON object: "key":amount. */
void money_member(struct jsonw *w, const char *key, nano_t v);

#endif
