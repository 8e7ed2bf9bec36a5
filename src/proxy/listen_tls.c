/* SPDX-License-Identifier: MIT */
#include "proxy/listen_tls.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN_MAX 16

struct identity {
    struct identity *older;
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned n;
    gnutls_privkey_t key;
};

static _Atomic(struct identity *) current; /* the newest; replaced by the main thread alone */

static int load_chain(struct identity *id, const char *file, struct err *e)
{
    unsigned n = CHAIN_MAX;
    gnutls_datum_t pem = {NULL, 0};
    int r = gnutls_load_file(file, &pem);

    if (r >= 0)
        r = gnutls_pcert_list_import_x509_raw(id->chain, &n, &pem, GNUTLS_X509_FMT_PEM, 0);
    gnutls_free(pem.data);
    if (r < 0)
        return err_set(e, ERR_INVALID, "tls-cert %s: %s", file, gnutls_strerror(r));
    id->n = n;
    return 0;
}

static int load_key(struct identity *id, const char *file, struct err *e)
{
    gnutls_datum_t pem = {NULL, 0};
    int r = gnutls_load_file(file, &pem);

    if (r >= 0)
        r = gnutls_privkey_init(&id->key);
    if (r >= 0)
        r = gnutls_privkey_import_x509_raw(id->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (pem.data)
        gnutls_memset(pem.data, 0, pem.size);
    gnutls_free(pem.data);
    return r < 0 ? err_set(e, ERR_INVALID, "tls-key %s: %s", file, gnutls_strerror(r)) : 0;
}

static int key_id(gnutls_pubkey_t key, unsigned char id[64], size_t *n)
{
    *n = 64;
    return gnutls_pubkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, id, n);
}

/* A key of another certificate would fail every handshake. */
static int check_pair(const struct identity *id, const char *cert_file, const char *key_file, struct err *e)
{
    unsigned char of_cert[64], of_key[64];
    size_t n, m;
    gnutls_pubkey_t pub;
    int r = gnutls_pubkey_init(&pub);

    if (r < 0)
        return err_set(e, ERR_MEMORY, "no memory for a public key");
    r = gnutls_pubkey_import_privkey(pub, id->key, 0, 0);
    if (r >= 0)
        r = key_id(pub, of_key, &n);
    if (r >= 0)
        r = key_id(id->chain[0].pubkey, of_cert, &m);
    gnutls_pubkey_deinit(pub);
    if (r < 0)
        return err_set(e, ERR_INVALID, "tls-key %s: %s", key_file, gnutls_strerror(r));
    if (n != m || memcmp(of_cert, of_key, n) != 0)
        return err_set(e, ERR_INVALID, "tls-key %s is not the key of tls-cert %s", key_file, cert_file);
    return 0;
}

static void destroy(struct identity *id)
{
    for (unsigned i = 0; i < id->n; i++)
        gnutls_pcert_deinit(&id->chain[i]);
    if (id->key)
        gnutls_privkey_deinit(id->key);
    free(id);
}

int tls_load(const char *cert_file, const char *key_file, struct err *e)
{
    struct identity *id = calloc(1, sizeof *id);

    if (!id)
        return err_set(e, ERR_MEMORY, "no memory for a certificate");
    if (load_chain(id, cert_file, e) || load_key(id, key_file, e) ||
        check_pair(id, cert_file, key_file, e)) {
        destroy(id);
        return -1;
    }
    id->older = atomic_load(&current);
    atomic_store(&current, id);
    return 0;
}

void tls_unload(void)
{
    struct identity *id = atomic_exchange(&current, NULL);

    while (id) {
        struct identity *older = id->older;
        destroy(id);
        id = older;
    }
}

int tls_retrieve(gnutls_session_t session, const gnutls_datum_t *ca, int nca,
                 const gnutls_pk_algorithm_t *algos, int nalgos, gnutls_pcert_st **cert,
                 unsigned *ncert, gnutls_privkey_t *key)
{
    struct identity *id = atomic_load(&current);

    (void)session, (void)ca, (void)nca, (void)algos, (void)nalgos;
    *cert = id->chain;
    *ncert = id->n;
    *key = id->key;
    return 0;
}
