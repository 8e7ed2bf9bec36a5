/* SPDX-License-Identifier: MIT */
/* Time zones and the boundaries of periods, against dates that anybody can look up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "ledger/period.h"
#include "ledger/tz.h"

static int64_t at(const char *iso)
{
    int64_t ms = clock_parse_iso(iso);

    assert_true(ms >= 0);
    return ms;
}

static void offsets(void **state)
{
    static const struct {
        const char *zone, *when;
        int32_t minutes;
    } rows[] = {
        {"", "2026-07-01", 0},
        {"UTC", "2026-07-01", 0},
        {"Europe/Paris", "2026-03-29T00:59:59Z", 60},
        {"Europe/Paris", "2026-03-29T01:00:00Z", 120},
        {"Europe/Paris", "2026-10-25T00:59:59Z", 120},
        {"Europe/Paris", "2026-10-25T01:00:00Z", 60},
        {"Europe/Paris", "2099-07-01", 120}, /* beyond the table: by the rule */
        {"Europe/Paris", "2099-12-01", 60},
        {"America/New_York", "2026-11-24", -300},
        {"America/New_York", "2085-07-04", -240},
        {"America/Santiago", "2070-01-01", -180}, /* summer over the turn of the year */
        {"America/Santiago", "2070-07-01", -240},
        {"Asia/Kolkata", "2026-01-01", 330},
        {"Asia/Kathmandu", "2090-01-01", 345},
        {"Australia/Lord_Howe", "2026-01-01", 660}, /* half an hour of summer time */
        {"Australia/Lord_Howe", "2026-07-01", 630},
        {"Pacific/Kiritimati", "2026-01-01", 840},
        {"Pacific/Apia", "2011-12-29", -600},
        {"Pacific/Apia", "2011-12-31", 840},
        {"Africa/Casablanca", "2026-03-01", 0}, /* Ramadan 2026 */
        {"Europe/Dublin", "2060-12-01", 0},     /* its winter time is the "summer" of the rule */
        {"Europe/Dublin", "2060-07-01", 60},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err e;
        struct tz z;

        if (tz_load(rows[i].zone, &z, &e) != 0)
            fail_msg("%s", e.msg);
        if (tz_offset(&z, at(rows[i].when) / 1000) != rows[i].minutes * 60)
            fail_msg("%s at %s: %d", rows[i].zone, rows[i].when,
                     (int)tz_offset(&z, at(rows[i].when) / 1000));
        tz_finish(&z);
    }
}

/* The C library reads the same files: every zone, every 5 hours around 60 years. */
static void as_the_c_library(void **state)
{
    static const char *const zones[] = {
        "Europe/Paris",        "America/Santiago", "Africa/Casablanca", "Asia/Tehran",
        "Australia/Lord_Howe", "Pacific/Apia",     "America/Sao_Paulo", "Africa/Cairo",
        "Europe/Dublin",       "Antarctica/Troll", "Asia/Gaza",         "America/Nuuk"};

    (void)state;
    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++) {
        struct err e;
        struct tz z;

        assert_int_equal(setenv("TZ", zones[i], 1), 0);
        tzset();
        if (tz_load(zones[i], &z, &e) != 0)
            fail_msg("%s", e.msg);
        for (int64_t t = 0; t < INT64_C(4102444800); t += 5 * 3600 + 17) {
            time_t when = (time_t)t;
            struct tm tm;

            localtime_r(&when, &tm);
            if (tm.tm_gmtoff != tz_offset(&z, t))
                fail_msg("%s at %lld: %d, the C library says %ld", zones[i], (long long)t,
                         (int)tz_offset(&z, t), tm.tm_gmtoff);
        }
        tz_finish(&z);
    }
    unsetenv("TZ");
}

static void bad_zones(void **state)
{
    static const char *const names[] = {"Europe/Atlantis",
                                        "../../../etc/passwd",
                                        "/etc/passwd",
                                        "Europe",
                                        "Europe/Paris\n",
                                        "zone.tab",
                                        " ",
                                        "a b",
                                        "tzdata.zi",
                                        "Europe//"};
    struct err e;
    struct tz z;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(tz_load(names[i], &z, &e), -1);
        assert_int_equal(e.code, ERR_INVALID);
    }
}

/* A damaged file is refused or read, never read beyond its end. */
static void damaged_files(void **state)
{
    char dir[] = "/tmp/tokencap-tz-XXXXXX", path[64];
    unsigned char text[8192], broken[8192];
    FILE *f = fopen("/usr/share/zoneinfo/Europe/Paris", "rb");
    size_t n;
    struct err e;
    struct tz z;

    (void)state;
    assert_non_null(f);
    n = fread(text, 1, sizeof text, f);
    fclose(f);
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/Zone", dir);
    assert_int_equal(setenv("TZDIR", dir, 1), 0);
    srand(1);
    for (size_t i = 0; i < n + 2000; i++) {
        size_t size = i < n ? i : n;

        memcpy(broken, text, n);
        if (i >= n)
            for (int k = 0; k < 4; k++)
                broken[(size_t)rand() % n] = (unsigned char)rand();
        f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(broken, 1, size, f), size);
        fclose(f);
        if (tz_load("Zone", &z, &e) == 0) {
            tz_offset(&z, 1795510000);
            tz_offset(&z, INT64_C(4102444800));
            tz_finish(&z);
        }
    }
    unsetenv("TZDIR");
    unlink(path);
    rmdir(dir);
}

static void next_periods(void **state)
{
    static const struct {
        enum period_kind kind;
        int days;
        const char *zone, *start, *end, *now, *next_start, *next_end;
    } rows[] = {
        {PERIOD_DAYS, 30, "", "2026-01-01", "2026-01-31", "2026-01-31", "2026-01-31", "2026-03-02"},
        {PERIOD_DAYS, 1, "", "2026-01-01T05:00:00Z", "2026-01-02T05:00:00Z", "2026-01-09T04:00:00Z",
         "2026-01-08T05:00:00Z", "2026-01-09T05:00:00Z"},
        {PERIOD_DAY, 0, "Europe/Paris", "2026-03-28", "2026-03-28T23:00:00Z",
         "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"}, /* 23 hours */
        {PERIOD_DAY, 0, "Europe/Paris", "2026-10-24", "2026-10-24T22:00:00Z",
         "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"}, /* 25 hours */
        {PERIOD_WEEK, 0, "", "2026-11-20", "2026-11-23", "2026-11-24", "2026-11-23", "2026-11-30"},
        {PERIOD_WEEK, 0, "", "2026-11-20", "2026-11-23", "2026-11-29T23:59:59Z", "2026-11-23",
         "2026-11-30"},
        {PERIOD_WEEK, 0, "America/New_York", "2026-11-20", "2026-11-23T05:00:00Z", "2027-01-01",
         "2026-12-28T05:00:00Z", "2027-01-04T05:00:00Z"},
        {PERIOD_MONTH, 0, "", "2026-01-15", "2026-02-01", "2028-02-29", "2028-02-01", "2028-03-01"},
        {PERIOD_MONTH, 0, "Asia/Kolkata", "2026-11-02", "2026-11-30T18:30:00Z",
         "2026-12-31T18:29:59Z", "2026-11-30T18:30:00Z", "2026-12-31T18:30:00Z"},
        /* Santiago skips midnight: the day starts at 01:00 */
        {PERIOD_DAY, 0, "America/Santiago", "2026-09-05", "2026-09-05T04:00:00Z",
         "2026-09-06T05:00:00Z", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"},
        /* Santiago sets midnight back to 23:00: the day starts at the second one */
        {PERIOD_DAY, 0, "America/Santiago", "2026-04-03", "2026-04-04T03:00:00Z",
         "2026-04-05T03:30:00Z", "2026-04-04T03:00:00Z", "2026-04-05T04:00:00Z"},
        /* Samoa had no 30 December 2011 */
        {PERIOD_DAY, 0, "Pacific/Apia", "2011-12-28", "2011-12-29T10:00:00Z",
         "2011-12-30T09:00:00Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"},
        {PERIOD_DAY, 0, "Pacific/Apia", "2011-12-28", "2011-12-29T10:00:00Z",
         "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"},
        /* never before the end of the one before it, whatever the zone now says */
        {PERIOD_MONTH, 0, "", "2026-01-15", "2026-02-07", "2026-02-08", "2026-02-07", "2026-03-01"},
        /* a zone that is gone counts as UTC */
        {PERIOD_DAY, 0, "Europe/Atlantis", "2026-01-01", "2026-01-02", "2026-01-03T01:00:00Z",
         "2026-01-03", "2026-01-04"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct period_rule rule = {rows[i].kind, rows[i].days, rows[i].zone};
        struct period_span p = {at(rows[i].start), at(rows[i].end)};
        char got[2][CLOCK_ISO_LEN];

        assert_true(period_over(p, at(rows[i].now)));
        p = period_after(&rule, p, at(rows[i].now));
        clock_iso(p.start, got[0]);
        clock_iso(p.end, got[1]);
        if (p.start != at(rows[i].next_start) || p.end != at(rows[i].next_end))
            fail_msg("row %zu (%s %s): %s to %s", i, rows[i].zone, rows[i].now, got[0], got[1]);
    }
}

/* Day by day through four years in every odd zone: periods join without gap or overlap. */
static void days_join(void **state)
{
    static const char *const zones[] = {
        "Europe/Paris",        "America/Santiago", "Africa/Casablanca",
        "Australia/Lord_Howe", "Pacific/Apia",     "America/Sao_Paulo",
        "Africa/Cairo",        "Asia/Gaza",        "America/Havana"};

    (void)state;
    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++) {
        struct period_rule rule = {PERIOD_DAY, 0, zones[i]};
        struct period_span p = {at("2010-01-01"), 0}, next;
        struct err e;
        int n = 0;

        assert_int_equal(period_end(&rule, p.start, p.start, &p.end, &e), 0);
        for (; p.end < at("2014-01-01"); p = next, n++) {
            next = period_after(&rule, p, p.end);
            assert_int_equal(next.start, p.end);
            assert_true(next.end - next.start >= 23 * 3600000);
            assert_true(next.end - next.start <= 25 * 3600000);
            assert_false(period_over(p, p.end - 1));
        }
        assert_in_range(n, 1459, 1462);
    }
}

static void ends(void **state)
{
    struct period_rule days = {PERIOD_DAYS, 7, ""}, none = {PERIOD_NONE, 0, ""},
                       month = {PERIOD_MONTH, 0, "UTC"};
    struct err e;
    int64_t end;

    (void)state;
    assert_int_equal(period_end(&none, 5, 10, &end, &e), 0);
    assert_int_equal(end, 0);
    assert_false(period_over((struct period_span){5, 0}, INT64_MAX));
    assert_int_equal(period_end(&days, at("2026-01-01"), at("2026-01-20"), &end, &e), 0);
    assert_int_equal(end, at("2026-01-22"));
    assert_int_equal(period_end(&days, at("2026-01-01"), at("2025-01-01"), &end, &e), 0);
    assert_int_equal(end, at("2026-01-08"));
    assert_int_equal(period_end(&month, at("2026-01-31"), at("2026-02-01"), &end, &e), 0);
    assert_int_equal(end, at("2026-03-01"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets),      cmocka_unit_test(as_the_c_library),
        cmocka_unit_test(bad_zones),    cmocka_unit_test(damaged_files),
        cmocka_unit_test(next_periods), cmocka_unit_test(days_join),
        cmocka_unit_test(ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
