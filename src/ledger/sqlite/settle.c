/* SPDX-License-Identifier: MIT */
#include "ledger/sqlite/settle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/request_id.h"

#define DAY_MS INT64_C(86400000)

static const char delete_hold[] = "DELETE FROM hold WHERE id = ?1";
static const char add_voided[] = "INSERT INTO voided VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)";
static const char add_usage[] =
    "INSERT INTO usage VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, "
    "?16,"
    " ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34,"
    " ?35, ?36, ?37)";

/* ---- rows ---- */

static int insert_voided(struct book *b, const struct hold *h, int64_t lag)
{
    return db_run(b->db, add_voided, "iiiiiii", h->id, lag, h->amount, h->at[0], h->at[1], h->at[2],
                  h->at[3]);
}

struct usage_names {
    int64_t model, version, rule, confidence;
};

static int usage_names(struct book *b, const struct hold *h, const struct ending *end,
                       struct usage_names *n)
{
    n->model = h->model;
    if ((end->model[0] && book_name(b, end->model, &n->model) != 0) ||
        book_name(b, end->price_version, &n->version) != 0 ||
        book_name(b, end->price_rule, &n->rule) != 0 ||
        book_name(b, end->confidence, &n->confidence) != 0)
        return -1;
    return 0;
}

static int insert_usage(struct book *b, const struct hold *h, const struct ending *end, int64_t lag,
                        nano_t cost)
{
    const struct tokens_used t = ending_tokens(end, h->r.input_tokens, h->r.output_tokens);
    const struct usage_sums sums = ending_sums(end, &t, cost, h->r.estimate);
    const struct reservation *r = &h->r;
    struct rollup_row row = {0};
    struct request_id id;
    struct usage_names n;

    request_id_pack(r->request_id, &id);
    if (usage_names(b, h, end, &n) != 0)
        return -1;
    if (db_run(b->db, add_usage,
               id.packed ? "ibiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii"
                         : "isiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii",
               h->id, id.bytes, h->project, r->token_id, h->provider, h->endpoint, n.model,
               h->at[0], h->at[1], h->at[2], h->at[3], lag, (int64_t)end->state,
               (int64_t)h->verdict.strict, (int64_t)end->streamed, (int64_t)end->status, h->amount,
               r->estimate, cost, r->input_tokens, r->output_tokens, t.kinds[0], t.kinds[1],
               t.kinds[2], t.kinds[3], t.kinds[4], t.kinds[5], t.kinds[6], t.kinds[7], t.kinds[8],
               end->reasoning, n.version, n.rule, n.confidence, r->now_ms, end->duration_ms,
               end->ttft_ms) != 0)
        return -1;
    row.project = h->project;
    row.day = r->now_ms / DAY_MS;
    row.model = n.model;
    row.sum = (struct usage_total){1, t.input, t.output, cost};
    row.first = row.last = h->id;
    if (rollup_add(&b->rollup, b->db, &row) != 0)
        return -1;
    return series_add(&b->series, b->db, h->id, h->r.now_ms, h->project, n.model, &sums);
}

static nano_t cost_of(const struct hold *h, const struct ending *end)
{
    return end->state == HOLD_VOIDED ? 0 : end->charge_hold ? h->amount : end->cost;
}

int settle_hold(struct book *b, struct hold *h, const struct ending *end)
{
    nano_t cost = cost_of(h, end);
    int64_t lag = book_seq(b) - h->id;

    if (db_run(b->db, delete_hold, "i", h->id) != 0)
        return -1;
    if (sqlite3_changes(b->db->conn) != 1)
        return db_corrupt(b->db, "an open hold has no row");
    if ((end->state == HOLD_VOIDED ? insert_voided(b, h, lag)
                                   : insert_usage(b, h, end, lag, cost)) != 0)
        return -1;
    return book_end(b, h, end->state, cost);
}

/* ---- the operation ---- */

struct settle_op {
    struct op op;
    struct err own;
    int64_t hold_id;
    struct ending end;
    nano_t *remaining; /* the waiter's; NULL: nobody asks */
    bool noted;        /* the periods' figures have it as one that stays behind */
};

static int check_open(struct book *b, const struct hold *h, const struct settle_op *s,
                      struct err *e)
{
    if (hold_check_end(h, s->hold_id, s->end.state, e) != 0)
        return -1;
    for (int i = 0; i < ATS; i++) {
        const struct period *p = h->at[i] ? book_period(b, h->at[i]) : NULL;

        if (h->at[i] && !p)
            return -1;
        if (p && p->now.spent > SPENT_MAX)
            return err_set(e, ERR_LIMIT, "the amount spent by a budget is out of range");
    }
    return 0;
}

static void note(struct book *b, struct settle_op *s, bool noted)
{
    const struct hold *h = holds_find(&b->holds, s->hold_id);

    if (!h || s->noted == noted)
        return;
    book_note(b, h, cost_of(h, &s->end), noted ? 1 : -1);
    s->noted = noted;
}

void settle_note(struct ledger *base, struct op *op)
{
    note(&sqlite_of(base)->book, MAP_OWNER(op, struct settle_op, op), true);
}

static int run_settle(struct ledger *base, struct op *op, struct err *e)
{
    struct sqlite_ledger *l = sqlite_of(base);
    struct settle_op *s = MAP_OWNER(op, struct settle_op, op);
    struct hold *h = holds_find(&l->book.holds, s->hold_id);

    note(&l->book, s, false);
    if (check_open(&l->book, h, s, e) != 0)
        return -1;
    if (settle_hold(&l->book, h, &s->end) != 0)
        return -1;
    if (op->waiter && s->remaining)
        return reserve_remaining(l, &h->r, s->end.now_ms, s->remaining);
    return 0;
}

static void release(struct op *op)
{
    free(MAP_OWNER(op, struct settle_op, op));
}

int sqlite_settle(struct ledger *base, const struct settlement *s, bool wait, nano_t *remaining,
                  struct err *e)
{
    struct settle_op *o = writer_room(base, sizeof *o);
    nano_t left = -1;
    int rc;

    if (!o)
        return err_set(e, ERR_IO, "the ledger cannot write");
    o->op.release = release;
    o->op.run = run_settle;
    o->op.settlement = o->op.behind = true;
    o->op.own = &o->own;
    o->hold_id = s->hold_id;
    ending_of(s, &o->end);
    if (!wait) {
        writer_queue(base, &o->op);
        return 0;
    }
    o->remaining = &left;
    rc = writer_do(base, &o->op, e);
    if (rc == 0 && remaining)
        *remaining = left;
    return rc;
}
