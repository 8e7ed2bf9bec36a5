/* SPDX-License-Identifier: MIT */
#include "ledger/ending.h"

#include <string.h>

static const bool successors[][HOLD_INTERRUPTED + 1] = {
    [HOLD_OPEN] = {[HOLD_SETTLED] = true,
                   [HOLD_VOIDED] = true,
                   [HOLD_ESTIMATED] = true,
                   [HOLD_INTERRUPTED] = true},
    [HOLD_SETTLED] = {false}, /* what has ended stays as it ended */
    [HOLD_VOIDED] = {false},
    [HOLD_ESTIMATED] = {false},
    [HOLD_INTERRUPTED] = {false},
};

bool hold_may_become(enum hold_state from, enum hold_state to)
{
    return successors[from][to];
}

static void copy(char *to, size_t size, const char *from)
{
    str_copy(to, size, span_of(from));
}

int settlement_check(const struct settlement *s, struct err *e)
{
    bool bad = s->cost < 0 || s->cost > NANO_MAX || s->usage.reasoning < 0;

    if (s->state <= HOLD_OPEN || s->state > HOLD_INTERRUPTED)
        return err_set(e, ERR_INTERNAL, "a hold cannot end as state %d", (int)s->state);
    for (int i = 0; i < s->usage.nparts; i++)
        for (int k = 0; k < TOK_KINDS; k++)
            bad = bad || s->usage.parts[i].tokens[k] < 0 ||
                  s->usage.parts[i].tokens[k] > INT64_C(1) << 40;
    return bad ? err_set(e, ERR_INVALID, "a settlement's figures are out of range") : 0;
}

void ending_of(const struct settlement *s, struct ending *end)
{
    *end = (struct ending){0};
    end->state = s->state;
    end->cost = s->cost;
    end->charge_hold = s->charge_hold;
    end->tokens_known = s->usage.nparts > 0;
    for (int i = 0; i < s->usage.nparts; i++)
        for (int k = 0; k < TOK_KINDS; k++)
            end->kinds[k] += s->usage.parts[i].tokens[k];
    end->reasoning = s->usage.reasoning;
    copy(end->model, sizeof end->model, s->model);
    copy(end->price_version, sizeof end->price_version, s->price_version);
    copy(end->price_rule, sizeof end->price_rule, s->price_rule);
    copy(end->confidence, sizeof end->confidence, s->confidence);
    end->status = s->status;
    end->streamed = s->streamed;
    end->now_ms = s->now_ms;
    end->duration_ms = s->duration_ms;
    end->ttft_ms = s->ttft_ms;
    end->saved = s->saved - s->premium;
}

struct ending ending_interrupted(int64_t created_ms, int64_t now_ms)
{
    return (struct ending){
        .state = HOLD_INTERRUPTED,
        .charge_hold = true,
        .now_ms = now_ms,
        .duration_ms = now_ms > created_ms ? now_ms - created_ms : 0,
        .ttft_ms = -1,
    };
}

struct tokens_used ending_tokens(const struct ending *end, int64_t predicted_input,
                                 int64_t predicted_output)
{
    struct tokens_used t = {0};

    if (end->tokens_known) {
        memcpy(t.kinds, end->kinds, sizeof t.kinds);
    } else {
        t.kinds[TOK_INPUT] = predicted_input;
        t.kinds[TOK_OUTPUT] = predicted_output;
    }
    for (int k = 0; k < TOK_KINDS; k++)
        *(k < TOK_OUTPUT ? &t.input : &t.output) += t.kinds[k];
    return t;
}

struct usage_sums ending_sums(const struct ending *end, const struct tokens_used *t, nano_t cost,
                              nano_t predicted)
{
    bool first_byte = end->streamed && end->ttft_ms >= 0;

    return (struct usage_sums){
        .requests = 1,
        .estimated = end->state != HOLD_SETTLED,
        .input = t->input,
        .output = t->output,
        .cached = t->kinds[TOK_CACHE_READ],
        .written = t->kinds[TOK_CACHE_WRITE_5M] + t->kinds[TOK_CACHE_WRITE_30M] +
                   t->kinds[TOK_CACHE_WRITE_1H] + t->kinds[TOK_CACHE_WRITE_12H],
        .reasoning = end->reasoning,
        .duration_ms =
            end->state == HOLD_INTERRUPTED ? 0 : end->duration_ms, /* its is the outage's */
        .streams = first_byte,
        .ttft_ms = first_byte ? end->ttft_ms : 0,
        .cost = cost,
        .predicted = predicted,
        .saved = end->saved,
    };
}
