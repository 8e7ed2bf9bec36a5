/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "proxy/admin.h"
#include "proxy/alert.h"

/* What an alert says. */

static void name_budget(const struct budget *b, char *out, size_t size)
{
    if (b->scope == SCOPE_PROJECT)
        snprintf(out, size, "project %s", b->project);
    else if (b->scope == SCOPE_TOKEN)
        snprintf(out, size, "token %" PRId64, b->token_id);
    else
        snprintf(out, size, "everything");
}

static void say(const struct alert *a, const struct budget *b, nano_t hour, nano_t usual, struct buf *out)
{
    char name[PROJECT_ID_MAX + 32], one[MONEY_LEN], two[MONEY_LEN], when[CLOCK_ISO_LEN];

    name_budget(b, name, sizeof name);
    buf_printf(out, "tokencap: the budget of %s ", name);
    if (a->threshold)
        buf_printf(out, "has reached %d %%: $%s of $%s is spent", a->threshold, money_json(b->spent, one),
                   money_json(b->limit, two));
    else
        buf_printf(out, "sees a spike: this hour has cost $%s so far, an hour of the last week $%s",
                   money_json(hour, one), money_json(usual, two));
    if (b->period_end) {
        clock_iso(b->period_end, when);
        buf_printf(out, ". It starts again at %s", when);
    }
    buf_char(out, '.');
}

static void write_json(const struct alert *a, const struct budget *b, nano_t hour, nano_t usual,
                       struct span message, struct jsonw *w)
{
    jsonw_open(w, '{');
    jsonw_member_str(w, "id", span_of(a->id));
    jsonw_member_str(w, "type", a->threshold ? SPAN("budget.threshold") : SPAN("budget.spike"));
    jsonw_member_time(w, "createdAt", a->created_ms);
    if (a->threshold) {
        jsonw_member_int(w, "thresholdPercent", a->threshold);
    } else {
        money_member(w, "hourUsd", hour);
        money_member(w, "usualHourUsd", usual);
    }
    jsonw_key(w, "budget");
    admin_write_budget(w, b, false);
    jsonw_member_str(w, "message", message);
    jsonw_close(w, '}');
}

/* Slack reads &, < and > of a text as markup; no name here holds one. */
static void write_slack(struct span message, struct jsonw *w)
{
    jsonw_open(w, '{');
    jsonw_member_str(w, "text", message);
    jsonw_close(w, '}');
}

static void make_id(char *out, size_t size)
{
    uint64_t random[2];

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        abort(); /* cannot fail for 16 bytes once the system has booted: getrandom(2) */
    snprintf(out, size, "alrt_%016" PRIx64 "%016" PRIx64, random[0], random[1]);
}

int alert_write(struct alert *a, const struct budget *b, const struct alert_rules *rules, nano_t hour,
                nano_t usual, struct err *e)
{
    struct buf message, body;
    struct jsonw w;
    bool failed;

    make_id(a->id, sizeof a->id);
    buf_init(&message, 1024);
    buf_init(&body, sizeof a->body);
    jsonw_init(&w, &body);
    say(a, b, hour, usual, &message);
    if (rules->slack)
        write_slack(buf_all(&message), &w);
    else
        write_json(a, b, hour, usual, buf_all(&message), &w);
    failed = body.failed || message.failed || body.n >= sizeof a->body;
    if (!failed)
        memcpy(a->body, body.p, body.n + 1);
    buf_finish(&message);
    buf_finish(&body);
    return failed ? err_set(e, ERR_MEMORY, "no room for an alert") : 0;
}
