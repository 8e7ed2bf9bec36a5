/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "ledger/postgresql/inner.h"

/* Alerts: each is written down before it is sent, so that one of the daemons sends it once, and
 * after a restart still. */

#define KEEP_MS  (INT64_C(400) * 24 * 3600 * 1000)
#define CLAIM_MS INT64_C(30000) /* for which one that is being sent is nobody else's */

enum { ALERT_PENDING, ALERT_DELIVERED, ALERT_GIVEN_UP };

static const char add_alert[] =
    "WITH old AS (DELETE FROM tokencap.alert WHERE id IN (SELECT id FROM tokencap.alert"
    " WHERE state <> 0 AND created < $9::bigint LIMIT 8))"
    " INSERT INTO tokencap.alert(id, scope, key, period, threshold, created, state, tries, next,"
    " url, body) VALUES ($1::text, $2::bigint, $3::text, $4::bigint, $5::bigint, $6::bigint, 0, 0,"
    " $6::bigint, $7::text, $8::text) ON CONFLICT DO NOTHING RETURNING 1";
static const char is_known[] =
    "SELECT 1 FROM tokencap.alert WHERE scope = $1::bigint AND key = $2::text"
    " AND period = $3::bigint AND threshold = $4::bigint";
/* Whoever takes it has it for a while: its time to be tried moves on, and comes back as it was. */
static const char next_alert[] =
    "WITH taken AS (SELECT id, next FROM tokencap.alert WHERE state = 0 ORDER BY next LIMIT 1"
    " FOR UPDATE SKIP LOCKED),"
    " moved AS (UPDATE tokencap.alert a SET next = $1::bigint + $2::bigint FROM taken"
    " WHERE a.id = taken.id AND taken.next <= $1::bigint)"
    " SELECT a.id, a.scope, a.key, a.period, a.threshold, a.created, a.tries, taken.next, a.url,"
    " a.body FROM tokencap.alert a JOIN taken ON taken.id = a.id";
static const char tried_alert[] =
    "UPDATE tokencap.alert SET state = $2::bigint, tries = tries + 1, next = $3::bigint"
    " WHERE id = $1::text";

struct alert_op {
    struct pg_op pg;
    const struct alert *a;
    const char *id;
    int64_t state, next_ms, now_ms;
    bool added;
    struct alert next;
};

static struct alert_op *alert_op_of(struct pg_op *o)
{
    return MAP_OWNER(o, struct alert_op, pg);
}

static void ask_add(struct pq *q, struct pg_op *o)
{
    const struct alert *a = alert_op_of(o)->a;

    pq_ask(q, add_alert, "titiiitti", a->id, (int64_t)a->scope, a->key, a->period_ms,
           (int64_t)a->threshold, a->created_ms, a->url, a->body, a->created_ms - KEEP_MS);
}

static void hear_add(struct pg_op *o, const PGresult *res)
{
    alert_op_of(o)->added = PQntuples(res) == 1;
}

int pg_alert_add(struct ledger *l, const struct alert *a, bool *added, struct err *e)
{
    struct alert_op o = {.pg = {.ask = ask_add, .hear = hear_add}, .a = a};

    if (writer_do(l, &o.pg.op, e) != 0)
        return -1;
    *added = o.added;
    return 0;
}

int pg_alert_known(struct ledger *l, const struct alert *a, bool *known, struct err *e)
{
    struct pq *q = pg_reader_begin(pg_of(l), e);
    PGresult *res;

    if (!q)
        return -1;
    res = pq_query(q, is_known, "itii", (int64_t)a->scope, a->key, a->period_ms,
                   (int64_t)a->threshold);
    *known = !res || PQntuples(res) > 0;
    PQclear(res);
    return pg_reader_end(pg_of(l), q, e);
}

static void ask_next(struct pq *q, struct pg_op *o)
{
    pq_ask(q, next_alert, "ii", alert_op_of(o)->now_ms, CLAIM_MS);
}

static void hear_next(struct pg_op *o, const PGresult *res)
{
    struct alert *a = &alert_op_of(o)->next;

    *a = (struct alert){.id = ""};
    if (PQntuples(res) == 0)
        return;
    pq_copy(a->id, sizeof a->id, res, 0, 0);
    a->scope = (enum scope)pq_int(res, 0, 1);
    pq_copy(a->key, sizeof a->key, res, 0, 2);
    a->period_ms = pq_int(res, 0, 3);
    a->threshold = (int)pq_int(res, 0, 4);
    a->created_ms = pq_int(res, 0, 5);
    a->tries = (int)pq_int(res, 0, 6);
    a->next_ms = pq_int(res, 0, 7);
    pq_copy(a->url, sizeof a->url, res, 0, 8);
    pq_copy(a->body, sizeof a->body, res, 0, 9);
}

int pg_alert_next(struct ledger *l, struct alert *out, struct err *e)
{
    struct alert_op o = {.pg = {.ask = ask_next, .hear = hear_next}, .now_ms = clock_wall_ms()};

    if (writer_do(l, &o.pg.op, e) != 0)
        return -1;
    if (!*o.next.id)
        return err_set(e, ERR_NOT_FOUND, "no alert waits");
    *out = o.next;
    return 0;
}

static void ask_tried(struct pq *q, struct pg_op *o)
{
    const struct alert_op *a = alert_op_of(o);

    pq_ask(q, tried_alert, "tii", a->id, a->state, a->next_ms);
}

static void hear_tried(struct pg_op *o, const PGresult *res)
{
    (void)o;
    (void)res;
}

int pg_alert_tried(struct ledger *l, const char *id, bool delivered, int64_t next_ms, struct err *e)
{
    struct alert_op o = {
        .pg = {.ask = ask_tried, .hear = hear_tried}, .id = id, .next_ms = next_ms};

    o.state = delivered ? ALERT_DELIVERED : next_ms ? ALERT_PENDING : ALERT_GIVEN_UP;
    return writer_do(l, &o.pg.op, e);
}
