/* SPDX-License-Identifier: MIT */
#include "proxy/admin.h"

#include <jansson.h>

#include "base/jsonw.h"
#include "wire/json.h"

#define PERIOD_DAYS_MAX 36500

/* A budget as JSON, and JSON as a budget. */

static const char *const periods[] = {[PERIOD_DAY] = "day", [PERIOD_WEEK] = "week", [PERIOD_MONTH] = "month"};
static const char *const enforcements[] = {[ENFORCE_ESTIMATE] = "estimate", [ENFORCE_STRICT] = "strict"};
static const char *const predictors[] = {[PREDICT_RULE] = "rule", [PREDICT_LEARNED] = "learned"};
static const char *const scopes[] = {[SCOPE_GLOBAL] = "global", [SCOPE_PROJECT] = "project",
                                     [SCOPE_TOKEN] = "token"};

#define LEN(a) (sizeof(a) / sizeof *(a))

/* What was set and is not the default. secrets: the URL for alerts too, which may hold one. */
static void write_options(struct jsonw *w, const struct budget *b, bool secrets)
{
    if (b->per_request >= 0)
        money_member(w, "perRequestUsd", b->per_request);
    if (b->period == PERIOD_DAYS)
        jsonw_member_int(w, "periodDays", b->period_days);
    else if (b->period != PERIOD_NONE)
        jsonw_member_str(w, "period", span_of(periods[b->period]));
    if (*b->timezone)
        jsonw_member_str(w, "timezone", span_of(b->timezone));
    if (b->enforcement != ENFORCE_DEFAULT)
        jsonw_member_str(w, "enforcement", span_of(enforcements[b->enforcement]));
    if (b->predictor != PREDICT_DEFAULT)
        jsonw_member_str(w, "predict", span_of(predictors[b->predictor]));
    if (b->nalerts) {
        jsonw_key(w, "alertPercents");
        jsonw_open(w, '[');
        for (int i = 0; i < b->nalerts; i++)
            jsonw_int(w, b->alert_percents[i]);
        jsonw_close(w, ']');
    }
    if (*b->alert_url && secrets)
        jsonw_member_str(w, "alertUrl", span_of(b->alert_url));
}

void admin_write_budget(struct jsonw *w, const struct budget *b, bool secrets)
{
    nano_t left = b->limit - b->spent - b->reserved;

    jsonw_open(w, '{');
    if (b->scope == SCOPE_PROJECT)
        jsonw_member_str(w, "projectId", span_of(b->project));
    else
        jsonw_member_str(w, "scope", span_of(scopes[b->scope]));
    if (b->scope == SCOPE_TOKEN)
        jsonw_member_int(w, "tokenId", b->token_id);
    money_member(w, "limitUsd", b->limit);
    money_member(w, "spentUsd", b->spent);
    money_member(w, "reservedUsd", b->reserved);
    money_member(w, "remainingUsd", left > 0 ? left : 0);
    jsonw_member_time(w, "periodStart", b->period_start);
    jsonw_member_time(w, "periodEnd", b->period_end);
    write_options(w, b, secrets);
    jsonw_close(w, '}');
}

/* ---- a budget from JSON: one row a field ---- */

struct reader {
    struct span text; /* the body: amounts are read from its own digits */
    const char *field;
    json_t *value;
    struct budget *out;
    struct refusal *r;
};

static int bad(const struct reader *in, const char *what)
{
    return refuse(in->r, REFUSE_INVALID_REQUEST, in->field, "%s: %s", in->field, what);
}

static int read_money(const struct reader *in, nano_t *out)
{
    struct span digits = json_find(in->text, in->field, NULL).value;
    struct err e;

    if (!json_is_number(in->value))
        return bad(in, "a number of US dollars is expected");
    if (money_parse(digits, 9, NANO_MAX, out, &e))
        return bad(in, e.msg);
    return 0;
}

static int read_text(const struct reader *in, char *out, size_t size)
{
    size_t n = json_string_length(in->value);

    if (!json_is_string(in->value))
        return bad(in, "a string is expected");
    if (n >= size || strlen(json_string_value(in->value)) != n)
        return bad(in, "too long, or holds a NUL");
    memcpy(out, json_string_value(in->value), n + 1);
    return 0;
}

/* The index of a word in a table whose first entries may be empty. */
static int read_word(const struct reader *in, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (words[i] && json_is_string(in->value) && !strcmp(words[i], json_string_value(in->value)))
            return (int)i;
    return -1;
}

static int read_project(const struct reader *in)
{
    return read_text(in, in->out->project, sizeof in->out->project);
}

static int read_limit(const struct reader *in)
{
    return read_money(in, &in->out->limit);
}

static int read_per_request(const struct reader *in)
{
    return json_is_null(in->value) ? 0 : read_money(in, &in->out->per_request);
}

static int read_period_days(const struct reader *in)
{
    json_int_t days = json_integer_value(in->value);

    if (json_is_null(in->value))
        return 0;
    if (!json_is_integer(in->value) || days < 1 || days > PERIOD_DAYS_MAX)
        return bad(in, "a whole number from 1 to 36500 is expected");
    if (in->out->period != PERIOD_NONE)
        return bad(in, "a budget has periodDays or period, not both");
    in->out->period = PERIOD_DAYS;
    in->out->period_days = (int)days;
    return 0;
}

static int read_period(const struct reader *in)
{
    int i = read_word(in, periods, LEN(periods));

    if (i < 0)
        return bad(in, "day, week or month is expected");
    if (in->out->period != PERIOD_NONE)
        return bad(in, "a budget has periodDays or period, not both");
    in->out->period = (enum period_kind)i;
    return 0;
}

static int read_timezone(const struct reader *in)
{
    return read_text(in, in->out->timezone, sizeof in->out->timezone);
}

static int read_enforcement(const struct reader *in)
{
    int i = read_word(in, enforcements, LEN(enforcements));

    if (i < 0)
        return bad(in, "estimate or strict is expected");
    in->out->enforcement = (enum enforcement)i;
    return 0;
}

static int read_predict(const struct reader *in)
{
    int i = read_word(in, predictors, LEN(predictors));

    if (i < 0)
        return bad(in, "rule or learned is expected");
    in->out->predictor = (enum predictor)i;
    return 0;
}

static int read_alerts(const struct reader *in)
{
    size_t n = json_array_size(in->value);

    if (!json_is_array(in->value) || n > ALERTS_MAX)
        return bad(in, "a list of at most 8 percentages is expected");
    for (size_t i = 0; i < n; i++) {
        json_t *v = json_array_get(in->value, i);
        if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > 1000)
            return bad(in, "percentages are whole numbers from 1 to 1000");
        in->out->alert_percents[i] = (int)json_integer_value(v);
    }
    in->out->nalerts = (int)n;
    return 0;
}

static int read_alert_url(const struct reader *in)
{
    const char *url = json_string_value(in->value);

    if (url && *url && strncmp(url, "https://", 8) && strncmp(url, "http://", 7))
        return bad(in, "a URL that begins with https:// or http:// is expected");
    return read_text(in, in->out->alert_url, sizeof in->out->alert_url);
}

static int read_scope(const struct reader *in)
{
    int i = read_word(in, scopes, LEN(scopes));

    if (i < 0)
        return bad(in, "project, global or token is expected");
    in->out->scope = (enum scope)i;
    return 0;
}

static int read_token_id(const struct reader *in)
{
    if (!json_is_integer(in->value) || json_integer_value(in->value) < 1)
        return bad(in, "the id of a token is expected");
    in->out->token_id = json_integer_value(in->value);
    return 0;
}

static const struct field {
    const char *name;
    int (*read)(const struct reader *in);
} fields[] = {
    {"projectId", read_project},       {"limitUsd", read_limit},
    {"periodDays", read_period_days},  {"period", read_period},
    {"timezone", read_timezone},       {"perRequestUsd", read_per_request},
    {"enforcement", read_enforcement}, {"predict", read_predict},
    {"alertPercents", read_alerts},    {"alertUrl", read_alert_url},
    {"scope", read_scope},             {"tokenId", read_token_id},
};

static const struct field *find_field(const char *name)
{
    for (size_t i = 0; i < LEN(fields); i++)
        if (!strcmp(fields[i].name, name))
            return &fields[i];
    return NULL;
}

static int read_fields(struct exchange *x, json_t *root, struct budget *b)
{
    struct reader in = {.text = buf_all(&x->body), .out = b, .r = &x->refusal};
    const struct field *f;
    const char *key;

    json_object_foreach(root, key, in.value) {
        if (!(f = find_field(key)))
            return refuse(&x->refusal, REFUSE_INVALID_REQUEST, NULL, "%.100s: no such field", key);
        in.field = f->name; /* the refusal outlives the parsed body */
        if (f->read(&in))
            return -1;
    }
    return 0;
}

static int require(struct exchange *x, json_t *root, const struct budget *b)
{
    if (!json_object_get(root, "limitUsd"))
        return refuse(&x->refusal, REFUSE_INVALID_REQUEST, "limitUsd", "limitUsd is missing");
    if (b->scope == SCOPE_PROJECT && !exchange_is_project_id(span_of(b->project)))
        return refuse(&x->refusal, REFUSE_INVALID_REQUEST, "projectId",
                      "projectId: 1 to 128 of A-Z a-z 0-9 . _ : @ - are expected");
    if (b->scope == SCOPE_TOKEN && !b->token_id)
        return refuse(&x->refusal, REFUSE_INVALID_REQUEST, "tokenId", "tokenId is missing");
    return 0;
}

int admin_read_json(struct exchange *x, json_t **root)
{
    struct json_limits limits = {8, 1000};
    struct err e;

    switch (json_read(buf_all(&x->body), &limits, root, &e)) {
    case JSON_OK:
        return 0;
    case JSON_NO_MEMORY:
        return refuse(&x->refusal, REFUSE_INTERNAL, NULL, "%s", e.msg);
    default:
        return refuse(&x->refusal, REFUSE_INVALID_REQUEST, NULL, "%s", e.msg);
    }
}

int admin_read_budget(struct exchange *x, struct budget *b)
{
    json_t *root;
    int r;

    *b = (struct budget){.scope = SCOPE_PROJECT, .per_request = -1};
    if (admin_read_json(x, &root))
        return -1;
    r = read_fields(x, root, b) || require(x, root, b) ? -1 : 0;
    json_decref(root);
    return r;
}
