/* SPDX-License-Identifier: MIT */
#ifndef METER_PRICE_IMPORT_H
#define METER_PRICE_IMPORT_H

#include "meter/price.h"

/*
 * Converts the price lists that others publish into a table of ours: LiteLLM's
 * model_prices_and_context_window.json and genai-prices' data.json. Which of the two it is shows
 * from the text. Only rows that are new or cost something else are written, so that a person can
 * review them; what such a row does not say (dated prices, plans) is then not known any more.
 */

struct price_import {
    const char *as_of;               /* the list's date, "2026-11-24" */
    const struct price_table *known; /* the prices in force */
    bool skip_cheaper; /* leave out rows that make a known model ten times cheaper, instead of
                          refusing */
};

struct price_imported {
    const char *format;         /* "litellm", "genai-prices" */
    int read, written;          /* rows of the list; of the table */
    int same, skipped, cheaper; /* known already; no text model, or without a price; left out */
};

/* Appends the table to out. ERR_INVALID names the row that was refused. */
int price_import(struct span text, const struct price_import *in, struct buf *out,
                 struct price_imported *report, struct err *e) MUST_CHECK;

/* Whether the folders would load if the last one had a file of that name with this text (in place
 * of the one it has). */
int price_try(const char *const *dirs, size_t ndirs, const char *name, struct span text,
              struct err *e) MUST_CHECK;

#endif
