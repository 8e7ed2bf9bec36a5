/* SPDX-License-Identifier: MIT */
#ifndef METER_PRICE_FOREIGN_H
#define METER_PRICE_FOREIGN_H

#include <jansson.h>

#include "meter/price_table.h"

/* Foreign price lists, row by row. Private to the import. */

#define FOREIGN_ALIASES 16
#define FOREIGN_FUTURE  4

/* A row of a foreign list in our terms; rates it does not have are unset. Borrows from the list. */
struct foreign_row {
    const char *provider, *id;
    const char *aliases[FOREIGN_ALIASES];
    int naliases;
    int64_t context, max_output;
    bool reasoning;
    bool no_output;    /* an embedding: has no output to price */
    pico_t web_search; /* RATE_UNSET: not said */
    struct schedule now, future[FOREIGN_FUTURE];
    int nfuture;
};

/* Calls f for each row until it fails; *read counts all rows, *skipped those that are no priced
 * text model. as_of decides which of several dated prices is the present one. */
typedef int foreign_row_fn(void *ctx, const struct foreign_row *row, struct err *e);

int price_litellm_each(const json_t *root, int *read, int *skipped, foreign_row_fn *f, void *ctx,
                       struct err *e) MUST_CHECK;
int price_genai_each(const json_t *root, const char *as_of, int *read, int *skipped,
                     foreign_row_fn *f, void *ctx, struct err *e) MUST_CHECK;

void price_unset(struct rates *r);

/* The step above that many tokens, made in its place; NULL when there are too many. */
struct step *price_step_above(struct schedule *s, int64_t above);

/* A JSON number × 10^scale: exact where the number is a decimal of up to 15 digits, as people write
 * them; what is smaller than the unit rounds up. RATE_UNSET when it is no number, negative, or
 * huge. */
pico_t price_number(const json_t *v, int scale);

/* Our name for a provider of theirs; NULL when it cannot be one. */
const char *price_provider_alias(const char *theirs);

#endif
