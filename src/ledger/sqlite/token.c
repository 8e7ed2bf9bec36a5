/* SPDX-License-Identifier: MIT */
#include "ledger/sqlite/inner.h"

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

static int learn(struct sqlite_ledger *l, sqlite3_stmt *st, struct err *e)
{
    const void *digest = sqlite3_column_blob(st, 7);
    struct token t;

    read_token(&l->db, st, &t);
    if (!digest || sqlite3_column_bytes(st, 7) != TOKEN_DIGEST)
        return err_set(e, ERR_CORRUPT, "a token's digest has the wrong length");
    return tokens_learn(&l->base.tokens, &t, digest, e);
}

int tokens_load(struct sqlite_ledger *l, struct err *e)
{
    sqlite3_stmt *st = db_bind(&l->db, live_tokens, "");

    while (db_step(&l->db, st) > 0)
        if (learn(l, st, e) != 0) {
            db_done(st);
            return -1;
        }
    return l->db.failed ? db_error(&l->db, e) : 0;
}

/* ---- writes ---- */

struct token_op {
    struct op op;
    struct token t;
    const unsigned char *digest;
};

static int run_create(struct ledger *base, struct op *op, struct err *e)
{
    struct sqlite_ledger *l = sqlite_of(base);
    struct token_op *o = MAP_OWNER(op, struct token_op, op);
    struct span digest = {(const char *)o->digest, TOKEN_DIGEST};

    (void)e;
    if (db_run(&l->db, add_token, "btttii", digest, o->t.project, o->t.models, o->t.label,
               o->t.created_ms, o->t.expires_ms) != 0)
        return -1;
    o->t.id = sqlite3_last_insert_rowid(l->db.conn);
    return 0;
}

int sqlite_token_create(struct ledger *l, struct token *t, const unsigned char digest[TOKEN_DIGEST],
                        struct err *e)
{
    struct token_op o = {.op.run = run_create, .t = *t, .digest = digest};

    if (writer_do(l, &o.op, e) != 0)
        return -1;
    t->id = o.t.id;
    return 0;
}

static int run_revoke(struct ledger *base, struct op *op, struct err *e)
{
    struct sqlite_ledger *l = sqlite_of(base);
    struct token_op *o = MAP_OWNER(op, struct token_op, op);
    int64_t when;
    bool found;

    if (db_int(&l->db, &when, &found, revoked_token, "i", o->t.id) != 0)
        return -1;
    if (!found)
        return err_set(e, ERR_NOT_FOUND, "there is no token %lld", (long long)o->t.id);
    return db_run(&l->db, revoke_token, "ii", o->t.id, o->t.revoked_ms);
}

int sqlite_token_revoke(struct ledger *l, int64_t id, int64_t now_ms, struct err *e)
{
    struct token_op o = {.op.run = run_revoke, .t = {.id = id, .revoked_ms = now_ms}};

    return writer_do(l, &o.op, e);
}

int sqlite_token_each(struct ledger *base, void (*f)(void *ctx, const struct token *t), void *ctx,
                      struct err *e)
{
    struct sqlite_ledger *l = sqlite_of(base);
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
