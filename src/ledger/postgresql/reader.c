/* SPDX-License-Identifier: MIT */
#include "ledger/postgresql/reader.h"

#include "ledger/postgresql/inner.h"

static const char begin[] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

void pg_readers_init(struct pg_ledger *l)
{
    struct readers *r = &l->readers;

    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->back, NULL);
}

void pg_readers_finish(struct pg_ledger *l)
{
    struct readers *r = &l->readers;

    for (int i = 0; i < READERS_MAX; i++)
        pq_close(&r->slots[i].q);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->back);
}

/* One that is connected, where there is one. */
static struct reader_slot *borrow(struct readers *r)
{
    struct reader_slot *slot = NULL;

    pthread_mutex_lock(&r->lock);
    for (;;) {
        for (int i = READERS_MAX - 1; i >= 0; i--)
            if (!r->slots[i].lent && (!slot || pq_connected(&r->slots[i].q)))
                slot = &r->slots[i];
        if (slot)
            break;
        pthread_cond_wait(&r->back, &r->lock);
    }
    slot->lent = true;
    pthread_mutex_unlock(&r->lock);
    return slot;
}

static void give_back(struct readers *r, struct reader_slot *slot)
{
    pthread_mutex_lock(&r->lock);
    slot->lent = false;
    pthread_cond_signal(&r->back);
    pthread_mutex_unlock(&r->lock);
}

static bool start(struct pg_ledger *l, struct pq *q, struct err *e)
{
    if (!pq_connected(q) && pg_ledger_connect(l, q, e) != 0)
        return false;
    pq_forget(q);
    PQclear(pq_query(q, begin, ""));
    if (!q->failed)
        return true;
    pq_error(q, e);
    return false;
}

struct pq *pg_reader_begin(struct pg_ledger *l, struct err *e)
{
    struct reader_slot *slot;

    writer_barrier(&l->base);
    slot = borrow(&l->readers);
    /* A connection that was cut while nobody used it shows only now. */
    if (start(l, &slot->q, e) || (slot->q.failed == PQ_LOST && start(l, &slot->q, e)))
        return &slot->q;
    give_back(&l->readers, slot);
    return NULL;
}

int pg_reader_end(struct pg_ledger *l, struct pq *q, struct err *e)
{
    int rc = q->failed ? pq_error(q, e) : 0;

    pq_forget(q);
    if (pq_connected(q))
        PQclear(pq_query(q, "ROLLBACK", ""));
    give_back(&l->readers, MAP_OWNER(q, struct reader_slot, q));
    return rc;
}
