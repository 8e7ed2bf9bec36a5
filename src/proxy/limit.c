/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "proxy/steps.h"

/* A project's rate limits: the step that takes from them, the one that gives back, and what the client
 * is told of them. */

static struct rate_limits limits_of(const struct exchange *x)
{
    const struct config *c = &x->settings->config;

    return (struct rate_limits){c->project_concurrency, c->requests_per_minute, c->tokens_per_minute};
}

static int refuse_rate(struct exchange *x)
{
    static const char *const messages[] = {
        [RATE_IN_FLIGHT] = "The project has as many requests in flight as it may "
                           "(project-concurrency, %lld).",
        [RATE_REQUESTS] = "The project has used up its requests a minute (requests-per-minute, %lld).",
        [RATE_TOKENS] = "The project has used up its tokens a minute (tokens-per-minute, %lld).",
        [RATE_TOO_LARGE] = "This request alone needs more tokens than the project may use in a "
                           "minute (tokens-per-minute, %lld).",
        [RATE_PROJECTS_FULL] = "Too many projects at once.",
    };
    const struct rate_state *s = &x->rate;
    int64_t limit = s->verdict == RATE_IN_FLIGHT  ? s->limits.in_flight
                    : s->verdict == RATE_REQUESTS ? s->limits.requests
                                                  : s->limits.tokens;

    refuse(&x->refusal, REFUSE_RATE_LIMITED, NULL, messages[s->verdict], (long long)limit);
    if (s->verdict != RATE_TOO_LARGE)
        x->refusal.retry_after = s->retry_ms > 1000 ? (int)((s->retry_ms + 999) / 1000) : 1;
    return -1;
}

int step_limit(struct exchange *x, struct upstream *u)
{
    struct rate_limits limits = limits_of(x);

    (void)u;
    if (!limits.in_flight && !limits.requests && !limits.tokens)
        return 0;
    x->rate_tokens = x->estimate.input_tokens + x->estimate.output_tokens;
    x->rated = true;
    ratelimit_take(x->server->rates, span_of(x->project), &limits, x->rate_tokens, clock_mono_ns(),
                   &x->rate);
    return x->rate.verdict == RATE_TAKEN ? 0 : refuse_rate(x);
}

/* What was taken for: the usage where it is known, nothing where nothing was billed. */
static int64_t tokens_used(const struct exchange *x)
{
    const struct settlement *s = &x->settlement;

    if (x->hold != HOLD_ENDED || s->state == HOLD_VOIDED)
        return 0;
    return s->usage.nparts ? usage_input(&s->usage) + usage_output(&s->usage) : x->rate_tokens;
}

int step_unlimit(struct exchange *x, struct upstream *u)
{
    (void)u;
    if (x->rated && x->rate.verdict == RATE_TAKEN)
        ratelimit_end(x->server->rates, span_of(x->project), &x->rate.limits, x->rate_tokens,
                      tokens_used(x), clock_mono_ns());
    return 0;
}

/* ---- headers ---- */

/* As OpenAI writes durations: "20ms", "1.5s", "6m0s". */
static void write_duration(int64_t ms, char out[32])
{
    if (ms < 1000)
        snprintf(out, 32, "%" PRId64 "ms", ms);
    else if (ms < 60000)
        snprintf(out, 32, "%" PRId64 ".%" PRId64 "s", ms / 1000, ms % 1000 / 100);
    else
        snprintf(out, 32, "%" PRId64 "m%" PRId64 "s", ms / 60000, ms % 60000 / 1000);
}

/* One limit in the three headers of one provider's style. */
struct trio {
    const char *limit, *left, *full;
    bool iso; /* the moment at which it is full, else the time until then */
};

static bool has_less(const struct headers *h, const char *name, int64_t left)
{
    struct span there = headers_get(h, name);
    long long n;

    return there.p && span_to_int64(there, &n) && n <= left;
}

static void replace(struct exchange *x, struct headers *h, const char *name, const char *value)
{
    headers_remove(h, name);
    headers_add(h, &x->arena, span_of(name), span_of(value));
}

/* The tighter limit is told, ours or the upstream's. An upstream's error keeps its own. */
static void add_trio(struct exchange *x, struct headers *h, const struct trio *t, int64_t limit,
                     int64_t left, int64_t full_ms)
{
    char value[32];

    if (!limit || has_less(h, t->left, left) ||
        (x->forwarded && x->upstream_status >= 400 && headers_get(h, t->left).p))
        return;
    snprintf(value, sizeof value, "%" PRId64, limit);
    replace(x, h, t->limit, value);
    snprintf(value, sizeof value, "%" PRId64, left);
    replace(x, h, t->left, value);
    if (t->iso)
        clock_iso(clock_wall_ms() + full_ms, value);
    else
        write_duration(full_ms, value);
    replace(x, h, t->full, value);
}

void limit_add_headers(struct exchange *x, struct headers *h)
{
    static const struct trio requests[] = {
        {"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests",
         false},
        {"anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining",
         "anthropic-ratelimit-requests-reset", true},
    };
    static const struct trio tokens[] = {
        {"x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens", false},
        {"anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining",
         "anthropic-ratelimit-tokens-reset", true},
    };
    const struct rate_state *s = &x->rate;
    int styles = x->target.dialect == DIALECT_ANTHROPIC ? 2 : 1;

    for (int i = 0; x->rated && i < styles; i++) {
        add_trio(x, h, &requests[i], s->limits.requests, s->requests_left, s->requests_full_ms);
        add_trio(x, h, &tokens[i], s->limits.tokens, s->tokens_left, s->tokens_full_ms);
    }
}
