/* SPDX-License-Identifier: MIT */
#include "proxy/exchange.h"

#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "ledger/request_id.h"
#include "proxy/guard.h"
#include "proxy/steps.h"

#define KIND(k)   (1 << (k))
#define PRICED    KIND(ROUTE_PRICED)
#define ESTIMATED KIND(ROUTE_ESTIMATE)
#define FORWARDED KIND(ROUTE_FORWARD)
#define ALL       (PRICED | ESTIMATED | FORWARDED)

/*
 * The life of an exchange. A step runs for the kinds of route it is for, and after a refusal only if it
 * runs always: so once `reserve` has opened a hold, the only way out is through `settle`.
 */
static const struct step {
    const char *name;
    int (*run)(struct exchange *x, struct upstream *u);
    int kinds;
    bool always;
} steps[] = {
    {"admit",   step_admit,   ALL,                false},
    {"parse",   step_parse,   ALL,                false},
    {"choose",  step_choose,  ALL,                false},
    {"count",   step_count,   PRICED | ESTIMATED, false},
    {"ask",     step_ask,     PRICED,             false},
    {"forget",  step_forget,  ALL,                true},
    {"price",   step_price,   PRICED | ESTIMATED, false},
    {"predict", step_predict, PRICED | ESTIMATED, false},
    {"quote",   step_quote,   ESTIMATED,          false},
    {"limit",   step_limit,   PRICED,             false},
    {"reserve", step_reserve, PRICED,             false},
    {"forward", step_forward, PRICED | FORWARDED, false},
    {"settle",  step_settle,  PRICED,             true},
    {"unlimit", step_unlimit, PRICED,             true},
    {"finish",  step_finish,  ALL,                true},
};

static bool move(struct exchange *x, enum exchange_stage to)
{
    int queued = STAGE_QUEUED;

    return atomic_compare_exchange_strong(&x->stage, &queued, to);
}

static void run_steps(struct exchange *x, struct upstream *u)
{
    int kind = KIND(x->target.route->kind);

    metric_add(&x->server->metrics.in_flight, 1);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (!(steps[i].kinds & kind) || (x->refused && !steps[i].always))
            continue;
        if (steps[i].run(x, u))
            x->refused = true;
    }
    metric_add(&x->server->metrics.in_flight, -1);
}

void exchange_run(struct exchange *x, struct upstream *u)
{
    if (move(x, STAGE_TAKEN))
        run_steps(x, u);
    exchange_release(x);
}

int exchange_check_waiting(struct exchange *x)
{
    if (clock_mono_ns() - x->submitted_ns <= x->settings->config.queue_timeout * 1000000 ||
        !move(x, STAGE_SHED))
        return 0;
    metric_add(&x->server->metrics.shed, 1);
    return refuse(&x->refusal, REFUSE_OVERLOADED, NULL, "No worker was free in time.");
}

/* ---- beginning and end ---- */

#define ID_BYTES 16

/* A connection's thread draws for several requests at once. */
static void make_id(char id[REQUEST_ID_LEN + 1])
{
    static _Thread_local unsigned char random[16 * ID_BYTES];
    static _Thread_local size_t left;

    if (!left && getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        abort(); /* cannot fail for 256 bytes once the system has booted: getrandom(2) */
    left = (left ? left : sizeof random) - ID_BYTES;
    request_id_unpack(random + left, id);
}

struct exchange *exchange_create(struct server *s, int client_fd, const struct sockaddr *peer,
                                 socklen_t peer_len)
{
    struct exchange *x = calloc(1, sizeof *x);

    if (!x)
        return NULL;
    x->server = s;
    atomic_fetch_add(&s->exchanges, 1);
    x->settings = settings_acquire(s);
    arena_init(&x->arena, (size_t)x->settings->config.max_body * 2 + (1 << 20));
    arena_init(&x->parsed, x->arena.cap);
    buf_init(&x->body, (size_t)x->settings->config.max_body);
    buf_init(&x->reply.body, 0);
    atomic_init(&x->users, 1);
    make_id(x->id);
    x->arrived_ns = clock_mono_ns();
    x->arrived_ms = clock_wall_ms();
    pthread_mutex_init(&x->fd_lock, NULL);
    x->client_fd = client_fd;
    if (peer && peer_len <= sizeof x->peer)
        memcpy(&x->peer, peer, peer_len);
    return x;
}

void exchange_forget_prompt(struct exchange *x)
{
    request_forget(&x->request);
    arena_finish(&x->parsed);
    if (!x->parses_big)
        return;
    x->parses_big = false;
    malloc_trim(0); /* each thread would keep what its largest tree took */
    sem_post(&x->server->big_parses);
}

void exchange_release(struct exchange *x)
{
    struct server *s = x->server;

    if (atomic_fetch_sub(&x->users, 1) != 1)
        return;
    live_end(x);
    atomic_fetch_sub(&s->memory, x->memory);
    answer_finish(&x->answer);
    ring_finish(&x->reply.ring);
    buf_finish(&x->reply.body);
    buf_finish(&x->body);
    arena_finish(&x->arena);
    settings_release(s, x->settings);
    pthread_mutex_destroy(&x->fd_lock);
    free(x);
    atomic_fetch_sub(&s->exchanges, 1);
}

/* ---- the connection's thread ---- */

bool exchange_is_project_id(struct span s)
{
    static const char marks[] = "._:@-";

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], lower = c | 0x20;
        if (!((c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z') || (c && strchr(marks, c))))
            return false;
    }
    return s.n >= 1 && s.n <= PROJECT_ID_MAX;
}

/* Header, else query, else path prefix, else the default; a project token has the last word. */
static int find_project(struct exchange *x)
{
    struct span id = headers_get(&x->headers, "x-tokencap-project-id");

    if (!id.p)
        id = x->target.project;
    if (!id.p)
        id = span_of(x->settings->config.default_project_id);
    if (!exchange_is_project_id(id))
        return refuse(&x->refusal, REFUSE_INVALID_PROJECT_ID, NULL,
                      "A project id is 1 to %d of A-Z a-z 0-9 . _ : @ -", PROJECT_ID_MAX);
    if (x->caller.has_token)
        id = span_of(x->caller.token.project);
    memcpy(x->project, id.p, id.n);
    return 0;
}

int exchange_accept(struct exchange *x)
{
    const struct config *c = &x->settings->config;

    x->target.dialect = DIALECT_OPENAI;
    if (guard_target(x->raw_target, &x->refusal) || guard_headers(&x->headers, x->http11, &x->refusal)) {
        x->reply.close = true;
        return -1;
    }
    if (route_find(x->method, x->raw_target, &x->headers, &c->providers, &x->arena, &x->target,
                   &x->refusal))
        return -1;
    if (access_identify(x->server, c, (const struct sockaddr *)&x->peer, &x->headers, &x->caller,
                        &x->refusal))
        return -1;
    return find_project(x);
}

int exchange_submit(struct exchange *x)
{
    struct server *s = x->server;

    if (atomic_load(&s->draining))
        return refuse(&x->refusal, REFUSE_DRAINING, NULL, "The proxy is shutting down; try again.");
    x->submitted_ns = clock_mono_ns();
    atomic_fetch_add(&x->users, 1);
    if (queue_push(&s->queue, x))
        return 0;
    atomic_fetch_sub(&x->users, 1);
    metric_add(&s->metrics.shed, 1);
    return refuse(&x->refusal, REFUSE_OVERLOADED, NULL, "All workers are busy and the queue is full.");
}

bool exchange_charge_memory(struct exchange *x, size_t n)
{
    if (atomic_load(&x->server->memory) + (int64_t)n > x->settings->config.memory_max)
        return false;
    atomic_fetch_add(&x->server->memory, (int64_t)n);
    x->memory += (int64_t)n;
    return true;
}

int exchange_refuse_memory(struct exchange *x)
{
    metric_add(&x->server->metrics.shed, 1);
    return refuse(&x->refusal, REFUSE_OVERLOADED, NULL, "Too many bytes are in flight (memory-max).");
}

void exchange_client_left(struct exchange *x)
{
    int64_t none = 0;

    if (!atomic_compare_exchange_strong(&x->client_gone_ns, &none, clock_mono_ns()))
        return;
    metric_add(&x->server->metrics.client_gone, 1);
    pthread_mutex_lock(&x->fd_lock);
    if (x->calling)
        upstream_wake(x->calling);
    pthread_mutex_unlock(&x->fd_lock);
}

bool exchange_client_is_gone(const struct exchange *x)
{
    return atomic_load(&x->client_gone_ns) != 0;
}

bool exchange_client_has_left(struct exchange *x)
{
    struct pollfd p = {.events = POLLRDHUP};
    bool left;

    pthread_mutex_lock(&x->fd_lock);
    p.fd = x->client_fd;
    left = p.fd < 0 || (poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)));
    pthread_mutex_unlock(&x->fd_lock);
    return left;
}

void exchange_hang_up(struct exchange *x)
{
    pthread_mutex_lock(&x->fd_lock);
    if (x->client_fd >= 0)
        shutdown(x->client_fd, SHUT_RDWR);
    pthread_mutex_unlock(&x->fd_lock);
}
