/* SPDX-License-Identifier: MIT */
#include "ledger/tz.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define ZONEINFO "/usr/share/zoneinfo"
#define FILE_MAX (1 << 20)
#define DAY      86400

/* ---- the yearly rule: "CET-1CEST,M3.5.0,M10.5.0/3" ---- */

static bool number(const char **s, int max, int *out)
{
    int v = 0;

    if (!isdigit((unsigned char)**s))
        return false;
    for (; isdigit((unsigned char)**s); (*s)++)
        if ((v = v * 10 + (**s - '0')) > max)
            return false;
    *out = v;
    return true;
}

/* [+-]hh[:mm[:ss]] in seconds */
static bool clock_time(const char **s, int32_t *out)
{
    int part[3] = {0}, sign = **s == '-' ? -1 : 1;

    if (**s == '-' || **s == '+')
        (*s)++;
    for (int i = 0; i < 3; i++) {
        if (!number(s, i ? 59 : 167, &part[i]))
            return false;
        if (**s != ':' || i == 2)
            break;
        (*s)++;
    }
    *out = sign * (part[0] * 3600 + part[1] * 60 + part[2]);
    return true;
}

static bool zone_name(const char **s)
{
    const char *from = *s;

    if (**s == '<') {
        while (**s && **s != '>')
            (*s)++;
        return *(*s)++ == '>';
    }
    while (isalpha((unsigned char)**s))
        (*s)++;
    return *s - from >= 3;
}

static bool rule_change(const char **s, struct tz_change *c)
{
    bool ok;

    *c = (struct tz_change){.kind = '0', .second = 2 * 3600};
    if (*(*s)++ != ',')
        return false;
    if (**s == 'M') {
        c->kind = *(*s)++;
        ok = number(s, 12, &c->month) && *(*s)++ == '.' && number(s, 5, &c->week) &&
             *(*s)++ == '.' && number(s, 6, &c->day) && c->month && c->week;
    } else {
        if (**s == 'J')
            c->kind = *(*s)++;
        ok = number(s, 365, &c->day);
    }
    if (ok && **s == '/') {
        (*s)++;
        ok = clock_time(s, &c->second);
    }
    return ok;
}

static bool rule_parse(const char *s, struct tz_rule *r)
{
    *r = (struct tz_rule){0};
    if (!zone_name(&s) || !clock_time(&s, &r->offset[0]))
        return false;
    r->offset[0] = -r->offset[0];
    if (!*s)
        return true;
    r->summer = true;
    if (!zone_name(&s))
        return false;
    r->offset[1] = r->offset[0] + 3600;
    if (*s && *s != ',') {
        if (!clock_time(&s, &r->offset[1]))
            return false;
        r->offset[1] = -r->offset[1];
    }
    return rule_change(&s, &r->change[0]) && rule_change(&s, &r->change[1]) && !*s;
}

static int64_t day_of(int year, int month, int day)
{
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};

    return (int64_t)timegm(&tm) / DAY;
}

static bool leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* When the rule's change happens in that year, given the offset that holds until then. */
static int64_t change_at(const struct tz_change *c, int year, int32_t offset)
{
    int64_t day = day_of(year, 1, 1) + c->day;

    if (c->kind == 'J') {
        day += (leap(year) && c->day >= 60) - 1;
    } else if (c->kind == 'M') {
        int64_t first = day_of(year, c->month, 1), next = day_of(year, c->month + 1, 1);
        int weekday = (int)((first + 4) % 7); /* 1970-01-01 was a Thursday */

        day = first + (c->day - weekday + 7) % 7 + 7 * (c->week - 1);
        if (day >= next)
            day -= 7;
    }
    return day * DAY + c->second - offset;
}

static int year_of(int64_t at)
{
    time_t t = (time_t)at;
    struct tm tm;

    gmtime_r(&t, &tm);
    return tm.tm_year + 1900;
}

static int32_t rule_offset(const struct tz_rule *r, int64_t at)
{
    int year = year_of(at + r->offset[0]);
    int64_t on, off;

    if (!r->summer)
        return r->offset[0];
    on = change_at(&r->change[0], year, r->offset[0]);
    off = change_at(&r->change[1], year, r->offset[1]);
    if (on < off)
        return r->offset[at >= on && at < off];
    return r->offset[at >= on || at < off];
}

/* ---- the file ---- */

struct reader {
    const unsigned char *p;
    size_t n, at;
};

static int64_t big_endian(struct reader *r, int bytes)
{
    uint64_t v = 0;

    for (int i = 0; i < bytes; i++)
        v = v << 8 | r->p[r->at++];
    return bytes == 4 ? (int32_t)(uint32_t)v : (int64_t)v;
}

struct counts {
    int64_t utc, std, leaps, times, types, chars;
};

static bool header(struct reader *r, struct counts *c, size_t time_size)
{
    uint64_t body;

    if (r->n - r->at < 44 || memcmp(r->p + r->at, "TZif", 4) != 0 || r->p[r->at + 4] < '2')
        return false;
    r->at += 20;
    c->utc = big_endian(r, 4);
    c->std = big_endian(r, 4);
    c->leaps = big_endian(r, 4);
    c->times = big_endian(r, 4);
    c->types = big_endian(r, 4);
    c->chars = big_endian(r, 4);
    if ((c->utc | c->std | c->leaps | c->times | c->types | c->chars) < 0 || c->types < 1)
        return false;
    body = (uint64_t)c->times * (time_size + 1) + (uint64_t)c->types * 6 + (uint64_t)c->chars +
           (uint64_t)c->leaps * (time_size + 4) + (uint64_t)c->std + (uint64_t)c->utc;
    return body <= r->n - r->at;
}

static size_t body_size(const struct counts *c, size_t time_size)
{
    return (size_t)(c->times * (int64_t)(time_size + 1) + c->types * 6 + c->chars +
                    c->leaps * (int64_t)(time_size + 4) + c->std + c->utc);
}

static bool read_spans(const struct reader *file, const struct counts *c, struct tz *z)
{
    struct reader times = *file, kinds = *file, types = *file;

    kinds.at += (size_t)c->times * 8;
    types.at = kinds.at + (size_t)c->times;
    z->spans = calloc((size_t)c->times + 1, sizeof *z->spans);
    if (!z->spans)
        return false;
    z->n = (int)c->times + 1;
    for (int64_t i = -1; i < c->times; i++) {
        int64_t from = i < 0 ? INT64_MIN : big_endian(&times, 8);
        int kind = i < 0 ? 0 : kinds.p[kinds.at++];
        struct reader type = types;

        if (kind >= c->types)
            return false;
        type.at += (size_t)kind * 6;
        z->spans[i + 1] = (struct tz_span){from, (int32_t)big_endian(&type, 4)};
    }
    return true;
}

/* The second block, with 64-bit times; then the rule between two newlines. */
static bool parse(const unsigned char *p, size_t n, struct tz *z)
{
    struct reader r = {p, n, 0};
    struct counts c;
    char rule[128];
    size_t len;

    if (!header(&r, &c, 4))
        return false;
    r.at += body_size(&c, 4);
    if (!header(&r, &c, 8) || !read_spans(&r, &c, z))
        return false;
    r.at += body_size(&c, 8);
    if (r.at >= n || p[r.at++] != '\n')
        return true;
    len = (size_t)(p + n - (p + r.at));
    if (len < 2 || len > sizeof rule || p[n - 1] != '\n')
        return true;
    memcpy(rule, p + r.at, len - 1);
    rule[len - 1] = '\0';
    z->has_rule = rule_parse(rule, &z->rule);
    return z->has_rule;
}

static bool good_name(const char *s)
{
    for (const char *p = s; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("_+-/", *p))
            return false;
    return *s && *s != '/' && strlen(s) < 64;
}

int tz_load(const char *name, struct tz *out, struct err *e)
{
    struct tz z = {0};
    const char *dir = getenv("TZDIR");
    char path[512];
    unsigned char *text;
    struct stat st;
    FILE *f;
    size_t n;
    bool ok;

    if (!*name || strcmp(name, "UTC") == 0) {
        z.has_rule = true;
        *out = z;
        return 0;
    }
    if (!good_name(name))
        return err_set(e, ERR_INVALID, "timezone: not the name of a time zone");
    snprintf(path, sizeof path, "%s/%s", dir && *dir ? dir : ZONEINFO, name);
    f = fopen(path, "rbe");
    if (!f || fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode)) {
        if (f)
            fclose(f);
        return err_set(e, ERR_INVALID, "timezone: %s is not in the system's tz database", name);
    }
    text = malloc(FILE_MAX);
    n = text ? fread(text, 1, FILE_MAX, f) : 0;
    fclose(f);
    ok = text && parse(text, n, &z);
    free(text);
    if (!ok) {
        tz_finish(&z);
        return err_set(e, ERR_INVALID, "timezone: %s is not a readable tz file", name);
    }
    *out = z;
    return 0;
}

void tz_finish(struct tz *z)
{
    free(z->spans);
    *z = (struct tz){0};
}

int32_t tz_offset(const struct tz *z, int64_t at)
{
    int low = 0, high = z->n; /* spans[low].from <= at < spans[high].from */

    if (z->n == 0 || (z->has_rule && at >= z->spans[z->n - 1].from))
        return rule_offset(&z->rule, at);
    while (high - low > 1) {
        int mid = (low + high) / 2;

        if (z->spans[mid].from <= at)
            low = mid;
        else
            high = mid;
    }
    return z->spans[low].offset;
}

/* Local time runs forward but where clocks are set back, so the first instant that shows `local` or
 * more is found by walking there: quarter hours bound every change of any zone from 1972 on, and
 * inside one local time only grows. */
int64_t tz_day_start(const struct tz *z, int year, int month, int day)
{
    int64_t local = day_of(year, month, day) * DAY, before = local - 26 * 3600, at = before + 900;

    for (; at + tz_offset(z, at) < local; at += 900)
        before = at;
    while (at - before > 1) {
        int64_t mid = before + (at - before) / 2;

        if (mid + tz_offset(z, mid) < local)
            before = mid;
        else
            at = mid;
    }
    return at;
}
