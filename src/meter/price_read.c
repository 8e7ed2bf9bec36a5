/* SPDX-License-Identifier: MIT */
#include "meter/price_read.h"

#include <stdio.h>

#include "base/clock.h"

/*
 * One row of prices. Each kind of object is a table of fields: what is not in it is refused, so
 * that a misspelt price can never be silently absent. Prices are strings, because a JSON number
 * would pass through a double.
 */

int price_read_fields(struct loader *l, const json_t *v, const struct field *fields, size_t n,
                      void *into, struct err *e)
{
    const char *key;
    json_t *value;

    if (!json_is_object(v))
        return err_set(e, ERR_INVALID, "must be an object");
    json_object_foreach((json_t *)v, key, value)
    {
        const struct field *f = fields;

        while (f < fields + n && strcmp(f->name, key))
            f++;
        if (f == fields + n)
            return err_set(e, ERR_INVALID, "unknown field \"%.40s\"", key);
        if (f->read && f->read(l, value, (char *)into + f->offset, e))
            return err_prefix(e, "field \"%s\"", key);
    }
    for (const struct field *f = fields; f < fields + n; f++)
        if (f->required && !json_object_get(v, f->name))
            return err_set(e, ERR_INVALID, "field \"%s\" is missing", f->name);
    return 0;
}

/* ---- plain values ---- */

static int no_memory(struct err *e)
{
    return err_set(e, ERR_MEMORY, "no memory for the price table");
}

static int read_string(struct loader *l, const json_t *v, void *at, struct err *e)
{
    const char *s = json_string_value(v);

    if (!s || !*s)
        return err_set(e, ERR_INVALID, "must be a string that is not empty");
    if (json_string_length(v) != strlen(s) || strlen(s) > 4096)
        return err_set(e, ERR_INVALID, "is too long or contains a NUL");
    s = arena_copy(&l->t->arena, s, strlen(s));
    if (!s)
        return no_memory(e);
    *(const char **)at = s;
    return 0;
}

static int read_name(struct loader *l, const json_t *v, void *at, struct err *e)
{
    const char *s = json_string_value(v);

    if (s && strlen(s) >= USAGE_MODEL_MAX)
        return err_set(e, ERR_INVALID, "is longer than %d bytes", USAGE_MODEL_MAX - 1);
    for (const char *p = s; p && *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 127)
            return err_set(e, ERR_INVALID, "contains a space or a control character");
    return read_string(l, v, at, e);
}

int price_read_names(struct loader *l, const json_t *v, void *at, struct err *e)
{
    struct string_list list = {.n = (int)json_array_size(v)};

    if (!json_is_array(v))
        return err_set(e, ERR_INVALID, "must be a list of strings");
    list.at = ARENA_ARRAY(&l->t->arena, const char *, (size_t)list.n + 1);
    if (!list.at)
        return no_memory(e);
    for (int i = 0; i < list.n; i++)
        if (read_name(l, json_array_get(v, (size_t)i), &list.at[i], e))
            return -1;
    *(struct string_list *)at = list;
    return 0;
}

static int read_tokens(struct loader *l, const json_t *v, void *at, struct err *e)
{
    (void)l;
    if (!json_is_integer(v) || json_integer_value(v) <= 0 ||
        json_integer_value(v) > INT64_C(1000000000))
        return err_set(e, ERR_INVALID, "must be a whole number of tokens above 0");
    *(int64_t *)at = json_integer_value(v);
    return 0;
}

static int read_bool(struct loader *l, const json_t *v, void *at, struct err *e)
{
    (void)l;
    if (!json_is_boolean(v))
        return err_set(e, ERR_INVALID, "must be true or false");
    *(bool *)at = json_is_true(v);
    return 0;
}

static int read_decimal(const json_t *v, int scale, int64_t max, void *at, struct err *e)
{
    if (!json_is_string(v))
        return err_set(e, ERR_INVALID, "must be a decimal in quotes, such as \"2.50\"");
    return money_parse((struct span){json_string_value(v), json_string_length(v)}, scale, max, at,
                       e);
}

/* US$ per million tokens: ten to the sixth of it is picodollars a token. */
static int read_price(struct loader *l, const json_t *v, void *at, struct err *e)
{
    (void)l;
    return read_decimal(v, 6, RATE_MAX, at, e);
}

/* US$ per thousand calls */
int price_read_per_thousand(struct loader *l, const json_t *v, void *at, struct err *e)
{
    (void)l;
    return read_decimal(v, 9, CALL_MAX, at, e);
}

int price_read_multiplier(struct loader *l, const json_t *v, void *at, struct err *e)
{
    int64_t m = 0;

    (void)l;
    if (read_decimal(v, 3, 10 * MULTIPLIER, &m, e))
        return -1;
    if (m < MULTIPLIER)
        return err_set(e, ERR_INVALID, "a multiplier below 1");
    *(int64_t *)at = m;
    return 0;
}

static int read_date(struct loader *l, const json_t *v, void *at, struct err *e)
{
    const char *s = json_string_value(v);

    if (!s || strlen(s) != 10 || clock_parse_iso(s) < 0)
        return err_set(e, ERR_INVALID, "must be a date such as \"2026-12-01\"");
    return read_string(l, v, at, e);
}

/* ---- rates and what is made of them ---- */

#define RATE(type, member, kind) offsetof(type, member) + (kind) * sizeof(pico_t)
#define RATE_FIELDS(type, member)                                                                  \
    {"input", true, read_price, RATE(type, member, TOK_INPUT)},                                    \
        {"output", true, read_price, RATE(type, member, TOK_OUTPUT)},                              \
        {"cache_read", false, read_price, RATE(type, member, TOK_CACHE_READ)},                     \
        {"cache_write_5m", false, read_price, RATE(type, member, TOK_CACHE_WRITE_5M)},             \
        {"cache_write_30m", false, read_price, RATE(type, member, TOK_CACHE_WRITE_30M)},           \
        {"cache_write_1h", false, read_price, RATE(type, member, TOK_CACHE_WRITE_1H)},             \
        {"cache_write_12h", false, read_price, RATE(type, member, TOK_CACHE_WRITE_12H)},           \
        {"audio_input", false, read_price, RATE(type, member, TOK_AUDIO_INPUT)},                   \
    {                                                                                              \
        "audio_output", false, read_price, RATE(type, member, TOK_AUDIO_OUTPUT)                    \
    }

static void unset(struct rates *r)
{
    for (int k = 0; k < TOK_KINDS; k++)
        r->of[k] = RATE_UNSET;
}

static int read_rates(struct loader *l, const json_t *v, void *at, struct err *e)
{
    static const struct field fields[] = {RATE_FIELDS(struct rates, of)};
    struct rates r;

    unset(&r);
    if (price_read_fields(l, v, fields, COUNT(fields), &r, e))
        return -1;
    *(struct rates *)at = r;
    return 0;
}

static int read_tiers(struct loader *l, const json_t *v, void *at, struct err *e)
{
    static const struct field fields[] = {
        {"above", true, read_tokens, offsetof(struct step, above)},
        RATE_FIELDS(struct step, rates),
    };
    struct schedule *s = at;
    const size_t n = json_array_size(v);

    if (!json_is_array(v) || n == 0 || n > STEPS_MAX)
        return err_set(e, ERR_INVALID, "must be a list of one to %d tiers", STEPS_MAX);
    for (size_t i = 0; i < n; i++) {
        struct step *step = &s->steps[i];

        unset(&step->rates);
        if (price_read_fields(l, json_array_get(v, i), fields, COUNT(fields), step, e))
            return -1;
        if (i && step->above <= s->steps[i - 1].above)
            return err_set(e, ERR_INVALID, "\"above\" must rise from tier to tier");
    }
    s->nsteps = (int)n;
    return 0;
}

static int read_minutes(const char *s, int *from, int *to)
{
    int h1, m1, h2, m2, end = 0;

    if (sscanf(s, "%2d:%2d-%2d:%2d%n", &h1, &m1, &h2, &m2, &end) != 4 || s[end])
        return -1;
    *from = h1 * 60 + m1;
    *to = h2 * 60 + m2;
    return m1 > 59 || m2 > 59 || *from < 0 || *to > 24 * 60 || *from >= *to ? -1 : 0;
}

static int read_peak_hours(struct loader *l, const json_t *v, void *at, struct err *e)
{
    struct peak *p = at;
    const size_t n = json_array_size(v);

    (void)l;
    if (!json_is_array(v) || n == 0 || n > PEAKS_MAX)
        return err_set(e, ERR_INVALID, "must be a list of one to %d spans", PEAKS_MAX);
    for (size_t i = 0; i < n; i++) {
        const char *s = json_string_value(json_array_get(v, i));

        if (!s || read_minutes(s, &p->hours[i].from, &p->hours[i].to))
            return err_set(e, ERR_INVALID, "must hold spans such as \"06:00-10:00\"");
    }
    p->nhours = (int)n;
    return 0;
}

static int read_peak_days(struct loader *l, const json_t *v, void *at, struct err *e)
{
    static const char names[7][4] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
    const char *s = json_string_value(v);
    int from = -1, to = -1;

    (void)l;
    for (int d = 0; s && strlen(s) == 7 && s[3] == '-' && d < 7; d++) {
        from = memcmp(s, names[d], 3) ? from : d;
        to = memcmp(s + 4, names[d], 3) ? to : d;
    }
    if (from < 0 || to < 0)
        return err_set(e, ERR_INVALID, "must be a span of days such as \"mon-fri\"");
    for (int d = from;; d = (d + 1) % 7) {
        ((struct peak *)at)->days |= 1U << d;
        if (d == to)
            return 0;
    }
}

/* What a row's object fills: the row and its first schedule. */
struct row_in {
    struct price_row row;
    struct schedule now;
    struct price_provider *provider;
};

static int read_off_peak(struct loader *l, const json_t *v, void *at, struct err *e)
{
    struct off_peak_in {
        struct rates rates;
        struct peak peak;
    } in = {.peak.days = 0};
    static const struct field fields[] = {
        RATE_FIELDS(struct off_peak_in, rates),
        {"peak_utc", true, read_peak_hours, offsetof(struct off_peak_in, peak)},
        {"peak_days", false, read_peak_days, offsetof(struct off_peak_in, peak)},
    };
    struct row_in *row = at;

    unset(&in.rates);
    if (price_read_fields(l, v, fields, COUNT(fields), &in, e))
        return -1;
    row->now.has_off_peak = true;
    row->now.off_peak = in.rates;
    row->row.peak = in.peak;
    if (!in.peak.days)
        row->row.peak.days = 0x7f;
    return 0;
}

#define PLAN(type, member, tier) offsetof(type, member) + offsetof(struct schedule, plan[tier])
#define SCHEDULE_FIELDS(type, member)                                                              \
    RATE_FIELDS(type, member.plan[TIER_STANDARD].of),                                              \
        {"batch", false, read_rates, PLAN(type, member, TIER_BATCH)},                              \
        {"flex", false, read_rates, PLAN(type, member, TIER_FLEX)},                                \
        {"priority", false, read_rates, PLAN(type, member, TIER_PRIORITY)},                        \
        {"fast", false, read_rates, PLAN(type, member, TIER_FAST)},                                \
    {                                                                                              \
        "tiers", false, read_tiers, offsetof(type, member)                                         \
    }

static void unset_schedule(struct schedule *s)
{
    *s = (struct schedule){.from_ms = INT64_MIN};
    for (int tier = 0; tier < TIERS; tier++)
        unset(&s->plan[tier]);
}

struct future_in {
    struct schedule s;
};

static int read_future(struct loader *l, const json_t *v, void *at, struct err *e)
{
    static const struct field fields[] = {
        {"from", true, read_date, offsetof(struct future_in, s.from)},
        SCHEDULE_FIELDS(struct future_in, s),
    };
    struct row_in *row = at;
    const size_t n = json_array_size(v);

    if (!json_is_array(v) || n == 0 || n > SCHEDULES_MAX - 1)
        return err_set(e, ERR_INVALID, "must be a list of one to %d dated prices",
                       SCHEDULES_MAX - 1);
    row->row.schedules = ARENA_ARRAY(&l->t->arena, struct schedule, n + 1);
    if (!row->row.schedules)
        return no_memory(e);
    for (size_t i = 0; i < n; i++) {
        struct future_in in;

        unset_schedule(&in.s);
        if (price_read_fields(l, json_array_get(v, i), fields, COUNT(fields), &in, e))
            return -1;
        in.s.from_ms = clock_parse_iso(in.s.from);
        if (i && in.s.from_ms <= row->row.schedules[i].from_ms)
            return err_set(e, ERR_INVALID, "\"%s\" is out of order: dates must rise", in.s.from);
        row->row.schedules[i + 1] = in.s;
    }
    row->row.nschedules = (int)n + 1;
    return 0;
}

struct price_provider *price_provider_get(struct price_table *t, const char *name)
{
    struct price_provider **at = &t->providers, *p;

    while (*at && strcmp((*at)->name, name))
        at = &(*at)->next;
    if (*at)
        return *at;
    p = ARENA_NEW(&t->arena, struct price_provider);
    if (p)
        p->name = arena_copy(&t->arena, name, strlen(name));
    if (!p || !p->name)
        return NULL;
    *at = p;
    return p;
}

int price_read_provider(struct loader *l, const json_t *v, void *at, struct err *e)
{
    const char *name = NULL;
    struct price_provider *p;

    if (read_name(l, v, &name, e))
        return -1;
    for (const char *c = name; *c; c++)
        if (strlen(name) > 24 || !strchr("abcdefghijklmnopqrstuvwxyz0123456789_-.", *c))
            return err_set(e, ERR_INVALID, "must be at most 24 lower-case letters, digits, _ - .");
    p = price_provider_get(l->t, name);
    if (!p)
        return no_memory(e);
    *(struct price_provider **)at = p;
    return 0;
}

/* ---- rows ---- */

static const struct field row_fields[] = {
    {"id", true, read_name, offsetof(struct row_in, row.id)},
    {"provider", false, price_read_provider, offsetof(struct row_in, provider)},
    {"aliases", false, price_read_names, offsetof(struct row_in, row.aliases)},
    {"encoding", false, read_name, offsetof(struct row_in, row.encoding)},
    {"context", false, read_tokens, offsetof(struct row_in, row.context)},
    {"max_input", false, read_tokens, offsetof(struct row_in, row.max_input)},
    {"max_output", false, read_tokens, offsetof(struct row_in, row.max_output)},
    {"reasoning", false, read_bool, offsetof(struct row_in, row.reasoning)},
    SCHEDULE_FIELDS(struct row_in, now),
    {"future", false, read_future, 0},
    {"off_peak", false, read_off_peak, 0},
    {"us_only", false, price_read_multiplier, offsetof(struct row_in, row.us_only)},
    {"web_search", false, price_read_per_thousand, offsetof(struct row_in, row.web_search)},
    {"allow_cheaper", false, read_bool, offsetof(struct row_in, row.allow_cheaper)},
    {"shutdown", false, read_date, offsetof(struct row_in, row.shutdown)},
    {"as_of", true, read_date, offsetof(struct row_in, row.as_of)},
    {"source", true, read_string, offsetof(struct row_in, row.source)},
    {"comment", false, NULL, 0},
};

static const struct field alias_fields[] = {
    {"id", true, read_name, offsetof(struct row_in, row.id)},
    {"provider", false, price_read_provider, offsetof(struct row_in, provider)},
    {"alias_of", true, read_name, offsetof(struct row_in, row.alias_of)},
    {"comment", false, NULL, 0},
};

/* The row, with its first schedule where the table keeps it. */
static int keep_row(struct loader *l, const struct row_in *in, struct err *e)
{
    struct price_row *row = ARENA_NEW(&l->t->arena, struct price_row);

    if (!row)
        return no_memory(e);
    *row = in->row;
    row->provider = in->provider;
    if (!row->schedules) {
        row->schedules = ARENA_NEW(&l->t->arena, struct schedule);
        row->nschedules = 1;
    }
    if (!row->schedules)
        return no_memory(e);
    row->schedules[0] = in->now;
    row->schedules[0].from_ms = INT64_MIN;
    *l->t->tail = row;
    l->t->tail = &row->next;
    return 0;
}

int price_read_row(struct loader *l, const json_t *v, struct price_provider *provider,
                   struct err *e)
{
    const bool alias = json_object_get(v, "alias_of") != NULL;
    struct row_in in = {.provider = provider};

    in.row = (struct price_row){.file = l->path, .layer = l->layer, .web_search = RATE_UNSET};
    unset_schedule(&in.now);
    if (alias ? price_read_fields(l, v, alias_fields, COUNT(alias_fields), &in, e)
              : price_read_fields(l, v, row_fields, COUNT(row_fields), &in, e))
        return -1;
    if (!in.provider)
        return err_set(e, ERR_INVALID, "field \"provider\" is missing, in the file and in the row");
    return keep_row(l, &in, e);
}
