/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "proxy/outlet.h"
#include "proxy/steps.h"

static bool wants_usage_injected(const struct exchange *x)
{
    enum api api = x->target.route->api;

    return x->target.route->kind == ROUTE_PRICED && (api == API_CHAT || api == API_COMPLETIONS) &&
           x->request.stream && !x->request.asks_usage && x->provider->stream_options;
}

/* ---- the answer as it comes ---- */

/* The upstream's headers, less those that concern its connection or the body's framing, and less the
 * figures of a tokencap behind this one. */
static void pass_headers(struct exchange *x, const struct headers *h)
{
    struct span connection = headers_get(h, "connection");

    for (int i = 0; i < h->n; i++)
        if (!header_is_hop_by_hop(h->list[i].name, connection) && !header_is_tokencaps(h->list[i].name) &&
            !span_eq_nocase(h->list[i].name, SPAN("content-length")))
            headers_add(&x->reply.headers, &x->arena, h->list[i].name, h->list[i].value);
}

static void keep_length(struct exchange *x, const struct headers *h)
{
    struct reply *r = &x->reply;

    r->head_only = x->method == METHOD_HEAD;
    if (!span_to_int64(headers_get(h, "content-length"), &r->length))
        r->length = -1;
}

static bool is_event_stream(const struct headers *h)
{
    struct span type, rest;

    span_cut(headers_get(h, "content-type"), ';', &type, &rest);
    return span_eq_nocase(span_trim(type), SPAN("text/event-stream"));
}

static bool is_coded(const struct headers *h)
{
    struct span coding = headers_get(h, "content-encoding");

    return coding.n && !span_eq_nocase(coding, SPAN("identity"));
}

/* From here on the client gets events as they come; the actual figures follow as trailers. */
static bool begin_stream(struct exchange *x)
{
    struct err e;

    reply_add_predictions(x, &x->reply.headers);
    limit_add_headers(x, &x->reply.headers);
    reply_add_ids(x, &x->reply.headers);
    reply_announce_actuals(x, &x->reply.headers);
    return outlet_open(x, &e) == 0;
}

static bool on_head(void *ctx, int status, const struct headers *h)
{
    struct exchange *x = ctx;

    x->upstream_status = status;
    if (status >= 300 && status < 400)
        return false;
    x->forwarded = true;
    x->reply.status = status;
    pass_headers(x, h);
    keep_length(x, h);
    x->coded = is_coded(h);
    if (x->target.route->kind == ROUTE_PRICED && status == 200 && is_event_stream(h))
        return begin_stream(x);
    return true;
}

static bool on_data(void *ctx, struct span bytes)
{
    struct exchange *x = ctx;

    if (!x->reply.streamed) {
        if (!exchange_charge_memory(x, bytes.n))
            return false;
        buf_span(&x->reply.body, bytes);
        return !x->reply.body.failed;
    }
    buf_clear(&x->reply.body);
    if (x->coded)
        buf_span(&x->reply.body, bytes);
    else
        answer_feed(&x->answer, bytes, &x->reply.body);
    outlet_write(x, buf_all(&x->reply.body));
    if (!cap_reached(x))
        return !x->reply.body.failed;
    buf_clear(&x->reply.body);
    if (!cap_stop(x, &x->reply.body))
        return true;
    outlet_write(x, buf_all(&x->reply.body));
    return false;
}

/* After the client left, the rest is read for its exact usage, for a while, or given up at once. */
static bool on_stop(void *ctx)
{
    struct exchange *x = ctx;
    const struct config *c = &x->settings->config;
    int64_t left = atomic_load(&x->client_gone_ns);

    if (!left)
        return false;
    if (x->target.route->kind != ROUTE_PRICED || c->on_disconnect == ON_DISCONNECT_CANCEL)
        return true;
    return clock_mono_ns() - left > c->drain_client_timeout * 1000000;
}

/* ---- how it ended ---- */

static const struct {
    enum refusal_kind kind;
    const char *message; /* for a client that has got nothing yet */
    bool told;           /* a bound of ours: in the midst of a stream, too, before it is cut */
} failures[UPSTREAM_ENDS] = {
    [UPSTREAM_WHOLE] = {REFUSE_UPSTREAM_FAILED, "The upstream answered with a redirect, which is not followed."},
    [UPSTREAM_UNRESOLVED] = {REFUSE_UPSTREAM_FAILED, "The upstream's name was not found."},
    [UPSTREAM_REFUSED] = {REFUSE_UPSTREAM_FAILED, "The upstream refused the connection."},
    [UPSTREAM_SLOW_CONNECT] = {REFUSE_UPSTREAM_TIMEOUT, "The upstream did not take the connection in time."},
    [UPSTREAM_TLS] = {REFUSE_UPSTREAM_FAILED, "The upstream's certificate or TLS could not be verified."},
    [UPSTREAM_LOST] = {REFUSE_UPSTREAM_FAILED, "The upstream closed the connection, or did not speak HTTP."},
    [UPSTREAM_BROKEN] = {REFUSE_UPSTREAM_FAILED, "The upstream's answer broke off."},
    [UPSTREAM_SILENT] = {REFUSE_UPSTREAM_TIMEOUT, "The upstream did not answer in time."},
    [UPSTREAM_STALLED] = {REFUSE_UPSTREAM_TIMEOUT,
                          "The upstream stopped answering, or did not end in time.", true},
    [UPSTREAM_TOO_LARGE] = {REFUSE_UPSTREAM_FAILED, "The upstream's answer is larger than max-answer.", true},
    [UPSTREAM_CUT] = {REFUSE_UPSTREAM_FAILED, "The upstream answered with a redirect, which is not followed."},
    [UPSTREAM_OURS] = {REFUSE_OVERLOADED, "No memory to send this request."},
};

/* A body that begins like an object and does not end like one was longer than its length said. */
static bool looks_cut(struct span body)
{
    while (body.n && strchr(" \t\r\n", body.p[body.n - 1]))
        body.n--;
    return body.n && body.p[0] == '{' && body.p[body.n - 1] != '}';
}

/* CURLE_OK does not mean complete: a stream is whole at its dialect's own end, or where its framing says
 * so after a reason was told for the end; a body when it is whole JSON, or at least when nothing says that
 * it is not. */
bool answer_is_whole(const struct exchange *x)
{
    if (x->capped || x->answer.complete || x->answer.failed)
        return x->capped || x->upstream.end == UPSTREAM_WHOLE;
    if (x->upstream.end != UPSTREAM_WHOLE || !x->upstream.well_framed)
        return false;
    if (x->reply.streamed)
        return x->coded || answer_has_ended(&x->answer);
    return x->target.route->kind != ROUTE_PRICED || !looks_cut(buf_all(&x->reply.body));
}

static int report_failure(struct exchange *x)
{
    const struct upstream_result *r = &x->upstream;

    if (r->end != UPSTREAM_WHOLE) {
        metric_add(&x->server->metrics.upstream_errors[r->end], 1);
        log_info("request_id=%s upstream failed: %s", x->id, *r->why ? r->why : failures[r->end].message);
    }
    if (x->forwarded)
        return 0;
    return refuse(&x->refusal, failures[r->end].kind, NULL, "%s", failures[r->end].message);
}

/* A client that waits in the midst of a stream hears why it is cut. */
static void tell_failure(struct exchange *x, struct buf *out)
{
    struct refusal r;

    refuse(&r, failures[x->upstream.end].kind, NULL, "%s", failures[x->upstream.end].message);
    answer_error_event(&x->answer, &r, x->id, out);
}

static void read_answer(struct exchange *x)
{
    if (x->capped)
        return;
    if (x->reply.streamed) {
        buf_clear(&x->reply.body);
        if (failures[x->upstream.end].told && !x->coded)
            tell_failure(x, &x->reply.body);
        answer_end(&x->answer, &x->reply.body);
        outlet_write(x, buf_all(&x->reply.body));
    } else if (x->forwarded && x->target.route->kind == ROUTE_PRICED) {
        answer_body(&x->answer, buf_all(&x->reply.body));
    }
}

/* What goes upstream; of the client's bytes and the edited copy, only that one is kept. */
static struct span choose_body(struct exchange *x, const struct splice *edits, struct buf *spliced)
{
    struct span body = buf_all(&x->body);

    if (x->target.route->kind != ROUTE_PRICED)
        return body;
    body = request_splice(&x->request, edits, spliced);
    if (spliced->n) {
        x->request.body = (struct span){0};
        buf_finish(&x->body);
    }
    return body;
}

/* While it runs, the connection's thread can wake it. */
static void call(struct exchange *x, struct upstream *u, const struct upstream_request *q)
{
    pthread_mutex_lock(&x->fd_lock);
    x->calling = u;
    pthread_mutex_unlock(&x->fd_lock);
    upstream_call(u, q, &x->upstream);
    pthread_mutex_lock(&x->fd_lock);
    x->calling = NULL;
    pthread_mutex_unlock(&x->fd_lock);
}

int step_forward(struct exchange *x, struct upstream *u)
{
    const struct config *c = &x->settings->config;
    struct splice edits = {.include_usage = wants_usage_injected(x), .max_tokens = x->applied_max_tokens};
    struct headers headers = {.n = 0};
    struct upstream_request q = {
        .url = outgoing_url(x, ""),
        .post = x->method == METHOD_POST,
        .head_only = x->method == METHOD_HEAD,
        .streams = x->request.stream,
        .headers = &headers,
        .limits = {c->connect_timeout, c->first_byte_timeout, c->gap_timeout, c->request_timeout,
                   c->max_answer, c->upstream_ca},
        .arena = &x->arena,
        .ctx = x,
        .head = on_head,
        .data = on_data,
        .stop = on_stop,
    };
    struct buf spliced;

    if (exchange_client_is_gone(x))
        return refuse(&x->refusal, REFUSE_OVERLOADED, NULL, "The client left before this was sent.");
    buf_init(&spliced, 0);
    q.body = choose_body(x, &edits, &spliced);
    answer_init(&x->answer, x->target.route->api, edits.include_usage);
    answer_expect(&x->answer, &x->request);
    x->answer.may_stop = c->on_cap == ON_CAP_STOP;
    if (!q.url || !outgoing_headers(x, &headers) || spliced.failed)
        x->upstream.end = UPSTREAM_OURS;
    else
        call(x, u, &q);
    buf_finish(&spliced);
    read_answer(x);
    return report_failure(x);
}
