/* SPDX-License-Identifier: MIT */
#include "ledger/budget_rules.h"

#include <stdio.h>
#include <stdlib.h>

#define PERCENT_MAX 1000

void account_key(enum scope scope, const char *project, int64_t token_id, const char *run,
                 char out[ACCOUNT_KEY_MAX + 1])
{
    switch (scope) {
    case SCOPE_PROJECT:
        str_copy(out, ACCOUNT_KEY_MAX + 1, span_of(project));
        break;
    case SCOPE_TOKEN:
        snprintf(out, ACCOUNT_KEY_MAX + 1, "%lld", (long long)token_id);
        break;
    case SCOPE_RUN: /* a project id has no slash, so no project meets another's runs */
        snprintf(out, ACCOUNT_KEY_MAX + 1, "%s/%s", project, run);
        break;
    default:
        out[0] = '\0';
    }
}

struct period_rule budget_rule(const struct budget *b)
{
    return (struct period_rule){b->period, b->period_days, b->timezone};
}

static int check_scope(const struct budget *b, struct err *e)
{
    switch (b->scope) {
    case SCOPE_GLOBAL:
        return 0;
    case SCOPE_PROJECT:
        return b->project[0] ? 0 : err_set(e, ERR_INVALID, "projectId: is missing");
    case SCOPE_TOKEN:
        return b->token_id > 0 ? 0 : err_set(e, ERR_INVALID, "tokenId: is missing");
    default:
        return err_set(e, ERR_INVALID, "scope: must be global, project or token");
    }
}

int budget_check(const struct budget *b, struct err *e)
{
    struct period_rule rule = budget_rule(b);

    if (check_scope(b, e) != 0)
        return -1;
    if (b->limit < 0 || b->limit > NANO_MAX)
        return err_set(e, ERR_INVALID, "limitUsd: must be 0 to 1000000000");
    if (b->per_request < -1 || b->per_request > NANO_MAX)
        return err_set(e, ERR_INVALID, "perRequestUsd: must be 0 to 1000000000");
    if (b->enforcement < ENFORCE_DEFAULT || b->enforcement > ENFORCE_STRICT)
        return err_set(e, ERR_INVALID, "enforcement: must be estimate or strict");
    if (b->predictor < PREDICT_DEFAULT || b->predictor > PREDICT_LEARNED)
        return err_set(e, ERR_INVALID, "predict: must be rule or learned");
    if (b->nalerts < 0 || b->nalerts > ALERTS_MAX)
        return err_set(e, ERR_INVALID, "alertPercents: at most %d", ALERTS_MAX);
    for (int i = 0; i < b->nalerts; i++)
        if (b->alert_percents[i] < 1 || b->alert_percents[i] > PERCENT_MAX)
            return err_set(e, ERR_INVALID, "alertPercents: each must be 1 to %d", PERCENT_MAX);
    return period_check(&rule, e);
}

void budget_alerts_write(const struct budget *b, char out[ALERTS_TEXT_MAX])
{
    size_t n = 0;

    out[0] = '\0';
    for (int i = 0; i < b->nalerts; i++)
        n += (size_t)snprintf(out + n, 8, "%s%d", i ? "," : "", b->alert_percents[i]);
}

void budget_alerts_read(const char *s, struct budget *b)
{
    while (*s && b->nalerts < ALERTS_MAX) {
        char *end;

        b->alert_percents[b->nalerts++] = (int)strtol(s, &end, 10);
        s = *end ? end + 1 : end;
    }
}

void budget_fill(struct budget *b, const struct figures *f, struct period_span span)
{
    b->spent = f->spent;
    b->reserved = f->held;
    b->period_start = span.start;
    b->period_end = span.end;
}

void budget_roll(struct budget *b, int64_t now_ms)
{
    struct period_rule rule = budget_rule(b);
    struct period_span p = {b->period_start, b->period_end};

    if (!period_over(p, now_ms))
        return;
    p = period_after(&rule, p, now_ms);
    b->period_start = p.start;
    b->period_end = p.end;
    b->spent = b->reserved = 0;
}

int budget_missing(enum scope scope, struct err *e)
{
    switch (scope) {
    case SCOPE_PROJECT:
        return err_set(e, ERR_NOT_FOUND, "No budget found for this project");
    case SCOPE_TOKEN:
        return err_set(e, ERR_NOT_FOUND, "No budget found for this token");
    default:
        return err_set(e, ERR_NOT_FOUND, "No global budget found");
    }
}
