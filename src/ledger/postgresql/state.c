/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "ledger/postgresql/inner.h"

static const char put[] = "INSERT INTO tokencap.state(key, value) VALUES ($1::text,"
                          " decode($2, 'hex')) ON CONFLICT (key) DO UPDATE SET"
                          " value = excluded.value";
static const char drop[] = "DELETE FROM tokencap.state WHERE key = $1::text";
static const char each[] = "SELECT key, value FROM tokencap.state"
                           " WHERE key >= $1::text AND key < $1::text || chr(127) ORDER BY key";

struct put_op {
    struct pg_op pg;
    struct err e;
    char *hex; /* behind the key, in the same memory */
    char key[];
};

static void ask_put(struct pq *q, struct pg_op *o)
{
    const struct put_op *p = MAP_OWNER(o, struct put_op, pg);

    if (*p->hex)
        pq_ask(q, put, "tt", p->key, p->hex);
    else
        pq_ask(q, drop, "t", p->key);
}

static void hear_put(struct pg_op *o, const PGresult *res)
{
    (void)o;
    (void)res;
}

static void release_put(struct op *op)
{
    free(MAP_OWNER(pg_op_of(op), struct put_op, pg));
}

void pg_state_put(struct ledger *l, const char *key, struct span value)
{
    size_t key_n = strlen(key) + 1;
    struct put_op *o = calloc(1, sizeof *o + key_n + 2 * value.n + 1);

    if (!o)
        return;
    o->pg = (struct pg_op){
        .op = {.release = release_put, .own = &o->e}, .ask = ask_put, .hear = hear_put};
    memcpy(o->key, key, key_n);
    o->hex = o->key + key_n;
    for (size_t i = 0; i < value.n; i++)
        snprintf(o->hex + 2 * i, 3, "%02x", (unsigned char)value.p[i]);
    writer_queue(l, &o->pg.op);
}

int pg_state_each(struct ledger *l, const char *prefix,
                  void (*f)(void *ctx, const char *key, struct span value), void *ctx,
                  struct err *e)
{
    struct pq *q = pg_reader_begin(pg_of(l), e);
    PGresult *res;

    if (!q)
        return -1;
    res = pq_query(q, each, "t", prefix);
    for (int i = 0; res && i < PQntuples(res); i++) {
        size_t n;
        unsigned char *value = PQunescapeBytea((unsigned char *)PQgetvalue(res, i, 1), &n);

        if (!value) {
            pq_fail(q, PQ_BUSY, "no memory");
            break;
        }
        f(ctx, PQgetvalue(res, i, 0), (struct span){(char *)value, n});
        PQfreemem(value);
    }
    PQclear(res);
    return pg_reader_end(pg_of(l), q, e);
}

/* ---- calls to other daemons ---- */

static const char call[] = "UPDATE tokencap.change SET n = n + 1 WHERE topic = 'price'"
                           " RETURNING pg_notify('tokencap', 'price')";

static void ask_call(struct pq *q, struct pg_op *o)
{
    (void)o;
    pq_ask(q, call, "");
}

void pg_announce(struct ledger *l)
{
    struct put_op *o = calloc(1, sizeof *o);

    if (!o)
        return;
    o->pg = (struct pg_op){
        .op = {.release = release_put, .own = &o->e}, .ask = ask_call, .hear = hear_put};
    writer_queue(l, &o->pg.op);
}
