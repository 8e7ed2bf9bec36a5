/* SPDX-License-Identifier: MIT */
#ifndef PROXY_LISTEN_TLS_H
#define PROXY_LISTEN_TLS_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

#include "base/err.h"

/*
 * The certificate that HTTPS is served with. Loaded at the start and again on SIGHUP; handshakes under
 * way keep the one they began with, so replaced ones stay until the end.
 */

#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

int tls_load(const char *cert_file, const char *key_file, struct err *e) MUST_CHECK;
void tls_unload(void); /* after the listener has stopped */

/* What GnuTLS asks in a handshake. Any thread. */
int tls_retrieve(gnutls_session_t session, const gnutls_datum_t *ca, int nca,
                 const gnutls_pk_algorithm_t *algos, int nalgos, gnutls_pcert_st **cert,
                 unsigned *ncert, gnutls_privkey_t *key);

#endif
