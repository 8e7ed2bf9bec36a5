/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_REQUEST_ID_H
#define LEDGER_REQUEST_ID_H

#include <stdbool.h>

#include "base/str.h"
#include "ledger/ledger.h"

/* "req_" and 32 hex digits are kept as 16 bytes; anything else as its text. */

struct request_id {
    bool packed;
    struct span bytes; /* of raw, or of the text that was given */
    unsigned char raw[16];
};

void request_id_pack(const char *text, struct request_id *out);

void request_id_unpack(const unsigned char raw[16], char out[REQUEST_ID_LEN + 1]);

#endif
