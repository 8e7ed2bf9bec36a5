/* SPDX-License-Identifier: MIT */
/*
 * What the shape of tokencapd costs by itself: a thread for each connection (libmicrohttpd), the product's bounded
 * queue, a fixed pool, and on each worker a blocking libcurl handle. Bodies are passed on; nothing is looked
 * at, counted or written.
 *
 *   bare UPSTREAM                      says on standard output where it is ready
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/futex.h"
#include "base/queue.h"
#include "base/str.h"

/* As tokencapd has them. */
#define WORKERS     512
#define DEPTH       4096
#define CONNECTIONS 1024
#define POOL_SIZE   (32 * 1024 + 1)

/* On its connection's thread, which waits for the answer. */
struct request {
    struct buf body, answer;
    struct once answered;
    long status;
};

static struct {
    const char *upstream;
    struct queue queue;
} all;

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "bare: %s\n", what);
    exit(1);
}

/* ---- a worker ---- */

static size_t on_data(char *p, size_t size, size_t count, void *ctx)
{
    struct request *r = ctx;

    buf_add(&r->answer, p, size * count);
    return size * count;
}

static CURL *make_handle(struct curl_slist *headers)
{
    CURL *curl = curl_easy_init();

    must(curl, "no memory");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    return curl;
}

static void call(CURL *curl, struct request *r, const char *path)
{
    char url[256];

    snprintf(url, sizeof url, "%s%s", all.upstream, path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)r->body.n);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, r->body.n ? r->body.p : "");
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, r);
    if (curl_easy_perform(curl) != CURLE_OK)
        r->status = MHD_HTTP_BAD_GATEWAY;
    else
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &r->status);
}

static void *work(void *ctx)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    struct queue_seat seat = {0};
    struct request *r;
    CURL *curl = NULL;

    (void)ctx;
    headers = curl_slist_append(headers, "Expect:");
    while ((r = queue_pop(&all.queue, &seat))) {
        curl = curl ? curl : make_handle(headers);
        call(curl, r, "/v1/chat/completions");
        once_set(&r->answered);
    }
    return NULL;
}

/* ---- a connection's thread ---- */

static enum MHD_Result reply(struct MHD_Connection *c, struct request *r)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(r->answer.n, r->answer.p, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result queued;

    MHD_add_response_header(response, "Content-Type", "application/json");
    queued = MHD_queue_response(c, (unsigned)r->status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *data, size_t *n, void **ctx)
{
    struct request *r = *ctx;

    (void)cls, (void)url, (void)method, (void)version;
    if (!r) {
        *ctx = r = calloc(1, sizeof *r);
        return r ? MHD_YES : MHD_NO;
    }
    if (*n) {
        buf_add(&r->body, data, *n);
        *n = 0;
        return MHD_YES;
    }
    if (!queue_push(&all.queue, r))
        return MHD_NO;
    while (!once_wait(&r->answered, -1))
        ;
    return reply(c, r);
}

static void on_end(void *cls, struct MHD_Connection *c, void **ctx, enum MHD_RequestTerminationCode code)
{
    struct request *r = *ctx;

    (void)cls, (void)c, (void)code;
    if (!r)
        return;
    buf_finish(&r->body);
    buf_finish(&r->answer);
    free(r);
}

int main(int argc, char **argv)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL;
    struct MHD_Daemon *mhd;
    sigset_t ends;
    struct err e;
    int got;

    must(argc == 2, "usage: bare UPSTREAM");
    all.upstream = argv[1];
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    curl_global_init(CURL_GLOBAL_ALL);
    must(queue_init(&all.queue, DEPTH, &e) == 0, "no memory");
    for (int i = 0; i < WORKERS; i++) {
        pthread_t thread;
        must(pthread_create(&thread, NULL, work, NULL) == 0, "no thread");
    }
    mhd = MHD_start_daemon(flags, 0, NULL, NULL, on_request, NULL, MHD_OPTION_SOCK_ADDR, &here,
                           MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL,
                           MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
                           MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_SIZE, MHD_OPTION_END);
    must(mhd, "libmicrohttpd did not start");
    printf("ready on http://127.0.0.1:%u\n", MHD_get_daemon_info(mhd, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    sigwait(&ends, &got);
    return 0;
}
