/* SPDX-License-Identifier: MIT */
#include "ledger/sqlite/verify.h"

#include <stdio.h>
#include <string.h>

#include "ledger/sqlite/engine.h"
#include "ledger/sqlite/schema.h"
#include "ledger/sqlite/watched.h"

#define BUSY_MS       5000
#define PROGRESS_STEP 65536

static const char counters[] = "SELECT seq, overrun, archived_overrun FROM ledger";
static const char all_periods[] = "SELECT id, spent, held, archived FROM period ORDER BY id";
static const char all_caps[] = "SELECT period, seq, cap FROM period_cap ORDER BY period, seq";
static const char start_at[] = "SELECT provable_from FROM ledger";
static const char ended[] =
    "SELECT id, id + lag, amount, cost, at1, at2, at3, at4, project, created / 86400000, model,"
    " t0 + t1 + t2 + t3 + t4 + t5 + t6, t7 + t8, state, strict,"
    " min(t0, t1, t2, t3, t4, t5, t6, t7, t8, reasoning, amount, cost, estimate) FROM usage"
    " ORDER BY id";
static const char voided[] = "SELECT id, id + lag, amount, 0, at1, at2, at3, at4 FROM voided"
                             " ORDER BY id";
static const char open_holds[] =
    "SELECT id, 0, amount, 0, at1, at2, at3, at4 FROM hold ORDER BY id";

/* Each finds the id of what is wrong. */
static const struct {
    const char *sql, *what;
} structure[] = {
    {"SELECT id FROM budget b WHERE NOT EXISTS"
     " (SELECT 1 FROM period p WHERE p.id = b.period AND p.budget = b.id) LIMIT 1",
     "budget %lld has no running period"},
    {"SELECT id FROM period p WHERE NOT EXISTS"
     " (SELECT 1 FROM budget b WHERE b.id = p.budget) LIMIT 1",
     "period %lld belongs to no budget"},
    {"SELECT id FROM period p WHERE NOT EXISTS"
     " (SELECT 1 FROM period_cap c WHERE c.period = p.id) LIMIT 1",
     "period %lld has no limit on record"},
    {"SELECT id FROM period WHERE spent < 0 OR held < 0 OR archived < 0 OR archived > spent"
     " OR (end <> 0 AND end < start) LIMIT 1",
     "period %lld has impossible figures"},
    {"SELECT b.id FROM budget b JOIN period_cap c ON c.period = b.period"
     " WHERE c.seq = (SELECT max(seq) FROM period_cap WHERE period = b.period) AND c.cap <> b.cap"
     " LIMIT 1",
     "the limit of budget %lld is not the one on record"},
    {"SELECT id FROM period p WHERE id > (SELECT ids FROM ledger) LIMIT 1",
     "period %lld has an id that was never given"},
    {"SELECT v.column1 FROM (VALUES(0), (1), (2)) v"
     " WHERE (SELECT ifnull(sum(cost), 0) || ' ' || ifnull(sum(requests), 0) FROM series s"
     " WHERE v.column1 = CASE s.view WHEN 0 THEN 0 WHEN -1 THEN 1 ELSE 2 END)"
     " <> (SELECT ifnull(sum(cost), 0) || ' ' || ifnull(sum(requests), 0) FROM total) LIMIT 1",
     "the hourly sums (view %lld) are not those of the totals"},
};

enum source { FROM_USAGE, FROM_VOIDED, FROM_HOLD, SOURCES };

struct stream {
    sqlite3_stmt *st;
    bool more;
    struct event ev;
};

struct proof {
    struct db db;
    struct replay replay;
    struct sums sums;
    struct stream streams[SOURCES];
    int64_t seq, overrun, kept_overrun;
    int64_t rows, voids, open, last_id;
    struct watched watched;
};

static int next(struct proof *p, enum source s, struct err *e)
{
    struct stream *in = &p->streams[s];
    int got = db_step(&p->db, in->st);

    if (got < 0)
        return db_error(&p->db, e);
    in->more = got > 0;
    if (!in->more)
        return 0;
    in->ev.id = sqlite3_column_int64(in->st, 0);
    in->ev.end = s == FROM_HOLD ? INT64_MAX : sqlite3_column_int64(in->st, 1);
    in->ev.amount = sqlite3_column_int64(in->st, 2);
    in->ev.cost = sqlite3_column_int64(in->st, 3);
    for (int i = 0; i < ATS; i++)
        in->ev.at[i] = sqlite3_column_int64(in->st, 4 + i);
    return 0;
}

static int check_usage(struct proof *p, struct err *e)
{
    const struct event *ev = &p->streams[FROM_USAGE].ev;
    sqlite3_stmt *st = p->streams[FROM_USAGE].st;
    int state = sqlite3_column_int(st, 13);
    struct rollup_row row = {
        .project = sqlite3_column_int64(st, 8),
        .day = sqlite3_column_int64(st, 9),
        .model = sqlite3_column_int64(st, 10),
        .sum = {1, sqlite3_column_int64(st, 11), sqlite3_column_int64(st, 12), ev->cost},
        .first = ev->id,
        .last = ev->id,
    };

    p->rows++;
    if (sqlite3_column_int64(st, 15) < 0)
        return err_set(e, ERR_CORRUPT, "usage row %lld has a negative figure", (long long)ev->id);
    if (state != HOLD_SETTLED && state != HOLD_ESTIMATED && state != HOLD_INTERRUPTED)
        return err_set(e, ERR_CORRUPT, "usage row %lld has the state %d", (long long)ev->id, state);
    if (sqlite3_column_int(st, 14) && ev->cost > ev->amount)
        p->overrun += ev->cost - ev->amount;
    return sums_add(&p->sums, &row, e);
}

static int check_event(struct proof *p, enum source s, struct err *e)
{
    const struct event *ev = &p->streams[s].ev;

    if (ev->id == p->last_id)
        return err_set(e, ERR_CORRUPT, "hold %lld ended more than once, or is still open",
                       (long long)ev->id);
    p->last_id = ev->id;
    if (ev->id > p->seq || ev->end <= ev->id || (s != FROM_HOLD && ev->end > p->seq))
        return err_set(e, ERR_CORRUPT, "hold %lld is not in the order of events",
                       (long long)ev->id);
    if (ev->amount < 0)
        return err_set(e, ERR_CORRUPT, "hold %lld has a negative amount", (long long)ev->id);
    p->voids += s == FROM_VOIDED;
    p->open += s == FROM_HOLD;
    if (s == FROM_USAGE && check_usage(p, e) != 0)
        return -1;
    return replay_event(&p->replay, ev, e);
}

/* The three tables, merged by id. */
static int check_events(struct proof *p, struct err *e)
{
    int64_t n = 0;

    p->streams[FROM_USAGE].st = db_bind(&p->db, ended, "");
    p->streams[FROM_VOIDED].st = db_bind(&p->db, voided, "");
    p->streams[FROM_HOLD].st = db_bind(&p->db, open_holds, "");
    for (enum source s = 0; s < SOURCES; s++)
        if (next(p, s, e) != 0)
            return -1;
    for (;; n++) {
        enum source first = SOURCES;

        for (enum source s = 0; s < SOURCES; s++)
            if (p->streams[s].more &&
                (first == SOURCES || p->streams[s].ev.id < p->streams[first].ev.id))
                first = s;
        if (first == SOURCES)
            return 0;
        if (check_event(p, first, e) != 0 || next(p, first, e) != 0)
            return -1;
        if (n % PROGRESS_STEP == 0 && !watched_see(&p->watched, p->last_id, p->seq))
            return -1;
    }
}

static int check_structure(struct proof *p, struct err *e)
{
    int64_t id;
    bool found;

    for (size_t i = 0; i < sizeof structure / sizeof structure[0]; i++) {
        if (db_int(&p->db, &id, &found, structure[i].sql, "") != 0)
            return db_error(&p->db, e);
        if (found)
            return err_set(e, ERR_CORRUPT, structure[i].what, (long long)id);
    }
    return 0;
}

static int check_file(struct proof *p, struct err *e)
{
    sqlite3_stmt *st = db_bind(&p->db, "PRAGMA quick_check(1)", "");
    char said[256];

    if (db_step(&p->db, st) <= 0)
        return db_error(&p->db, e);
    db_copy(&p->db, said, sizeof said, st, 0);
    db_done(st);
    return strcmp(said, "ok") == 0 ? 0 : err_set(e, ERR_CORRUPT, "the file is damaged: %s", said);
}

static int load_replay(struct proof *p, struct err *e)
{
    struct db *db = &p->db;
    int rc = 0;
    bool found;
    sqlite3_stmt *st;

    if (db_int(db, &p->replay.provable_from, &found, start_at, "") != 0)
        return db_error(db, e);
    st = db_bind(db, all_periods, "");
    while (rc == 0 && db_step(db, st) > 0)
        rc = replay_period(&p->replay, sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 3),
                           sqlite3_column_int64(st, 1), sqlite3_column_int64(st, 2), e);
    db_done(st);
    st = db_bind(db, all_caps, "");
    while (rc == 0 && db_step(db, st) > 0)
        rc = replay_cap(&p->replay, sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1),
                        sqlite3_column_int64(st, 2), e);
    db_done(st);
    return rc == 0 && db->failed ? db_error(db, e) : rc;
}

static int read_counters(struct proof *p, struct err *e)
{
    sqlite3_stmt *st = db_bind(&p->db, counters, "");

    if (db_step(&p->db, st) <= 0)
        return p->db.failed ? db_error(&p->db, e)
                            : err_set(e, ERR_CORRUPT, "the ledger's own row is missing");
    p->seq = sqlite3_column_int64(st, 0);
    p->kept_overrun = sqlite3_column_int64(st, 1);
    p->overrun = sqlite3_column_int64(st, 2);
    db_done(st);
    return 0;
}

static int prove(struct proof *p, struct err *e)
{
    if (check_file(p, e) != 0 || read_counters(p, e) != 0 || check_structure(p, e) != 0 ||
        check_events(p, e) != 0 || replay_end(&p->replay, e) != 0 ||
        sums_end(&p->sums, &p->db, e) != 0)
        return -1;
    if (p->overrun != p->kept_overrun)
        return err_set(e, ERR_CORRUPT,
                       "the overrun is kept as %lld nanodollars, its rows sum to %lld",
                       (long long)p->kept_overrun, (long long)p->overrun);
    return 0;
}

static void summarise(const struct proof *p, struct buf *out)
{
    buf_printf(
        out,
        "%lld usage rows, %lld voided, %lld open holds, %zu periods; %lld admissions replayed "
        "against their limits\n",
        (long long)p->rows, (long long)p->voids, (long long)p->open, p->replay.nperiods,
        (long long)p->replay.checked);
    if (p->replay.provable_from)
        buf_printf(
            out, "rows before event %lld were compacted: their sums are checked, not their order\n",
            (long long)p->replay.provable_from);
}

static int open_proof(struct proof *p, const char *path, struct err *e)
{
    if (db_open(&p->db, path, DB_READ, BUSY_MS, e) != 0)
        return -1;
    if (db_exec(&p->db, "BEGIN") != 0)
        return db_error(&p->db, e);
    return schema_expect(&p->db, e);
}

int sqlite_verify(const char *path, const struct onlooker *o, struct buf *summary, struct err *e)
{
    struct proof p = {.last_id = 0};
    int rc = open_proof(&p, path, e);

    if (rc == 0) {
        watched_begin(&p.watched, o, &p.db);
        rc = load_replay(&p, e);
    }
    if (rc == 0)
        rc = sums_init(&p.sums, &p.db, e);
    if (rc == 0)
        rc = prove(&p, e);
    if (rc == 0)
        summarise(&p, summary);
    if (p.sums.by_key.chains)
        sums_finish(&p.sums);
    replay_finish(&p.replay);
    db_close(&p.db);
    return watched_end(&p.watched, rc, e);
}
