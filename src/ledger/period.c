/* SPDX-License-Identifier: MIT */
#include "ledger/period.h"

#include <time.h>

#include "base/log.h"
#include "ledger/tz.h"

#define DAY_MS   INT64_C(86400000)
#define DAYS_MAX 36500

int period_check(const struct period_rule *r, struct err *e)
{
    struct tz z;

    if (r->kind < PERIOD_NONE || r->kind > PERIOD_MONTH)
        return err_set(e, ERR_INVALID, "period: must be day, week or month");
    if (r->kind == PERIOD_DAYS && (r->days < 1 || r->days > DAYS_MAX))
        return err_set(e, ERR_INVALID, "periodDays: must be 1 to %d", DAYS_MAX);
    if (r->kind <= PERIOD_DAYS)
        return 0;
    if (tz_load(r->zone, &z, e) != 0)
        return -1;
    tz_finish(&z);
    return 0;
}

/* Boundary number `n` from the calendar period in which the local date `tm` lies. */
static int64_t boundary(const struct period_rule *r, const struct tz *z, const struct tm *tm, int n)
{
    int year = tm->tm_year + 1900, month = tm->tm_mon + 1, day = tm->tm_mday;

    switch (r->kind) {
    case PERIOD_MONTH:
        month += n;
        day = 1;
        break;
    case PERIOD_WEEK:
        day += 7 * n - (tm->tm_wday + 6) % 7;
        break;
    default:
        day += n;
    }
    return tz_day_start(z, year, month, day) * 1000;
}

static struct period_span calendar(const struct period_rule *r, const struct tz *z, int64_t now)
{
    time_t local = (time_t)(now / 1000 + tz_offset(z, now / 1000));
    struct period_span p;
    struct tm tm;
    int n = 0;

    gmtime_r(&local, &tm);
    p.end = boundary(r, z, &tm, 0);
    do { /* more than once only where clocks are set back across a midnight */
        p.start = p.end;
        p.end = boundary(r, z, &tm, ++n);
    } while (p.end <= now);
    return p;
}

static struct period_span rolling(const struct period_rule *r, int64_t anchor, int64_t now)
{
    int64_t length = r->days * DAY_MS, start = anchor + (now - anchor) / length * length;

    return (struct period_span){start, start + length};
}

/* The cell of the rule's grid in which `now` lies; anchor <= now. */
static int cell(const struct period_rule *r, int64_t anchor, int64_t now, struct period_span *out,
                struct err *e)
{
    struct tz z;

    if (r->kind == PERIOD_NONE) {
        *out = (struct period_span){anchor, 0};
        return 0;
    }
    if (r->kind == PERIOD_DAYS) {
        *out = rolling(r, anchor, now);
        return 0;
    }
    if (tz_load(r->zone, &z, e) != 0)
        return -1;
    *out = calendar(r, &z, now);
    tz_finish(&z);
    return 0;
}

int period_end(const struct period_rule *r, int64_t start, int64_t now, int64_t *out, struct err *e)
{
    struct period_span p;

    if (cell(r, start, now > start ? now : start, &p, e) != 0)
        return -1;
    *out = p.end;
    return 0;
}

int period_first(const struct period_rule *r, int64_t now, struct period_span *out, struct err *e)
{
    int64_t end;

    if (period_end(r, now, now, &end, e) != 0)
        return -1;
    *out = (struct period_span){now, end};
    return 0;
}

bool period_over(struct period_span p, int64_t now)
{
    return p.end != 0 && now >= p.end;
}

struct period_span period_after(const struct period_rule *r, struct period_span p, int64_t now)
{
    struct period_rule utc = {r->kind, r->days, ""};
    struct period_span next = {now, 0};
    struct err e;

    if (cell(r, p.end, now, &next, &e) != 0) {
        log_warn("%s; its budget goes by UTC until the zone is back", e.msg);
        if (cell(&utc, p.end, now, &next, &e) != 0)
            return next; /* cannot be: UTC needs no file */
    }
    if (next.start < p.end)
        next.start = p.end;
    return next;
}
