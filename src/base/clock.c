/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t clock_mono_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_wall_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void clock_iso(int64_t ms, char out[CLOCK_ISO_LEN])
{
    time_t s = (time_t)(ms / 1000);
    char day_time[40];
    struct tm tm;

    gmtime_r(&s, &tm);
    strftime(day_time, sizeof day_time, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out, CLOCK_ISO_LEN, "%.19s.%03uZ", day_time, (unsigned)(ms % 1000) % 1000u);
}

int64_t clock_parse_iso(const char *s)
{
    struct tm tm = {0};
    const char *rest = strptime(s, "%Y-%m-%d", &tm);
    double fraction = 0;

    if (rest && *rest == 'T')
        rest = strptime(rest, "T%H:%M:%S", &tm);
    if (rest && *rest == '.') {
        char *end;
        fraction = strtod(rest, &end);
        rest = end;
    }
    if (!rest || strcmp(rest, *rest == 'Z' ? "Z" : "") != 0)
        return -1;
    return (int64_t)timegm(&tm) * 1000 + (int64_t)(fraction * 1000);
}
