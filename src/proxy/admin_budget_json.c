/* SPDX-License-Identifier: MIT */
#include "proxy/admin.h"

#include <jansson.h>

#include "base/jsonw.h"
#include "proxy/admin_fields.h"
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

static struct budget *budget(const struct field_reader *in)
{
    return in->out;
}

static int read_project(const struct field_reader *in)
{
    return field_text(in, budget(in)->project, sizeof budget(in)->project);
}

static int read_limit(const struct field_reader *in)
{
    return field_money(in, &budget(in)->limit);
}

static int read_per_request(const struct field_reader *in)
{
    return json_is_null(in->value) ? 0 : field_money(in, &budget(in)->per_request);
}

static int read_period_days(const struct field_reader *in)
{
    double days = json_number_value(in->value); /* 30.0 is a whole number too */

    if (json_is_null(in->value))
        return 0;
    if (!json_is_number(in->value) || !(days >= 1 && days <= PERIOD_DAYS_MAX) || days != (int)days)
        return field_bad(in, "a whole number from 1 to 36500 is expected");
    if (budget(in)->period != PERIOD_NONE)
        return field_bad(in, "a budget has periodDays or period, not both");
    budget(in)->period = PERIOD_DAYS;
    budget(in)->period_days = (int)days;
    return 0;
}

static int read_period(const struct field_reader *in)
{
    int i = field_word(in, periods, LEN(periods));

    if (i < 0)
        return field_bad(in, "day, week or month is expected");
    if (budget(in)->period != PERIOD_NONE)
        return field_bad(in, "a budget has periodDays or period, not both");
    budget(in)->period = (enum period_kind)i;
    return 0;
}

static int read_timezone(const struct field_reader *in)
{
    return field_text(in, budget(in)->timezone, sizeof budget(in)->timezone);
}

static int read_enforcement(const struct field_reader *in)
{
    int i = field_word(in, enforcements, LEN(enforcements));

    if (i < 0)
        return field_bad(in, "estimate or strict is expected");
    budget(in)->enforcement = (enum enforcement)i;
    return 0;
}

static int read_predict(const struct field_reader *in)
{
    int i = field_word(in, predictors, LEN(predictors));

    if (i < 0)
        return field_bad(in, "rule or learned is expected");
    budget(in)->predictor = (enum predictor)i;
    return 0;
}

static int read_alerts(const struct field_reader *in)
{
    size_t n = json_array_size(in->value);

    if (!json_is_array(in->value) || n > ALERTS_MAX)
        return field_bad(in, "a list of at most 8 percentages is expected");
    for (size_t i = 0; i < n; i++) {
        json_t *v = json_array_get(in->value, i);
        if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > 1000)
            return field_bad(in, "percentages are whole numbers from 1 to 1000");
        budget(in)->alert_percents[i] = (int)json_integer_value(v);
    }
    budget(in)->nalerts = (int)n;
    return 0;
}

/* Of http or https, with a host, and nothing in it that an URL cannot have. */
static bool is_web_url(const char *url)
{
    size_t scheme = !strncasecmp(url, "https://", 8) ? 8 : !strncasecmp(url, "http://", 7) ? 7 : 0;

    for (const char *p = url; *p; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
            return false;
    return scheme && url[scheme] && !strchr("/?#:@", url[scheme]);
}

static int read_alert_url(const struct field_reader *in)
{
    const char *url = json_string_value(in->value);

    if (url && *url && !is_web_url(url))
        return field_bad(in, "an ASCII URL that begins with https:// or http:// and a host is expected");
    return field_text(in, budget(in)->alert_url, sizeof budget(in)->alert_url);
}

static int read_scope(const struct field_reader *in)
{
    int i = field_word(in, scopes, LEN(scopes));

    if (i < 0)
        return field_bad(in, "project, global or token is expected");
    budget(in)->scope = (enum scope)i;
    return 0;
}

static int read_token_id(const struct field_reader *in)
{
    if (!json_is_integer(in->value) || json_integer_value(in->value) < 1)
        return field_bad(in, "the id of a token is expected");
    budget(in)->token_id = json_integer_value(in->value);
    return 0;
}

static const struct field fields[] = {
    {"projectId", read_project},       {"limitUsd", read_limit},
    {"periodDays", read_period_days},  {"period", read_period},
    {"timezone", read_timezone},       {"perRequestUsd", read_per_request},
    {"enforcement", read_enforcement}, {"predict", read_predict},
    {"alertPercents", read_alerts},    {"alertUrl", read_alert_url},
    {"scope", read_scope},             {"tokenId", read_token_id},
};

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
    r = fields_read(x, root, fields, LEN(fields), b) || require(x, root, b) ? -1 : 0;
    json_decref(root);
    return r;
}
