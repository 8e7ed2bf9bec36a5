/* SPDX-License-Identifier: MIT */
#include "ledger/token.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "ledger/inner.h"

#define SECRET_BYTES 32
#define DIGEST_BYTES 32
#define PREFIX       "tcap_"

static const char add_token[] =
    "INSERT INTO token(digest, project, models, label, created, expires, revoked)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, 0)";
static const char revoke_token[] = "UPDATE token SET revoked = ?2 WHERE id = ?1 AND revoked = 0";
static const char revoked_token[] = "SELECT revoked FROM token WHERE id = ?1";
static const char live_tokens[] =
    "SELECT id, project, models, label, created, expires, revoked, digest FROM token"
    " WHERE revoked = 0";
static const char all_tokens[] =
    "SELECT id, project, models, label, created, expires, revoked FROM token ORDER BY id";

struct known_token {
    struct map_node node;
    unsigned char digest[DIGEST_BYTES];
    struct token t;
};

/* ---- in memory ---- */

static int digest_of(struct span text, unsigned char out[DIGEST_BYTES])
{
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, text.p ? text.p : "", text.n, out);
}

/* A digest is as good as random and nobody can choose one, so its first bytes are the hash. */
static uint64_t digest_hash(const unsigned char digest[DIGEST_BYTES])
{
    uint64_t h;

    memcpy(&h, digest, sizeof h);
    return h;
}

static struct known_token *find(const struct tokens *t, const unsigned char digest[DIGEST_BYTES])
{
    struct map_node *n = map_find(&t->by_digest, digest_hash(digest));

    for (; n; n = map_again(n)) {
        struct known_token *k = MAP_OWNER(n, struct known_token, node);

        if (gnutls_memcmp(k->digest, digest, DIGEST_BYTES) == 0)
            return k;
    }
    return NULL;
}

static void read_token(struct db *db, sqlite3_stmt *st, struct token *t)
{
    *t = (struct token){.id = sqlite3_column_int64(st, 0)};
    db_copy(db, t->project, sizeof t->project, st, 1);
    db_copy(db, t->models, sizeof t->models, st, 2);
    db_copy(db, t->label, sizeof t->label, st, 3);
    t->created_ms = sqlite3_column_int64(st, 4);
    t->expires_ms = sqlite3_column_int64(st, 5);
    t->revoked_ms = sqlite3_column_int64(st, 6);
}

static int learn(struct tokens *t, struct db *db, sqlite3_stmt *st)
{
    struct known_token *k = calloc(1, sizeof *k);
    const void *digest = sqlite3_column_blob(st, 7);

    if (!k)
        return db_nomem(db);
    read_token(db, st, &k->t);
    if (!digest || sqlite3_column_bytes(st, 7) != DIGEST_BYTES) {
        free(k);
        return db_corrupt(db, "a token's digest has the wrong length");
    }
    memcpy(k->digest, digest, DIGEST_BYTES);
    map_add(&t->by_digest, &k->node, digest_hash(k->digest));
    return 0;
}

int tokens_init(struct tokens *t, struct db *db, struct err *e)
{
    sqlite3_stmt *st;

    if (map_init(&t->by_digest, e) != 0)
        return -1;
    pthread_rwlock_init(&t->lock, NULL);
    st = db_bind(db, live_tokens, "");
    while (db_step(db, st) > 0)
        if (learn(t, db, st) != 0) {
            db_done(st);
            break;
        }
    if (!db->failed)
        return 0;
    tokens_finish(t);
    return db_error(db, e);
}

static void free_known(void *ctx, struct map_node *node)
{
    (void)ctx;
    free(MAP_OWNER(node, struct known_token, node));
}

void tokens_finish(struct tokens *t)
{
    if (!t->by_digest.chains)
        return;
    map_drain(&t->by_digest, free_known, NULL);
    map_finish(&t->by_digest);
    pthread_rwlock_destroy(&t->lock);
}

int ledger_token_find(struct ledger *l, struct span text, int64_t now_ms, struct token *out,
                      struct err *e)
{
    unsigned char digest[DIGEST_BYTES];
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

/* ---- writes ---- */

struct token_op {
    struct op op;
    struct token t;
    unsigned char digest[DIGEST_BYTES];
};

static int run_create(struct ledger *l, struct op *op, struct err *e)
{
    struct token_op *o = MAP_OWNER(op, struct token_op, op);
    struct span digest = {(const char *)o->digest, DIGEST_BYTES};

    (void)e;
    if (db_run(&l->db, add_token, "btttii", digest, o->t.project, o->t.models, o->t.label,
               o->t.created_ms, o->t.expires_ms) != 0)
        return -1;
    o->t.id = sqlite3_last_insert_rowid(l->db.conn);
    return 0;
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
    struct token_op o = {.op.run = run_create, .t = *t};
    char secret[TOKEN_TEXT_MAX];
    struct known_token *k;

    if (check(t, e) != 0 || make_secret(secret, e) != 0)
        return -1;
    if (digest_of(span_of(secret), o.digest) != 0)
        return err_set(e, ERR_INTERNAL, "cannot compute SHA-256");
    k = calloc(1, sizeof *k);
    if (!k)
        return err_set(e, ERR_MEMORY, "no memory for a token");
    o.t.revoked_ms = 0;
    if (writer_do(l, &o.op, e) != 0) {
        free(k);
        return -1;
    }
    k->t = o.t;
    memcpy(k->digest, o.digest, DIGEST_BYTES);
    pthread_rwlock_wrlock(&l->tokens.lock);
    map_add(&l->tokens.by_digest, &k->node, digest_hash(k->digest));
    pthread_rwlock_unlock(&l->tokens.lock);
    memcpy(text, secret, sizeof secret);
    gnutls_memset(secret, 0, sizeof secret);
    *out = o.t;
    return 0;
}

static int run_revoke(struct ledger *l, struct op *op, struct err *e)
{
    struct token_op *o = MAP_OWNER(op, struct token_op, op);
    int64_t when;
    bool found;

    if (db_int(&l->db, &when, &found, revoked_token, "i", o->t.id) != 0)
        return -1;
    if (!found)
        return err_set(e, ERR_NOT_FOUND, "there is no token %lld", (long long)o->t.id);
    return db_run(&l->db, revoke_token, "ii", o->t.id, o->t.revoked_ms);
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

static void forget(struct tokens *t, int64_t id)
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

int ledger_token_revoke(struct ledger *l, int64_t id, int64_t now_ms, struct err *e)
{
    struct token_op o = {.op.run = run_revoke, .t = {.id = id}};

    o.t.revoked_ms = now_ms > 0 ? now_ms : 1;
    if (writer_do(l, &o.op, e) != 0)
        return -1;
    forget(&l->tokens, id);
    return 0;
}

int ledger_token_each(struct ledger *l, void (*f)(void *ctx, const struct token *t), void *ctx,
                      struct err *e)
{
    struct db *db = reader_begin(l, e);
    struct token t;
    sqlite3_stmt *st;

    if (!db)
        return -1;
    st = db_bind(db, all_tokens, "");
    while (db_step(db, st) > 0) {
        read_token(db, st, &t);
        f(ctx, &t);
    }
    return reader_end(l, db, e);
}
