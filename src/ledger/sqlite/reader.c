/* SPDX-License-Identifier: MIT */
#include "ledger/sqlite/reader.h"

#include "ledger/sqlite/inner.h"

#define READER_WAIT_MS 5000 /* WAL readers meet a lock only while the log is being recovered */

static const char begin[] = "BEGIN";
static const char end[] = "COMMIT";

void readers_init(struct readers *r)
{
    *r = (struct readers){0};
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->back, NULL);
}

void readers_finish(struct readers *r)
{
    for (int i = 0; i < READERS_MAX; i++)
        if (r->slots[i].open)
            db_close(&r->slots[i].db);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->back);
}

static struct reader_slot *borrow(struct readers *r)
{
    struct reader_slot *free_slot = NULL;

    pthread_mutex_lock(&r->lock);
    for (;;) {
        for (int i = READERS_MAX - 1; i >= 0; i--)
            if (!r->slots[i].lent && (!free_slot || r->slots[i].open))
                free_slot = &r->slots[i];
        if (free_slot)
            break;
        pthread_cond_wait(&r->back, &r->lock);
    }
    free_slot->lent = true;
    pthread_mutex_unlock(&r->lock);
    return free_slot;
}

static void give_back(struct readers *r, struct reader_slot *slot)
{
    pthread_mutex_lock(&r->lock);
    slot->lent = false;
    pthread_cond_signal(&r->back);
    pthread_mutex_unlock(&r->lock);
}

struct db *reader_begin(struct sqlite_ledger *l, struct err *e)
{
    struct reader_slot *slot;

    writer_barrier(&l->base);
    slot = borrow(&l->readers);
    if (!slot->open) {
        if (db_open(&slot->db, l->path, DB_READ, READER_WAIT_MS, e) != 0) {
            db_close(&slot->db);
            goto give_back;
        }
        slot->open = true;
    }
    db_forget(&slot->db);
    if (db_prepare_rollback(&slot->db) == 0 && db_run(&slot->db, begin, "") == 0)
        return &slot->db;
    db_error(&slot->db, e);
give_back:
    give_back(&l->readers, slot);
    return NULL;
}

int reader_end(struct sqlite_ledger *l, struct db *db, struct err *e)
{
    struct reader_slot *slot = MAP_OWNER(db, struct reader_slot, db);
    int rc = db->failed ? db_error(db, e) : 0;

    if (!sqlite3_get_autocommit(db->conn) && db_run(db, end, "") != 0 && !db_rollback(db)) {
        db_close(db); /* a transaction that stays open would keep this old state for ever */
        slot->open = false;
    }
    give_back(&l->readers, slot);
    return rc;
}
