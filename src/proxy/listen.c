/* SPDX-License-Identifier: MIT */
#include "proxy/listen.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "proxy/admin.h"
#include "proxy/conns.h"
#include "proxy/exchange.h"
#include "proxy/guard.h"
#include "proxy/listen_reply.h"
#include "proxy/listen_socket.h"
#include "proxy/listen_tls.h"
#include "proxy/steps.h"

/* Of a connection: what the library reads of headers, so that the guard sees those that are somewhat too
 * large. More than 32 KiB is mapped, so that only what is used of it takes memory. */
#define POOL_SIZE  (GUARD_BYTES_MAX + 16 * 1024)
#define STACK_SIZE (128 * 1024)

struct listener {
    struct server *server;
    struct MHD_Daemon *mhd;
    struct conns conns;
    char url[128];
};

static int fd_of(struct MHD_Connection *c)
{
    return MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

static struct conn *conn_of(struct MHD_Connection *c)
{
    return MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* ---- a connection and its requests begin and end ---- */

static void on_connection(void *cls, struct MHD_Connection *c, void **ctx,
                          enum MHD_ConnectionNotificationCode code)
{
    struct listener *l = cls;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        struct settings *set = settings_acquire(l->server);
        struct conn *conn = conns_add(&l->conns, fd_of(c));
        if (conn)
            conn_phase(conn, set->config.header_timeout);
        else
            shutdown(fd_of(c), SHUT_RDWR); /* no memory for its deadlines */
        settings_release(l->server, set);
        metric_add(&l->server->metrics.connections, 1);
        *ctx = conn;
    } else {
        if (*ctx)
            conns_remove(&l->conns, *ctx);
        metric_add(&l->server->metrics.connections, -1);
        *ctx = NULL;
    }
}

static socklen_t length_of(const struct sockaddr *a)
{
    switch (a->sa_family) {
    case AF_INET:
        return sizeof(struct sockaddr_in);
    case AF_INET6:
        return sizeof(struct sockaddr_in6);
    default: /* the client of a Unix socket has no name */
        return sizeof a->sa_family;
    }
}

/* The request line is there, in the client's own bytes: this is where an exchange begins. */
static void *on_request_line(void *cls, const char *uri, struct MHD_Connection *c)
{
    struct listener *l = cls;
    const struct sockaddr *peer =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    struct exchange *x = exchange_create(l->server, fd_of(c), peer, peer ? length_of(peer) : 0);
    char *target = x ? arena_copy(&x->arena, uri, strlen(uri)) : NULL;

    if (!target) {
        if (x)
            exchange_release(x);
        return NULL;
    }
    x->raw_target = span_of(target);
    x->conn = conn_of(c);
    if (x->conn)
        conn_phase(x->conn, x->settings->config.header_timeout);
    return x;
}

/* The worker either finds the client gone before it writes to the ring, or its ring is abandoned here:
 * both sides first say what they did and then look at what the other said. */
static void abandon(struct exchange *x)
{
    if (once_is_set(&x->answered) && (!x->reply.streamed || ring_ended(&x->reply.ring) != RING_OPEN))
        return;
    exchange_client_left(x);
    if (once_is_set(&x->answered) && x->reply.streamed)
        ring_abandon(&x->reply.ring);
}

static void on_request_end(void *cls, struct MHD_Connection *c, void **ctx,
                           enum MHD_RequestTerminationCode code)
{
    struct exchange *x = *ctx;

    (void)cls, (void)c;
    *ctx = NULL;
    if (!x)
        return;
    if (x->conn)
        conn_phase(x->conn, x->settings->config.keepalive_timeout);
    pthread_mutex_lock(&x->fd_lock);
    x->client_fd = -1;
    pthread_mutex_unlock(&x->fd_lock);
    if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK)
        abandon(x);
    exchange_release(x);
}

/* ---- a request, piece by piece ---- */

static enum MHD_Result refuse_now(struct MHD_Connection *c, struct exchange *x)
{
    exchange_reply_refusal(x);
    tally_refused_early(x);
    return listen_reply(c, x);
}

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_n,
                                 const char *value, size_t value_n)
{
    struct exchange *x = cls;

    (void)kind;
    return headers_add(&x->headers, &x->arena, (struct span){name, name_n},
                       (struct span){value, value ? value_n : 0})
               ? MHD_YES
               : MHD_NO;
}

/* As many as the guard's limit are kept, and one more to see that there were more. */
static void read_headers(struct MHD_Connection *c, struct exchange *x)
{
    MHD_get_connection_values_n(c, MHD_HEADER_KIND, on_header, x);
}

static int check_room(struct listener *l, struct exchange *x)
{
    const struct config *c = &x->settings->config;
    struct span length = headers_get(&x->headers, "content-length");
    long long n = 0;

    if (length.p && span_to_int64(length, &n) && n > c->max_body)
        return refuse(&x->refusal, REFUSE_TOO_LARGE, NULL, "The body is larger than %lld bytes (max-body).",
                      (long long)c->max_body);
    if (x->target.route->kind == ROUTE_HEALTH || x->target.route->kind == ROUTE_MANAGE)
        return 0;
    if (atomic_load(&l->server->metrics.connections) > c->max_connections) {
        x->reply.close = true;
        metric_add(&l->server->metrics.shed, 1);
        return refuse(&x->refusal, REFUSE_OVERLOADED, NULL, "Too many connections.");
    }
    return 0;
}

/* The headers are there. */
static enum MHD_Result begin(struct listener *l, struct MHD_Connection *c, struct exchange *x,
                             const char *method, const char *version)
{
    x->method = method_of(method);
    x->http11 = strcmp(version, MHD_HTTP_VERSION_1_1) == 0;
    x->chunks = x->http11 && !MHD_get_connection_info(c, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    read_headers(c, x);
    if (exchange_accept(x) || check_room(l, x))
        return refuse_now(c, x);
    if (x->conn)
        conn_phase(x->conn, x->settings->config.body_timeout);
    return MHD_YES;
}

/* Part of the body. What is too much is dropped here and refused at its end, where an answer can be
 * given; a body without end is cut. */
static enum MHD_Result take(struct exchange *x, struct span bytes)
{
    const struct config *cfg = &x->settings->config;

    if (x->conn)
        conn_within(x->conn, cfg->body_idle_timeout);
    if (!x->body.failed && exchange_charge_memory(x, bytes.n))
        buf_span(&x->body, bytes);
    else
        x->body.failed = true;
    if (x->body.failed)
        x->dropped += (int64_t)bytes.n;
    return x->dropped > cfg->max_body ? MHD_NO : MHD_YES;
}

static enum MHD_Result await(struct MHD_Connection *c, struct exchange *x)
{
    while (!once_wait(&x->answered, CLIENT_LOOK_MS)) {
        if (exchange_check_waiting(x))
            return refuse_now(c, x);
        if (!exchange_client_has_left(x))
            continue;
        exchange_client_left(x);
        return MHD_NO;
    }
    return listen_reply(c, x);
}

/* The whole request is there. */
static enum MHD_Result finish(struct MHD_Connection *c, struct exchange *x)
{
    if (x->conn)
        conn_no_deadline(x->conn);
    if (x->dropped) {
        if ((int64_t)x->body.n + x->dropped > x->settings->config.max_body)
            refuse(&x->refusal, REFUSE_TOO_LARGE, NULL, "The body is too large (max-body).");
        else
            exchange_refuse_memory(x);
        return refuse_now(c, x);
    }
    if (x->target.route->kind == ROUTE_HEALTH || x->target.route->kind == ROUTE_MANAGE)
        return admin_answer(x) ? refuse_now(c, x) : listen_reply(c, x);
    return exchange_submit(x) ? refuse_now(c, x) : await(c, x);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data, size_t *n,
                                  void **ctx)
{
    struct exchange *x = *ctx;

    (void)url; /* unescaped: routes are matched on the raw target */
    if (!x)
        return MHD_NO;
    if (!x->begun) {
        x->begun = true;
        return begin(cls, c, x, method, version);
    }
    if (!*n)
        return finish(c, x);
    if (take(x, (struct span){data, *n}) == MHD_NO)
        return MHD_NO;
    *n = 0;
    return MHD_YES;
}

/* ---- the library ---- */

static void on_library_log(void *cls, const char *fmt, va_list ap)
{
    char line[512];

    (void)cls;
    vsnprintf(line, sizeof line, fmt, ap);
    log_debug("http: %s", line);
}

static size_t on_unescape(void *cls, struct MHD_Connection *c, char *s)
{
    (void)cls, (void)c;
    return strlen(s); /* as it is */
}

static struct MHD_Daemon *start_library(struct listener *l, const struct config *c, int fd)
{
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
                     MHD_USE_ERROR_LOG;
    struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)tls_retrieve},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };

    if (*c->tls_cert)
        flags |= MHD_USE_TLS;
    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, l,
                            MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,
                            MHD_OPTION_LISTEN_SOCKET, fd,
                            MHD_OPTION_URI_LOG_CALLBACK, on_request_line, l,
                            MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL,
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, l,
                            MHD_OPTION_NOTIFY_COMPLETED, on_request_end, l,
                            MHD_OPTION_CONNECTION_LIMIT, (unsigned)c->max_connections + 64,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_SIZE,
                            MHD_OPTION_CONNECTION_TIMEOUT, 0u,
                            MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_SIZE,
                            MHD_OPTION_STRICT_FOR_CLIENT, 1,
                            MHD_OPTION_ARRAY, *c->tls_cert ? tls : plain, MHD_OPTION_END);
}

int listener_start(struct server *s, struct listener **out, struct err *e)
{
    const struct config *c = &s->settings->config;
    struct listener *l = calloc(1, sizeof *l);
    int fd;

    if (!l)
        return err_set(e, ERR_MEMORY, "no memory for the listener");
    l->server = s;
    if (*c->tls_cert && tls_load(c->tls_cert, c->tls_key, e))
        goto free_listener;
    if ((fd = listen_socket(c, e)) < 0)
        goto free_listener;
    if (conns_start(&l->conns, e))
        goto close_socket;
    listen_socket_url(fd, *c->tls_cert, l->url, sizeof l->url);
    if (!(l->mhd = start_library(l, c, fd))) {
        err_set(e, ERR_INTERNAL, "libmicrohttpd did not start");
        goto stop_conns;
    }
    *out = l;
    return 0;

stop_conns:
    conns_stop(&l->conns);
close_socket:
    close(fd);
free_listener:
    tls_unload();
    free(l);
    return -1;
}

const char *listener_url(const struct listener *l)
{
    return l->url;
}

int listener_reload(const struct listener *l, struct err *e)
{
    const struct config *c = &l->server->settings->config;

    return *c->tls_cert ? tls_load(c->tls_cert, c->tls_key, e) : 0;
}

bool listener_drain(struct listener *l, int64_t timeout_ms, const _Atomic bool *hurry)
{
    _Atomic int *left = &l->server->exchanges;
    struct timespec tick = {0, 20000000};
    MHD_socket fd = MHD_quiesce_daemon(l->mhd);

    if (fd != MHD_INVALID_SOCKET)
        close(fd);
    for (int64_t waited = 0; atomic_load(left) && waited < timeout_ms && !atomic_load(hurry); waited += 20)
        nanosleep(&tick, NULL);
    return atomic_load(left) == 0;
}

void listener_stop(struct listener *l)
{
    MHD_stop_daemon(l->mhd);
    tls_unload();
    conns_stop(&l->conns);
    free(l);
}
