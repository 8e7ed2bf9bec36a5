/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_TZ_H
#define LEDGER_TZ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Time zones from the system's tz database (RFC 8536), read here because the C library knows one
 * zone a process, and changing TZ under running threads is not safe. Pure once loaded; any thread.
 * Seconds since 1970-01-01T00:00:00Z throughout.
 */

struct tz_rule {       /* the yearly rule of the file's last line, for times after its table */
    int32_t offset[2]; /* seconds east of UTC: standard, summer */
    bool summer;       /* there is a summer time */
    struct tz_change {
        char kind; /* 'M' month.week.day, 'J' day 1–365 without 29 February, '0' day 0–365 */
        int month, week, day;
        int32_t second; /* local time of day */
    } change[2];        /* to summer time, back */
};

struct tz {
    int n;
    struct tz_span {
        int64_t from;   /* from this second on … */
        int32_t offset; /* … local time is UTC plus this */
    } * spans;          /* ascending; the first from INT64_MIN */
    bool has_rule;
    struct tz_rule rule;
};

/* "" and "UTC" are UTC. ERR_INVALID for a name that is not in the database. */
int tz_load(const char *name, struct tz *out, struct err *e) MUST_CHECK;
void tz_finish(struct tz *z);

int32_t tz_offset(const struct tz *z, int64_t at);

/* The first instant at which the zone's calendar shows that day or a later one: its midnight, or
 * where the clocks skip midnight, what comes instead of it. month and day may be out of range, as
 * in timegm(). */
int64_t tz_day_start(const struct tz *z, int year, int month, int day);

#endif
