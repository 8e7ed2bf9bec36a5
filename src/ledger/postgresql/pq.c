/* SPDX-License-Identifier: MIT */
#include "ledger/postgresql/pq.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/clock.h"

#define ARGS_MAX    64
#define UNPREPARED  "26000"
#define PREPARED    "42P05"
#define PATIENCE_MS 15000 /* for one answer; longer than the server waits for a lock */
#define LOOK_MS     100   /* between two looks at who watches long work */

/* ---- failures ---- */

/* By SQLSTATE, or its class. What is not here is the statement's own fault. */
static const struct {
    const char *state;
    enum pq_failure failure;
} failures[] = {
    {"40001", PQ_AGAIN},    {"40P01", PQ_AGAIN},  {"40003", PQ_LOST},  {"23505", PQ_AGAIN},
    {"08", PQ_LOST},        {"57P01", PQ_LOST},   {"57P02", PQ_LOST},  {"57P03", PQ_LOST},
    {"57P05", PQ_LOST},     {"25P03", PQ_LOST},   {"55P03", PQ_BUSY},  {"57014", PQ_BUSY},
    {"53", PQ_BUSY},        {"25006", PQ_BUSY},   {"58", PQ_BUSY},     {"42501", PQ_FATAL},
    {"42P01", PQ_FATAL},    {"42703", PQ_FATAL},  {"3F000", PQ_FATAL}, {"3D000", PQ_FATAL},
    {UNPREPARED, PQ_AGAIN}, {PREPARED, PQ_AGAIN},
};

static enum pq_failure failure_of(const char *state)
{
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
        if (strncmp(state, failures[i].state, strlen(failures[i].state)) == 0)
            return failures[i].failure;
    return PQ_FAULT;
}

/* One line of what libpq said. */
static void first_line(char *to, size_t size, const char *from)
{
    size_t n = strcspn(from, "\n");

    snprintf(to, size, "%.*s", (int)(n < size ? n : size - 1), from);
}

void pq_fail(struct pq *q, enum pq_failure f, const char *why)
{
    if (q->failed)
        return;
    q->failed = f;
    first_line(q->why, sizeof q->why, why);
}

static void fail_by(struct pq *q, const PGresult *res)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    const char *said = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

    if (q->failed)
        return;
    if (!state || PQstatus(q->conn) == CONNECTION_BAD) {
        pq_fail(q, PQ_LOST, PQresultErrorMessage(res));
        return;
    }
    snprintf(q->state, sizeof q->state, "%s", state);
    if (strcmp(state, UNPREPARED) == 0)
        q->way = KEPT_PREPARE;
    if (strcmp(state, PREPARED) == 0)
        q->way = KEPT_PLAIN;
    pq_fail(q, failure_of(state), said ? said : state);
}

void pq_forget(struct pq *q)
{
    q->failed = PQ_FINE;
    q->state[0] = q->why[0] = '\0';
}

#undef pq_error
int pq_error(const struct pq *q, struct err *e)
{
    static const enum err_code codes[] = {
        [PQ_FINE] = ERR_INTERNAL, [PQ_LOST] = ERR_BUSY,   [PQ_AGAIN] = ERR_BUSY,
        [PQ_BUSY] = ERR_BUSY,     [PQ_FAULT] = ERR_LIMIT, [PQ_FATAL] = ERR_IO,
    };

    if (q->failed == PQ_LOST)
        return err_set(e, ERR_BUSY, "the ledger's database cannot be reached: %s", q->why);
    return err_set(e, codes[q->failed], "the ledger's database says: %s", q->why);
}

/* ---- connecting ---- */

static void ignore_notice(void *ctx, const PGresult *res)
{
    (void)ctx;
    (void)res;
}

bool pq_connected(const struct pq *q)
{
    return q->conn && PQstatus(q->conn) == CONNECTION_OK;
}

void pq_close(struct pq *q)
{
    PQfinish(q->conn);
    q->conn = NULL;
    q->asked = 0;
}

/* The address cannot mean anything, so that nobody was asked. libpq has no code for that. */
static bool is_nonsense(const char *dsn, const char *said)
{
    PQconninfoOption *parsed = PQconninfoParse(dsn, NULL);

    PQconninfoFree(parsed);
    return !parsed || strncmp(said, "invalid ", 8) == 0;
}

static int not_connected(struct pq *q, struct err *e)
{
    bool nonsense = q->conn && is_nonsense(q->dsn, PQerrorMessage(q->conn));

    pq_fail(q, PQ_LOST, q->conn ? PQerrorMessage(q->conn) : "no memory");
    pq_close(q);
    return nonsense ? err_set(e, ERR_USAGE, "the ledger's address: %s", q->why) : pq_error(q, e);
}

int pq_connect(struct pq *q, int timeout_s, struct err *e)
{
    char timeout[16];
    const char *const keys[] = {
        "connect_timeout",  "keepalives_idle",           "keepalives_interval",
        "keepalives_count", "tcp_user_timeout",          "password", "dbname",
        "client_encoding",  "fallback_application_name", NULL};
    const char *const values[] = {timeout, "5",    "2",        "3", "10000", q->password,
                                  q->dsn,  "UTF8", "tokencap", NULL};

    pq_close(q);
    pq_forget(q);
    q->way = KEPT_PREPARE;
    snprintf(timeout, sizeof timeout, "%d", timeout_s);
    q->conn = PQconnectdbParams(keys, values, 1);
    if (!pq_connected(q))
        return not_connected(q, e);
    PQsetNoticeReceiver(q->conn, ignore_notice, NULL);
    if (PQsetnonblocking(q->conn, 1) != 0 || PQenterPipelineMode(q->conn) != 1) {
        pq_close(q);
        return err_set(e, ERR_IO, "libpq cannot enter pipeline mode");
    }
    return 0;
}

/* ---- asking ---- */

#define NOT_KEPT  (-1)
#define NAME_SIZE 40

/* The same in every daemon that keeps the same statements, and in no other. */
static const char *name_of(const struct pq *q, int kept, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "tokencap_%016" PRIx64 "_%d", q->kept_hash, kept);
    return name;
}

static int send_one(struct pq *q, const char *sql, int kept, int n, const char *const *texts)
{
    char name[NAME_SIZE];

    if (kept == NOT_KEPT || q->plain)
        return PQsendQueryParams(q->conn, sql, n, NULL, texts, NULL, NULL, 0);
    return PQsendQueryPrepared(q->conn, name_of(q, kept, name), n, texts, NULL, NULL, 0);
}

/* Whether anything can be asked; if not, why is remembered. */
static bool may_ask(struct pq *q)
{
    if (!q->failed && !q->conn)
        pq_fail(q, PQ_LOST, "not connected");
    return !q->failed;
}

static void asked(struct pq *q, int sent)
{
    if (sent == 1)
        q->asked++;
    else
        pq_fail(q, PQ_LOST, PQerrorMessage(q->conn));
}

void pq_ask_texts(struct pq *q, const char *sql, int n, const char *const *texts)
{
    if (may_ask(q))
        asked(q, send_one(q, sql, NOT_KEPT, n, texts));
}

void pq_ask_kept_texts(struct pq *q, int kept, int n, const char *const *texts)
{
    if (may_ask(q))
        asked(q, send_one(q, q->kept[kept], kept, n, texts));
}

static void ask(struct pq *q, const char *sql, int kept, const char *types, va_list ap)
{
    char numbers[ARGS_MAX][24];
    const char *texts[ARGS_MAX];
    int n = 0;

    for (; n < ARGS_MAX && types[n]; n++) {
        if (types[n] == 'i') {
            snprintf(numbers[n], sizeof numbers[n], "%" PRId64, va_arg(ap, int64_t));
            texts[n] = numbers[n];
        } else if (types[n] == 'a') {
            const struct buf *b = va_arg(ap, const struct buf *);

            if (b->failed)
                pq_fail(q, PQ_BUSY, "no memory");
            texts[n] = b->n ? b->p : "";
        } else {
            texts[n] = va_arg(ap, const char *);
        }
    }
    if (may_ask(q))
        asked(q, send_one(q, sql, kept, n, texts));
}

void pq_ask(struct pq *q, const char *sql, const char *types, ...)
{
    va_list ap;

    va_start(ap, types);
    ask(q, sql, NOT_KEPT, types, ap);
    va_end(ap);
}

void pq_ask_kept(struct pq *q, int kept, const char *types, ...)
{
    va_list ap;

    va_start(ap, types);
    ask(q, q->kept[kept], kept, types, ap);
    va_end(ap);
}

void pq_keep(struct pq *q, const char *const *statements, int n)
{
    q->kept = statements;
    q->nkept = n;
    q->kept_hash = 0;
    for (int i = 0; i < n; i++)
        q->kept_hash = XXH3_64bits_withSeed(statements[i], strlen(statements[i]), q->kept_hash);
}

/*
 * Whether this session has them is not known behind a pooler: it is believed, until the server says
 * that it does not (then they are prepared), or that it has (then once without).
 */
int pq_ask_to_keep(struct pq *q)
{
    enum kept_way way = q->way;
    char name[NAME_SIZE];

    q->way = KEPT_NAMED;
    q->plain = way == KEPT_PLAIN;
    if (way != KEPT_PREPARE)
        return 0;
    for (int i = 0; i < q->nkept && may_ask(q); i++)
        asked(q, PQsendPrepare(q->conn, name_of(q, i, name), q->kept[i], 0, NULL));
    return q->nkept;
}

void pq_send(struct pq *q)
{
    if (!q->asked)
        return;
    if (q->failed) { /* half a group must not be sent */
        pq_close(q);
        return;
    }
    if (PQpipelineSync(q->conn) != 1) {
        pq_fail(q, PQ_LOST, PQerrorMessage(q->conn));
        return;
    }
    q->asked++;
}

/* ---- answers ---- */

/* The server need not finish what nobody waits for. */
static void cancel(struct pq *q)
{
    PGcancel *c = PQgetCancel(q->conn);
    char why[256];

    if (c)
        PQcancel(c, why, sizeof why);
    PQfreeCancel(c);
}

/* How long to wait now, by when the patience ends; 0: it has. */
static int patience(struct pq *q, int64_t until_ms)
{
    int64_t left = until_ms - clock_mono_ns() / 1000000;

    if (q->watched && !watched_still(q->watched)) {
        cancel(q);
        pq_fail(q, PQ_BUSY, "stopped");
        return 0;
    }
    if (q->watched)
        return LOOK_MS;
    if (left <= 0)
        pq_fail(q, PQ_LOST, "no answer in time");
    return left > 0 ? (int)left : 0;
}

/* Until an answer is there, sending what is still to be sent meanwhile. */
static int wait_answer(struct pq *q)
{
    int64_t until = clock_mono_ns() / 1000000 + PATIENCE_MS;

    while (PQisBusy(q->conn)) {
        int unsent = PQflush(q->conn);
        struct pollfd fd = {PQsocket(q->conn), (short)(POLLIN | (unsent > 0 ? POLLOUT : 0)), 0};
        int left = patience(q, until);

        if (unsent < 0 || left == 0)
            return -1;
        if (poll(&fd, 1, left) < 0 && errno != EINTR)
            return -1;
        if (PQconsumeInput(q->conn) != 1)
            return -1;
    }
    return 0;
}

/* After which the connection is of no use. */
static PGresult *lose(struct pq *q)
{
    pq_fail(q, PQ_LOST, q->conn ? PQerrorMessage(q->conn) : "not connected");
    pq_close(q);
    return NULL;
}

/* The next answer of any kind; an ordinary one is followed by a NULL. */
static PGresult *next_answer(struct pq *q)
{
    PGresult *res, *end;

    if (wait_answer(q) != 0 || !(res = PQgetResult(q->conn)))
        return lose(q);
    q->asked--;
    if (PQresultStatus(res) == PGRES_PIPELINE_SYNC)
        return res;
    if (wait_answer(q) != 0) {
        PQclear(res);
        return lose(q);
    }
    end = PQgetResult(q->conn);
    PQclear(end);
    return res;
}

PGresult *pq_take(struct pq *q)
{
    PGresult *res;

    if (q->failed || !q->conn)
        return NULL;
    res = next_answer(q);
    if (!res)
        return NULL;
    switch (PQresultStatus(res)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        return res;
    case PGRES_PIPELINE_ABORTED: /* one before it has failed */
        break;
    default:
        fail_by(q, res);
    }
    PQclear(res);
    if (q->failed == PQ_LOST)
        pq_close(q);
    return NULL;
}

int pq_end(struct pq *q)
{
    while (q->conn && q->asked > 0) {
        PGresult *res = next_answer(q);

        if (res && PQresultStatus(res) == PGRES_FATAL_ERROR)
            fail_by(q, res);
        PQclear(res);
        if (q->failed == PQ_LOST)
            pq_close(q);
    }
    return q->failed ? -1 : 0;
}

PGresult *pq_query(struct pq *q, const char *sql, const char *types, ...)
{
    PGresult *res;
    va_list ap;

    va_start(ap, types);
    ask(q, sql, NOT_KEPT, types, ap);
    va_end(ap);
    pq_send(q);
    res = pq_take(q);
    if (pq_end(q) == 0)
        return res;
    PQclear(res);
    return NULL;
}

void pq_rollback(struct pq *q)
{
    struct pq before = *q;

    if (!pq_connected(q) || PQtransactionStatus(q->conn) == PQTRANS_IDLE)
        return;
    pq_forget(q);
    PQclear(pq_query(q, "ROLLBACK", ""));
    if (pq_connected(q)) {
        q->failed = before.failed;
        memcpy(q->state, before.state, sizeof q->state);
        memcpy(q->why, before.why, sizeof q->why);
    }
}

/* ---- values ---- */

int64_t pq_int(const PGresult *res, int r, int c)
{
    return strtoll(PQgetvalue(res, r, c), NULL, 10);
}

void pq_copy(char *to, size_t size, const PGresult *res, int r, int c)
{
    snprintf(to, size, "%s", PQgetvalue(res, r, c));
}

void array_open(struct buf *b)
{
    buf_char(b, '{');
}

static void next_element(struct buf *b)
{
    if (b->n > 1)
        buf_char(b, ',');
}

void array_int(struct buf *b, int64_t v)
{
    char text[23], *to = text;

    if (b->n > 1)
        *to++ = ',';
    if (v < 0)
        *to++ = '-';
    to = str_decimal(to, v < 0 ? -(uint64_t)v : (uint64_t)v, 1);
    buf_add(b, text, (size_t)(to - text));
}

void array_text(struct buf *b, struct span s)
{
    size_t from = 0;

    next_element(b);
    buf_char(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '"' && s.p[i] != '\\')
            continue;
        buf_add(b, s.p + from, i - from);
        buf_char(b, '\\');
        from = i;
    }
    buf_add(b, s.p + from, s.n - from);
    buf_char(b, '"');
}

void array_bytes(struct buf *b, struct span s)
{
    next_element(b);
    buf_str(b, "\"\\\\x");
    for (size_t i = 0; i < s.n; i++)
        buf_printf(b, "%02x", (unsigned char)s.p[i]);
    buf_char(b, '"');
}

void array_close(struct buf *b)
{
    buf_char(b, '}');
}
