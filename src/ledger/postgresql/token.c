/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "ledger/postgresql/inner.h"

/* Daemons keep the tokens in memory: whoever changes one counts it up and calls. */
#define TELL                                                                                       \
    ", counted AS (UPDATE tokencap.change SET n = n + 1 WHERE topic = 'token' AND EXISTS"          \
    " (SELECT 1 FROM done) RETURNING pg_notify('tokencap', 'token'))"

static const char add_token[] =
    "WITH done AS (INSERT INTO tokencap.token(digest, project, models, label, created, expires,"
    " revoked) VALUES (decode($1, 'hex'), $2::text, $3::text, $4::text, $5::bigint, $6::bigint, 0)"
    " RETURNING id)" TELL " SELECT id, (SELECT count(*) FROM counted) FROM done";
static const char revoke_token[] =
    "WITH done AS (UPDATE tokencap.token SET revoked = $2::bigint WHERE id = $1::bigint"
    " AND revoked = 0 RETURNING id)" TELL
    " SELECT id, (SELECT count(*) FROM counted) FROM tokencap.token WHERE id = $1::bigint";
static const char live_tokens[] =
    "SELECT id, project, models, label, created, expires, revoked, encode(digest, 'hex')"
    " FROM tokencap.token WHERE revoked = 0";
static const char all_tokens[] =
    "SELECT id, project, models, label, created, expires, revoked FROM tokencap.token ORDER BY id";

struct token_op {
    struct pg_op pg;
    struct token t;
    char digest[2 * TOKEN_DIGEST + 1]; /* hex */
};

static struct token_op *token_op_of(struct pg_op *o)
{
    return MAP_OWNER(o, struct token_op, pg);
}

/* The row that was written, or found; id 0: there is none. */
static void hear_id(struct pg_op *o, const PGresult *res)
{
    token_op_of(o)->t.id = PQntuples(res) == 1 ? pq_int(res, 0, 0) : 0;
}

static void ask_create(struct pq *q, struct pg_op *pg)
{
    const struct token_op *o = token_op_of(pg);

    pq_ask(q, add_token, "ttttii", o->digest, o->t.project, o->t.models, o->t.label,
           o->t.created_ms, o->t.expires_ms);
}

int pg_token_create(struct ledger *l, struct token *t, const unsigned char digest[TOKEN_DIGEST],
                    struct err *e)
{
    struct token_op o = {.pg = {.ask = ask_create, .hear = hear_id}, .t = *t};

    for (int i = 0; i < TOKEN_DIGEST; i++)
        snprintf(o.digest + 2 * i, 3, "%02x", digest[i]);
    if (writer_do(l, &o.pg.op, e) != 0)
        return -1;
    t->id = o.t.id;
    return 0;
}

static void ask_revoke(struct pq *q, struct pg_op *pg)
{
    const struct token_op *o = token_op_of(pg);

    pq_ask(q, revoke_token, "ii", o->t.id, o->t.revoked_ms);
}

int pg_token_revoke(struct ledger *l, int64_t id, int64_t now_ms, struct err *e)
{
    struct token_op o = {.pg = {.ask = ask_revoke, .hear = hear_id},
                         .t = {.id = id, .revoked_ms = now_ms}};

    if (writer_do(l, &o.pg.op, e) != 0)
        return -1;
    return o.t.id ? 0 : err_set(e, ERR_NOT_FOUND, "there is no token %lld", (long long)id);
}

/* ---- reading ---- */

static void read_token(const PGresult *res, int r, struct token *t)
{
    *t = (struct token){.id = pq_int(res, r, 0)};
    pq_copy(t->project, sizeof t->project, res, r, 1);
    pq_copy(t->models, sizeof t->models, res, r, 2);
    pq_copy(t->label, sizeof t->label, res, r, 3);
    t->created_ms = pq_int(res, r, 4);
    t->expires_ms = pq_int(res, r, 5);
    t->revoked_ms = pq_int(res, r, 6);
}

int pg_token_each(struct ledger *l, void (*f)(void *ctx, const struct token *t), void *ctx,
                  struct err *e)
{
    struct pq *q = pg_reader_begin(pg_of(l), e);
    PGresult *res;
    struct token t;

    if (!q)
        return -1;
    res = pq_query(q, all_tokens, "");
    for (int i = 0; res && i < PQntuples(res); i++) {
        read_token(res, i, &t);
        f(ctx, &t);
    }
    PQclear(res);
    return pg_reader_end(pg_of(l), q, e);
}

static bool unhex(const char *hex, unsigned char out[TOKEN_DIGEST])
{
    if (strlen(hex) != 2 * TOKEN_DIGEST)
        return false;
    for (int i = 0; i < TOKEN_DIGEST; i++) {
        char two[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

        out[i] = (unsigned char)strtoul(two, NULL, 16);
    }
    return true;
}

static int load(struct pg_ledger *l, struct pq *q, struct err *e)
{
    PGresult *res = pq_query(q, live_tokens, "");
    unsigned char digest[TOKEN_DIGEST];
    struct tokens fresh;
    struct token t;
    int rc;

    if (!res)
        return pq_error(q, e);
    rc = tokens_init(&fresh, e);
    for (int i = 0; rc == 0 && i < PQntuples(res); i++) {
        read_token(res, i, &t);
        if (unhex(PQgetvalue(res, i, 7), digest))
            rc = tokens_learn(&fresh, &t, digest, e);
    }
    PQclear(res);
    if (rc == 0)
        tokens_replace(&l->base.tokens, &fresh);
    tokens_finish(&fresh);
    return rc;
}

int pg_tokens_load(struct pg_ledger *l, struct pq *q, struct err *e)
{
    int rc;

    pthread_mutex_lock(&l->base.tokens.change);
    rc = load(l, q, e);
    pthread_mutex_unlock(&l->base.tokens.change);
    return rc;
}
