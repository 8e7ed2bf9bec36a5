/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "ledger/sqlite/inner.h"
#include "ledger/sqlite/settle.h"

static const char oldest_hold[] =
    "SELECT h.id, h.request, h.project, h.token, h.provider, h.endpoint, h.model, h.at1, h.at2,"
    " h.at3, h.at4, h.amount, h.estimate, h.strict, h.input, h.output, h.created"
    " FROM hold h WHERE h.id > ?1 ORDER BY h.id LIMIT 1";

static const char newest_rows[] =
    "SELECT * FROM (SELECT id, request, amount, strict, state FROM usage ORDER BY id DESC LIMIT ?1)"
    " ORDER BY id";

/* The next open hold after `id` as the book has it; NULL when there is none, or on failure. */
static struct hold *load(struct book *b, int64_t after)
{
    sqlite3_stmt *st = db_bind(b->db, oldest_hold, "i", after);
    struct hold *h;

    if (db_step(b->db, st) <= 0)
        return NULL;
    h = calloc(1, sizeof *h);
    if (!h) {
        db_done(st);
        db_nomem(b->db);
        return NULL;
    }
    h->id = sqlite3_column_int64(st, 0);
    db_request_id(b->db, h->r.request_id, st, 1);
    h->project = sqlite3_column_int64(st, 2);
    h->r.token_id = sqlite3_column_int64(st, 3);
    h->provider = sqlite3_column_int64(st, 4);
    h->endpoint = sqlite3_column_int64(st, 5);
    h->model = sqlite3_column_int64(st, 6);
    for (int i = 0; i < ATS; i++)
        h->at[i] = sqlite3_column_int64(st, 7 + i);
    h->amount = sqlite3_column_int64(st, 11);
    h->r.estimate = sqlite3_column_int64(st, 12);
    h->verdict = hold_verdict(h, sqlite3_column_int(st, 13));
    h->r.input_tokens = sqlite3_column_int64(st, 14);
    h->r.output_tokens = sqlite3_column_int64(st, 15);
    h->r.now_ms = sqlite3_column_int64(st, 16);
    db_done(st);
    return h;
}

/* The last requests before this start stay known: asked for again, they are not charged again. */
static int recall(struct book *b)
{
    sqlite3_stmt *st = db_bind(b->db, newest_rows, "i", (int64_t)HOLDS_REMEMBERED);
    int got;

    while ((got = db_step(b->db, st)) > 0) {
        struct hold *h = calloc(1, sizeof *h);

        if (!h) {
            db_done(st);
            return db_nomem(b->db);
        }
        h->id = sqlite3_column_int64(st, 0);
        db_request_id(b->db, h->r.request_id, st, 1);
        h->amount = sqlite3_column_int64(st, 2);
        h->verdict = hold_verdict(h, sqlite3_column_int(st, 3));
        h->state = (enum hold_state)sqlite3_column_int(st, 4);
        holds_recall(&b->holds, h);
    }
    return got;
}

static int interrupt(struct book *b, struct hold *h, int64_t now_ms)
{
    struct ending end = ending_interrupted(h->r.now_ms, now_ms);

    return settle_hold(b, h, &end);
}

/* Each is opened in memory and ended there by the same code as any other hold. */
static int recover_all(struct book *b, int64_t now_ms, struct ledger_recovery *found)
{
    int64_t last = 0;

    for (struct hold *h; (h = load(b, last)); last = h->id) {
        if (book_admit(b, h, true) != 0) {
            free(h);
            return -1;
        }
        if (interrupt(b, h, now_ms) != 0)
            return -1;
        found->holds++;
        found->amount += h->amount;
    }
    return b->db->failed ? -1 : book_flush(b);
}

static int recover_in_one(struct sqlite_ledger *l, int64_t now_ms, struct ledger_recovery *found)
{
    if (db_exec(&l->db, "BEGIN IMMEDIATE") != 0 || recover_all(&l->book, now_ms, found) != 0)
        return -1;
    return db_exec(&l->db, "COMMIT");
}

int recover(struct sqlite_ledger *l, int64_t now_ms, struct ledger_recovery *found, struct err *e)
{
    struct ledger_recovery r = {0};

    if (recall(&l->book) != 0)
        return db_error(&l->db, e);
    if (recover_in_one(l, now_ms, &r) != 0) {
        db_error(&l->db, e);
        db_rollback(&l->db);
        return err_prefix(e, "cannot resolve the holds that the last run left");
    }
    book_commit(&l->book);
    *found = r;
    return 0;
}
