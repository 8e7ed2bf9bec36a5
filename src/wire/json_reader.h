/* SPDX-License-Identifier: MIT */
#ifndef WIRE_JSON_READER_H
#define WIRE_JSON_READER_H

#include "wire/json.h"

/* What json.c, json_string.c and json_number.c share; private to them. */

struct reader {
    struct span text;
    size_t at;
    size_t nodes_left;
    int depth_left;
    struct buf scratch; /* a string with escapes, decoded */
    enum json_fault fault;
    struct err *e;
};

/* Notes what is wrong at r->at, by byte, line and column; false. */
bool json_wrong(struct reader *r, enum json_fault fault, const char *what);
bool json_no_memory(struct reader *r);

/*
 * The string whose opening quote was just read, checked and decoded: *out is it, in the text or,
 * with escapes, in scratch, until the next string is read.
 */
bool json_read_string(struct reader *r, struct span *out);

/* The number at r->at; NULL when there is none or no memory. Clients may send numbers that no
 * machine type holds: they pass to the upstream as they came, and here they are ±1e300, which every
 * check of a range refuses. */
json_t *json_read_number(struct reader *r);

#endif
