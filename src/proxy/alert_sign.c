/* SPDX-License-Identifier: MIT */
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/alert.h"

#define DIGEST_BYTES 32

int alert_sign(const char *secret, int64_t now_s, const char *body, char out[ALERT_SIGNATURE_MAX], struct err *e)
{
    unsigned char digest[DIGEST_BYTES];
    size_t room = strlen(body) + 32, n;
    char *text = malloc(room);
    int failed;

    if (!text)
        return err_set(e, ERR_MEMORY, "no memory to sign an alert");
    n = (size_t)snprintf(text, room, "%" PRId64 ".%s", now_s, body);
    failed = gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret, strlen(secret), text, n, digest);
    free(text);
    if (failed)
        return err_set(e, ERR_INTERNAL, "an alert cannot be signed: %s", gnutls_strerror(failed));
    n = (size_t)snprintf(out, ALERT_SIGNATURE_MAX, "t=%" PRId64 ",v1=", now_s);
    for (size_t i = 0; i < DIGEST_BYTES; i++)
        n += (size_t)snprintf(out + n, ALERT_SIGNATURE_MAX - n, "%02x", digest[i]);
    return 0;
}
