/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "proxy/steps.h"

/* --count-upstream anthropic: the provider's own count, before anything is held. It is free; its failure
 * costs nothing but the wait. */

#define ANSWER_MAX 65536
#define WAIT_MS    5000

struct asked {
    struct exchange *x;
    int status;
    struct buf body;
};

static bool on_head(void *ctx, int status, const struct headers *h)
{
    struct asked *a = ctx;

    (void)h;
    a->status = status;
    return true;
}

static bool on_data(void *ctx, struct span bytes)
{
    struct asked *a = ctx;

    buf_span(&a->body, bytes);
    return !a->body.failed;
}

static bool on_stop(void *ctx)
{
    const struct asked *a = ctx;

    return exchange_client_is_gone(a->x);
}

static bool is_wanted(const struct exchange *x)
{
    return x->settings->config.count_upstream == COUNT_UPSTREAM_ANTHROPIC &&
           x->target.route->api == API_MESSAGES && x->count.method != COUNT_EXACT;
}

static int64_t ask(struct exchange *x, struct upstream *u, struct span body)
{
    const struct config *c = &x->settings->config;
    struct asked a = {.x = x};
    struct upstream_result result;
    struct headers headers = {.n = 0};
    struct upstream_request q = {
        .url = outgoing_url(x, "/count_tokens"),
        .post = true,
        .headers = &headers,
        .body = body,
        .limits = {c->connect_timeout, WAIT_MS, WAIT_MS, WAIT_MS, ANSWER_MAX, c->upstream_ca},
        .arena = &x->arena,
        .ctx = &a,
        .head = on_head,
        .data = on_data,
        .stop = on_stop,
    };
    int64_t tokens = -1;

    if (!q.url || !outgoing_headers(x, &headers))
        return -1;
    buf_init(&a.body, ANSWER_MAX);
    upstream_call(u, &q, &result);
    if (result.end == UPSTREAM_WHOLE && a.status == 200)
        tokens = request_count_answer(buf_all(&a.body));
    buf_finish(&a.body);
    return tokens;
}

int step_ask(struct exchange *x, struct upstream *u)
{
    int64_t tokens = -1;
    struct buf body;

    if (!is_wanted(x))
        return 0;
    buf_init(&body, 0);
    if (request_count_body(&x->request, &body)) {
        exchange_forget_prompt(x); /* the provider may take its time */
        tokens = ask(x, u, buf_all(&body));
    }
    buf_finish(&body);
    if (tokens < 0) {
        log_debug("request_id=%s the provider did not count; the local count stands", x->id);
        return 0;
    }
    x->count.tokens = x->count.bound = tokens;
    x->count.method = COUNT_PROVIDER;
    return 0;
}
