/* SPDX-License-Identifier: MIT */
#include "ledger/copy.h"

#include "ledger/engine.h"

#define I7  "iiiiiii"
#define I34 I7 I7 I7 I7 "iiiiii"

const struct copy_shape copy_shapes[COPY_TABLES] = {
    [COPY_LEDGER] = {"ledger", "one, overrun, provable_from, archived_overrun", "iiii"},
    [COPY_NAME] = {"name", "id, text", "it"},
    [COPY_BUDGET] = {"budget",
                     "id, scope, key, cap, per_request, period_kind, period_days, zone,"
                     " enforcement, predictor, alerts, alert_url, period, deleted",
                     "iitiiiitiittii"},
    [COPY_PERIOD] = {"period", "id, budget, start, \"end\", spent, held, archived", I7},
    [COPY_CAP] = {"period_cap", "period, seq, cap", "iii"},
    [COPY_TOTAL] = {"total", "project, requests, input, output, cost", "iiiii"},
    [COPY_DAILY] = {"daily", "project, day, model, requests, input, output, cost, first, last",
                    I7 "ii"},
    [COPY_ARCHIVE] = {"archive", "project, day, model, requests, input, output, cost", I7},
    [COPY_SERIES] = {"series",
                     "hour, view, key, requests, estimated, input, output, cached, written,"
                     " reasoning, duration, streams, ttft, cost, predicted, saved, first, last",
                     I7 I7 "iiii"},
    [COPY_ALERT] = {"alert",
                    "id, scope, key, period, threshold, created, state, tries, next, url, body",
                    "titiiiiiitt"},
    [COPY_TOKEN] = {"token", "id, digest, project, models, label, created, expires, revoked",
                    "ibtttiii"},
    [COPY_STATE] = {"state", "key, value", "tb"},
    [COPY_VOIDED] = {"voided", "id, lag, amount, at1, at2, at3, at4", I7},
    [COPY_USAGE] = {"usage",
                    "id, request, project, token, provider, endpoint, model, at1, at2, at3, at4,"
                    " lag, state, strict, streamed, status, amount, estimate, cost, input, output,"
                    " t0, t1, t2, t3, t4, t5, t6, t7, t8, reasoning, version, rule, confidence,"
                    " created, duration, ttft",
                    "it" I34 "i"},
};

int ledger_copy(const char *from, const char *to, const struct onlooker *o, struct buf *summary,
                struct err *e)
{
    const struct ledger_engine *source, *target;
    const char *from_where, *to_where;
    struct copy_source *rows;
    int rc;

    if (ledger_engine_of(from, &source, &from_where, e) != 0 ||
        ledger_engine_of(to, &target, &to_where, e) != 0)
        return -1;
    if (!source->copy_from || !target->copy_to)
        return err_set(e, ERR_USAGE,
                       "a ledger is copied from SQLite to PostgreSQL: ledger copy sqlite:PATH "
                       "postgresql://HOST/DATABASE");
    if (source->copy_from(from_where, &rows, e) != 0)
        return -1;
    rc = target->copy_to(to_where, rows, o, summary, e);
    rows->close(rows);
    return rc;
}
