/* SPDX-License-Identifier: MIT */
#include "ledger/token.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "ledger/engine.h"

#define SECRET_BYTES 32
#define PREFIX       "tcap_"

struct known_token {
    struct map_node node;
    unsigned char digest[TOKEN_DIGEST];
    struct token t;
};

/* ---- in memory ---- */

static int digest_of(struct span text, unsigned char out[TOKEN_DIGEST])
{
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, text.p ? text.p : "", text.n, out);
}

/* A digest is as good as random and nobody can choose one, so its first bytes are the hash. */
static uint64_t digest_hash(const unsigned char digest[TOKEN_DIGEST])
{
    uint64_t h;

    memcpy(&h, digest, sizeof h);
    return h;
}

static struct known_token *find(const struct tokens *t, const unsigned char digest[TOKEN_DIGEST])
{
    struct map_node *n = map_find(&t->by_digest, digest_hash(digest));

    for (; n; n = map_again(n)) {
        struct known_token *k = MAP_OWNER(n, struct known_token, node);

        if (gnutls_memcmp(k->digest, digest, TOKEN_DIGEST) == 0)
            return k;
    }
    return NULL;
}

int tokens_init(struct tokens *t, struct err *e)
{
    pthread_mutex_init(&t->change, NULL);
    pthread_rwlock_init(&t->lock, NULL);
    return map_init(&t->by_digest, e);
}

static void free_known(void *ctx, struct map_node *node)
{
    (void)ctx;
    free(MAP_OWNER(node, struct known_token, node));
}

void tokens_finish(struct tokens *t)
{
    if (t->by_digest.chains)
        map_drain(&t->by_digest, free_known, NULL);
    map_finish(&t->by_digest);
    pthread_rwlock_destroy(&t->lock);
    pthread_mutex_destroy(&t->change);
}

int tokens_learn(struct tokens *t, const struct token *token,
                 const unsigned char digest[TOKEN_DIGEST], struct err *e)
{
    struct known_token *k = calloc(1, sizeof *k);

    if (!k)
        return err_set(e, ERR_MEMORY, "no memory for a token");
    k->t = *token;
    memcpy(k->digest, digest, TOKEN_DIGEST);
    pthread_rwlock_wrlock(&t->lock);
    map_add(&t->by_digest, &k->node, digest_hash(k->digest));
    pthread_rwlock_unlock(&t->lock);
    return 0;
}

struct by_id {
    int64_t id;
    struct known_token *gone;
    struct map_node *kept;
};

static void take_out(void *ctx, struct map_node *node)
{
    struct by_id *w = ctx;
    struct known_token *k = MAP_OWNER(node, struct known_token, node);

    if (k->t.id == w->id) {
        w->gone = k;
        return;
    }
    node->next = w->kept;
    w->kept = node;
}

void tokens_forget(struct tokens *t, int64_t id)
{
    struct by_id w = {.id = id};

    pthread_rwlock_wrlock(&t->lock);
    map_drain(&t->by_digest, take_out, &w);
    for (struct map_node *next; w.kept; w.kept = next) {
        next = w.kept->next;
        map_add(&t->by_digest, w.kept, w.kept->hash);
    }
    pthread_rwlock_unlock(&t->lock);
    free(w.gone);
}

void tokens_replace(struct tokens *t, struct tokens *fresh)
{
    struct map old;

    pthread_rwlock_wrlock(&t->lock);
    old = t->by_digest;
    t->by_digest = fresh->by_digest;
    pthread_rwlock_unlock(&t->lock);
    fresh->by_digest = old;
}

/* ---- the interface ---- */

int ledger_token_find(struct ledger *l, struct span text, int64_t now_ms, struct token *out,
                      struct err *e)
{
    unsigned char digest[TOKEN_DIGEST];
    struct known_token *k;
    bool good = false;

    if (digest_of(text, digest) != 0)
        return err_set(e, ERR_INTERNAL, "cannot compute SHA-256");
    pthread_rwlock_rdlock(&l->tokens.lock);
    k = find(&l->tokens, digest);
    if (k && (k->t.expires_ms == 0 || now_ms < k->t.expires_ms)) {
        *out = k->t;
        good = true;
    }
    pthread_rwlock_unlock(&l->tokens.lock);
    return good ? 0 : err_set(e, ERR_NOT_FOUND, "unknown token");
}

static int make_secret(char text[TOKEN_TEXT_MAX], struct err *e)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char secret[SECRET_BYTES + 1] = {0}; /* a zero behind it completes the last digit */
    char *p = text + sizeof PREFIX - 1;

    if (getrandom(secret, SECRET_BYTES, 0) != SECRET_BYTES)
        return err_set(e, ERR_IO, "the system gives no random bytes");
    memcpy(text, PREFIX, sizeof PREFIX);
    for (size_t bit = 0; bit < SECRET_BYTES * 8; bit += 6) {
        unsigned two = (unsigned)secret[bit / 8] << 8 | secret[bit / 8 + 1];

        *p++ = digits[two >> (10 - bit % 8) & 63];
    }
    *p = '\0';
    gnutls_memset(secret, 0, sizeof secret);
    return 0;
}

static int check(const struct token *t, struct err *e)
{
    if (!t->project[0])
        return err_set(e, ERR_INVALID, "projectId: is missing");
    if (t->expires_ms < 0)
        return err_set(e, ERR_INVALID, "expiresAt: is not a time");
    return 0;
}

int ledger_token_create(struct ledger *l, const struct token *t, char text[TOKEN_TEXT_MAX],
                        struct token *out, struct err *e)
{
    unsigned char digest[TOKEN_DIGEST];
    char secret[TOKEN_TEXT_MAX];
    struct token made = *t;
    int rc;

    if (check(t, e) != 0 || make_secret(secret, e) != 0)
        return -1;
    if (digest_of(span_of(secret), digest) != 0)
        return err_set(e, ERR_INTERNAL, "cannot compute SHA-256");
    made.revoked_ms = 0;
    pthread_mutex_lock(&l->tokens.change);
    rc = l->engine->token_create(l, &made, digest, e);
    if (rc == 0)
        rc = tokens_learn(&l->tokens, &made, digest, e);
    pthread_mutex_unlock(&l->tokens.change);
    if (rc != 0)
        return -1;
    memcpy(text, secret, sizeof secret);
    gnutls_memset(secret, 0, sizeof secret);
    *out = made;
    return 0;
}

int ledger_token_revoke(struct ledger *l, int64_t id, int64_t now_ms, struct err *e)
{
    int rc;

    pthread_mutex_lock(&l->tokens.change);
    rc = l->engine->token_revoke(l, id, now_ms > 0 ? now_ms : 1, e);
    if (rc == 0)
        tokens_forget(&l->tokens, id);
    pthread_mutex_unlock(&l->tokens.change);
    return rc;
}
