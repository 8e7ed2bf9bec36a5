/* SPDX-License-Identifier: MIT */
#include "ledger/request_id.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10
                                : -1; /* lower case only: it must come back the same */
}

static bool pack(const char *text, unsigned char raw[16])
{
    if (strlen(text) != REQUEST_ID_LEN || strncmp(text, "req_", 4) != 0)
        return false;
    for (int i = 0; i < 16; i++) {
        int high = hex(text[4 + 2 * i]), low = hex(text[5 + 2 * i]);

        if (high < 0 || low < 0)
            return false;
        raw[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

void request_id_pack(const char *text, struct request_id *out)
{
    out->packed = pack(text, out->raw);
    out->bytes = out->packed ? (struct span){(const char *)out->raw, 16} : span_of(text);
}

void request_id_unpack(const unsigned char raw[16], char out[REQUEST_ID_LEN + 1])
{
    memcpy(out, "req_", 4);
    str_hex(out + 4, raw, 16);
}
