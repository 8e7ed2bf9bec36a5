/* SPDX-License-Identifier: MIT */
/*
 * tokencap-sim: stands in for OpenAI and Anthropic, and misbehaves on request. A thread per
 * connection, blocking sockets; see script.h and control.h for how it is told what to do.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control.h"
#include "dialect.h"
#include "fault.h"
#include "gate.h"
#include "send.h"

#define THREAD_STACK (128 << 10)

/* A connection being served; in the list while its thread lives. */
struct served {
    struct http_conn conn;
    struct served *next, **at;
};

/* Guarded by lock. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t empty;
    struct served *first;
    uint64_t connections;
} server = {.lock = PTHREAD_MUTEX_INITIALIZER, .empty = PTHREAD_COND_INITIALIZER};

static uint64_t answers; /* atomic */

struct route {
    const char *method;
    const char *suffix; /* of the path */
    bool any_rest;      /* the suffix may be followed by one segment more */
    enum dialect dialect;
    void (*answer)(const struct ask *ask, struct answer *a);
};

static const struct route routes[] = {
    {"POST", "/chat/completions", false, OPENAI, openai_chat},
    {"POST", "/completions", false, OPENAI, openai_completions},
    {"POST", "/responses", false, OPENAI, openai_responses},
    {"POST", "/responses/input_tokens", false, OPENAI, openai_input_tokens},
    {"POST", "/embeddings", false, OPENAI, openai_embeddings},
    {"POST", "/messages", false, ANTHROPIC, anthropic_messages},
    {"POST", "/messages/count_tokens", false, ANTHROPIC, anthropic_count_tokens},
    {"GET", "/models", false, OPENAI, models_list},
    {"GET", "/models/", true, OPENAI, models_get},
};
#define ROUTES (sizeof(routes) / sizeof(routes[0]))

static bool path_suits(const struct route *r, const char *path, size_t len)
{
    size_t suffix_len = strlen(r->suffix);
    const char *found;

    if (r->any_rest) {
        found = memmem(path, len, r->suffix, suffix_len);
        return found && found + suffix_len < path + len;
    }
    return len >= suffix_len && memcmp(path + len - suffix_len, r->suffix, suffix_len) == 0;
}

/* The route, or NULL with the status to answer. A doubled /v1 is unknown, as it is upstream. */
static const struct route *find_route(const struct http_request *req, int *status)
{
    size_t len = http_path_len(req);
    const char *method = strcmp(req->method, "HEAD") == 0 ? "GET" : req->method;

    *status = 404;
    if (strncmp(req->target, "/v1/v1/", 7) == 0)
        return NULL;
    for (size_t i = 0; i < ROUTES; i++) {
        if (!path_suits(&routes[i], req->target, len))
            continue;
        if (strcmp(routes[i].method, method) == 0)
            return &routes[i];
        *status = 405;
    }
    return NULL;
}

static enum dialect dialect_of(const struct http_request *req, const struct route *route)
{
    return (route && route->dialect == ANTHROPIC) || http_header(req, "anthropic-version")
               ? ANTHROPIC
               : OPENAI;
}

/* The headers that a real answer has. */
static void put_headers(struct answer *a, const struct ask *ask)
{
    unsigned long long id = ask->id;

    if (ask->dialect == ANTHROPIC) {
        answer_header(a, "request-id: req_sim%08llu", id);
        answer_header(a, "anthropic-organization-id: org-sim");
        answer_header(a, "anthropic-ratelimit-requests-remaining: 3999");
    } else {
        answer_header(a, "x-request-id: req_sim%08llu", id);
        answer_header(a, "openai-organization: org-sim");
        answer_header(a, "openai-processing-ms: 7");
        answer_header(a, "x-ratelimit-remaining-requests: 9999");
    }
}

static void put_scripted_body(struct answer *a, const struct script *s)
{
    answer_open(a, NULL);
    buf_clear(&a->body);
    a->pieces = 0;
    a->piece[0].at = 0;
    a->chunked = a->stream;
    a->stream = a->states_usage = false;
    a->status = (int)s->status;
    buf_puts(&a->body, s->body);
    answer_close(a, true);
}

static void build_answer(struct answer *a, const struct ask *ask, const struct route *route,
                         int status)
{
    const struct script *s = ask->script;

    put_headers(a, ask);
    if (!route)
        answer_error(a, ask->dialect, status, "Unknown request URL.");
    else if (s->body)
        put_scripted_body(a, s);
    else if (s->status != 200)
        answer_error(a, ask->dialect, (int)s->status, "A simulated error.");
    else
        route->answer(ask, a);
    a->usage = ask->usage;
}

static bool answer_request(struct http_conn *conn, struct http_request *req)
{
    struct journal_entry *entry = journal_arrive(conn, req);
    struct script script;
    struct ask ask;
    struct answer answer;
    struct wire wire = {.conn = conn,
                        .req = req,
                        .script = &script,
                        .answer = &answer,
                        .entry = entry,
                        .keep_alive = req->keep_alive};
    char why[256] = "";
    int status;
    const struct route *route = find_route(req, &status);
    bool keep;

    script_init(&script);
    if (req->malformed)
        snprintf(why, sizeof(why), "malformed: %s", req->malformed);
    else if (script_for(req, &script, why, sizeof(why)) < 0)
        script_finish(&script);
    ask_init(&ask, req, &script, dialect_of(req, route),
             __atomic_add_fetch(&answers, 1, __ATOMIC_RELAXED));
    wire.fault = script.fault ? fault_find(script.fault) : NULL;
    if (wire.fault && wire.fault->unstreamed)
        ask.stream = false;
    answer_init(&answer, &ask);
    if (why[0])
        answer_error(&answer, ask.dialect, 400, why);
    else
        build_answer(&answer, &ask, route, status);
    keep = wire_answer(&wire);
    answer_finish(&answer);
    ask_finish(&ask);
    script_finish(&script);
    return keep;
}

static void retire(struct served *s)
{
    pthread_mutex_lock(&server.lock);
    *s->at = s->next;
    if (s->next)
        s->next->at = s->at;
    close(s->conn.fd);
    if (!server.first)
        pthread_cond_signal(&server.empty);
    buf_finish(&s->conn.in);
    free(s);
    pthread_mutex_unlock(&server.lock);
}

static void *serve(void *arg)
{
    struct served *s = arg;
    struct http_request req = {0};
    bool go_on = true;

    while (go_on && http_read(&s->conn, &req) == 1) {
        if (control_owns(&req) && !req.malformed)
            go_on = control_answer(&s->conn, &req);
        else
            go_on = answer_request(&s->conn, &req);
    }
    http_request_forget(&req);
    retire(s);
    return NULL;
}

static void accept_one(int listener)
{
    int one = 1, fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    pthread_attr_t attr;
    pthread_t thread;
    struct served *s;

    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    s = sim_alloc(sizeof(*s));
    s->conn.fd = fd;
    pthread_mutex_lock(&server.lock);
    s->conn.id = ++server.connections;
    s->next = server.first;
    s->at = &server.first;
    if (s->next)
        s->next->at = &s->next;
    server.first = s;
    pthread_mutex_unlock(&server.lock);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, THREAD_STACK);
    if (pthread_create(&thread, &attr, serve, s) != 0)
        retire(s);
    pthread_attr_destroy(&attr);
}

/* Ends all connections and waits for their threads. */
static void stop(void)
{
    gate_stop();
    journal_stop();
    pthread_mutex_lock(&server.lock);
    for (struct served *s = server.first; s; s = s->next)
        shutdown(s->conn.fd, SHUT_RDWR);
    while (server.first)
        pthread_cond_wait(&server.empty, &server.lock);
    pthread_mutex_unlock(&server.lock);
    script_clear();
    gate_clear();
    journal_finish_all();
}

static int listen_on(int port, int *bound)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)port)};
    socklen_t len = sizeof(address);
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 4096) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        close(fd);
        return -1;
    }
    *bound = ntohs(address.sin_port);
    return fd;
}

static int usage(FILE *to, int status)
{
    fputs("usage: tokencap-sim [--port N] [--journal FILE] [--journal-limit N]\n"
          "Simulates the OpenAI and Anthropic APIs on the loopback interface.\n"
          "  --port N           0, the default: any free port, shown in the ready line\n"
          "  --journal FILE     append a line per request before its answer begins\n"
          "  --journal-limit N  requests kept for GET /_sim/journal (10000; 0: none)\n",
          to);
    return status;
}

/* Serves until SIGTERM or SIGINT. */
static void run(int listener, int signals)
{
    struct pollfd wait_for[2] = {{.fd = listener, .events = POLLIN},
                                 {.fd = signals, .events = POLLIN}};

    for (;;) {
        if (poll(wait_for, 2, -1) < 0 && errno != EINTR)
            break;
        if (wait_for[1].revents)
            break;
        if (wait_for[0].revents)
            accept_one(listener);
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                            {"journal", required_argument, NULL, 'j'},
                                            {"journal-limit", required_argument, NULL, 'l'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *journal_file = NULL;
    long limit = 10000;
    int port = 0, option, listener, signals;
    sigset_t set;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 'p':
            port = atoi(optarg);
            break;
        case 'j':
            journal_file = optarg;
            break;
        case 'l':
            limit = atol(optarg);
            break;
        case 'h':
            return usage(stdout, 0);
        default:
            return usage(stderr, 64);
        }
    }
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signals = signalfd(-1, &set, SFD_CLOEXEC);
    listener = listen_on(port, &port);
    if (signals < 0 || listener < 0 || journal_init(limit, journal_file) < 0) {
        fprintf(stderr, "tokencap-sim: %s\n", strerror(errno));
        return 1;
    }
    printf("tokencap-sim: ready on http://127.0.0.1:%d\n", port);
    fflush(stdout);
    run(listener, signals);
    close(listener);
    close(signals);
    stop();
    return 0;
}
