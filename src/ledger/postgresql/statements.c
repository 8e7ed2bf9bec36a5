/* SPDX-License-Identifier: MIT */
#include "ledger/postgresql/statements.h"

/* ---- asking ---- */

/*
 * Whatever happens to us, nobody waits for our locks for long; and not for our flush either: the
 * group's own commit is not waited for: `flush` is. Plans last, and are made when the tables are
 * small, so they use the indexes from the start.
 */
static const char settings[] =
    "SELECT set_config('lock_timeout', '5000', true),"
    " set_config('statement_timeout', '10000', true),"
    " set_config('idle_in_transaction_session_timeout', '10000', true),"
    " set_config('synchronous_commit', 'off', true), set_config('enable_seqscan', 'off', true)";

static const char share_lease[] =
    "SELECT 1 FROM tokencap.daemon WHERE id = $1::bigint AND ended IS NULL FOR SHARE";

/*
 * The lock on a budget is the lock on all of its periods. The outer query tests nothing but ids,
 * which never change, so no row is lost when it has to wait for another transaction: what was
 * deleted meanwhile comes with the time of its deletion.
 */
#define WANTED                                                                                     \
    "SELECT b.id FROM unnest($1::bigint[], $2::text[]) w(scope, key) JOIN tokencap.budget b"       \
    " ON b.scope = w.scope AND b.key = w.key AND b.deleted = 0"                                    \
    " UNION SELECT p.budget FROM tokencap.period p WHERE p.id = ANY($3::bigint[])"
static const char lock_budgets[] =
    "SELECT id, scope, key, cap, per_request, period_kind, period_days, zone, enforcement,"
    " predictor, alerts, alert_url, period, deleted FROM tokencap.budget"
    " WHERE id = ANY(ARRAY(" WANTED ")) ORDER BY id FOR UPDATE";
static const char lock_periods[] =
    "SELECT id, budget, start, \"end\", spent, held, likely FROM tokencap.period"
    " WHERE id = ANY(ARRAY(SELECT b.period FROM tokencap.budget b WHERE b.id = ANY(ARRAY(" WANTED
    ")) UNION SELECT unnest($3::bigint[]))) ORDER BY id FOR UPDATE";
static const char lock_holds[] =
    "SELECT id FROM tokencap.hold WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE";
static const char find_ends[] =
    "SELECT id, state FROM tokencap.usage WHERE id = ANY($1::bigint[])"
    " UNION ALL SELECT id, 2 FROM tokencap.voided WHERE id = ANY($1::bigint[]) ORDER BY 1";
static const char find_requests[] =
    "SELECT request, daemon, id, amount, estimate, strict, output, at1, at2, at3, at4"
    " FROM tokencap.hold"
    " WHERE request = ANY($1::text[])";
static const char take_numbers[] =
    "SELECT nextval('tokencap.event') FROM generate_series(1, $1::bigint)";

/*
 * ---- telling ----
 *
 * A statement a table, of rows of arrays that unnest() makes rows of.
 */

static const char set_budgets[] =
    "UPDATE tokencap.budget b SET cap = x.cap, per_request = x.per_request,"
    " period_kind = x.period_kind, period_days = x.period_days, zone = x.zone,"
    " enforcement = x.enforcement, predictor = x.predictor, alerts = x.alerts,"
    " alert_url = x.alert_url, period = x.period, deleted = x.deleted"
    " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],"
    " $6::text[], $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::bigint[],"
    " $12::bigint[]) x(id, cap, per_request, period_kind, period_days, zone, enforcement,"
    " predictor, alerts, alert_url, period, deleted) WHERE b.id = x.id";
static const char add_budgets[] =
    "INSERT INTO tokencap.budget(id, cap, per_request, period_kind, period_days, zone,"
    " enforcement, predictor, alerts, alert_url, period, deleted, scope, key)"
    " SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],"
    " $6::text[], $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::bigint[],"
    " $12::bigint[], $13::bigint[], $14::text[])";
static const char set_periods[] =
    "UPDATE tokencap.period p SET \"end\" = x.e, spent = x.spent, held = x.held,"
    " likely = x.likely FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[],"
    " $5::bigint[]) x(id, e, spent, held, likely) WHERE p.id = x.id";
static const char add_periods[] =
    "INSERT INTO tokencap.period(id, \"end\", spent, held, likely, budget, start)"
    " SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],"
    " $6::bigint[], $7::bigint[])";
static const char add_caps[] =
    "INSERT INTO tokencap.period_cap SELECT * FROM unnest($1::bigint[], $2::bigint[],"
    " $3::bigint[])";
static const char end_holds[] = "DELETE FROM tokencap.hold WHERE id = ANY($1::bigint[])";
static const char add_holds[] =
    "INSERT INTO tokencap.hold SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[],"
    " $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],"
    " $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[],"
    " $16::bigint[], $17::bigint[], $18::bigint[])";
static const char add_usage[] =
    "INSERT INTO tokencap.usage SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[],"
    " $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],"
    " $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[],"
    " $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::bigint[],"
    " $22::bigint[], $23::bigint[], $24::bigint[], $25::bigint[], $26::bigint[], $27::bigint[],"
    " $28::bigint[], $29::bigint[], $30::bigint[], $31::bigint[], $32::bigint[], $33::bigint[],"
    " $34::bigint[], $35::bigint[], $36::bigint[], $37::bigint[])";
static const char add_voided[] =
    "INSERT INTO tokencap.voided SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[],"
    " $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])";

/* One statement, so that the arrays become rows once. In series three views: by model, by project,
 * and by model within a project. */
#define DAILY                                                                                      \
    "INSERT INTO tokencap.daily SELECT project, created / 86400000, model, count(*),"              \
    " sum(input)::bigint, sum(output)::bigint, sum(cost)::bigint, min(id), max(id) FROM u"         \
    " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 ON CONFLICT (project, day, model) DO UPDATE SET"           \
    " requests = daily.requests + excluded.requests, input = daily.input + excluded.input,"        \
    " output = daily.output + excluded.output, cost = daily.cost + excluded.cost,"                 \
    " first = least(daily.first, excluded.first), last = greatest(daily.last, excluded.last)"
#define TOTAL                                                                                      \
    "INSERT INTO tokencap.total SELECT project, count(*), sum(input)::bigint,"                     \
    " sum(output)::bigint, sum(cost)::bigint FROM u GROUP BY 1 ORDER BY 1"                         \
    " ON CONFLICT (project) DO UPDATE SET requests = total.requests + excluded.requests,"          \
    " input = total.input + excluded.input, output = total.output + excluded.output,"              \
    " cost = total.cost + excluded.cost"
static const char add_sums[] =
    "WITH u AS (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[],"
    " $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[],"
    " $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[])"
    " u(id, project, created, model, estimated, input, output, cached, written, reasoning,"
    " duration, streams, ttft, cost, predicted, saved)), d AS (" DAILY "), t AS (" TOTAL ")"
    " INSERT INTO tokencap.series AS s SELECT created / 3600000, v.view, v.key, count(*),"
    " sum(estimated)::bigint, sum(input)::bigint, sum(output)::bigint, sum(cached)::bigint,"
    " sum(written)::bigint, sum(reasoning)::bigint, sum(duration)::bigint, sum(streams)::bigint,"
    " sum(ttft)::bigint, sum(cost)::bigint, sum(predicted)::bigint, sum(saved)::bigint, min(id),"
    " max(id) FROM u"
    " CROSS JOIN LATERAL (VALUES (0::bigint, model), (-1::bigint, project), (project, model))"
    " v(view, key) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3" ADD_TO_SERIES;

static const char add_overrun[] = "UPDATE tokencap.ledger SET overrun = overrun + $1::bigint";

/*
 * A group's commit gives its locks free before it is on disk, so that the next daemon's group need
 * not wait for the flush. This one, sent with it, is waited for instead: the log is written in
 * order, so it takes the group along, and whatever of others' the group has seen.
 */
static const char flush[] =
    "SELECT setval('tokencap.flush', 1), CASE WHEN current_setting('synchronous_commit') = 'off'"
    " THEN set_config('synchronous_commit', 'on', true) END";

const char *const group_statements[STATEMENTS] = {
    [SETTINGS] = settings,           [SHARE_LEASE] = share_lease,
    [LOCK_BUDGETS] = lock_budgets,   [LOCK_PERIODS] = lock_periods,
    [LOCK_HOLDS] = lock_holds,       [FIND_ENDS] = find_ends,
    [FIND_REQUESTS] = find_requests, [TAKE_NUMBERS] = take_numbers,
    [SET_BUDGETS] = set_budgets,     [ADD_BUDGETS] = add_budgets,
    [SET_PERIODS] = set_periods,     [ADD_PERIODS] = add_periods,
    [ADD_CAPS] = add_caps,           [END_HOLDS] = end_holds,
    [ADD_HOLDS] = add_holds,         [ADD_USAGE] = add_usage,
    [ADD_VOIDED] = add_voided,       [ADD_SUMS] = add_sums,
    [ADD_OVERRUN] = add_overrun,     [FLUSH] = flush,
};

int pg_make_durable(struct pq *q, struct err *e)
{
    PQclear(pq_query(q, group_statements[FLUSH], ""));
    return q->failed ? pq_error(q, e) : 0;
}
