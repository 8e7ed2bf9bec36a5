/* SPDX-License-Identifier: MIT */
#include "proxy/upstream.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

#define MS      INT64_C(1000000) /* nanoseconds */
#define LOOK_MS 1000             /* how often deadlines are looked at */

#define READ_STREAM (2L * 1024)  /* most bytes read at a time: of a stream */
#define READ_WHOLE  (16L * 1024) /* of another answer */

struct upstream {
    CURL *curl;
    CURLM *multi; /* of that one handle: its wait can be woken, curl_easy_perform()'s cannot */
    CURLU *url;   /* the last call's, parsed */
    char *url_text; /* what it was parsed from; or NULL */
    bool spoiled;   /* memory may have failed it */
    /* Of the call that runs now. */
    const struct upstream_request *q;
    struct upstream_result *result;
    struct curl_slist *lines, **last_line; /* in the request's arena */
    struct headers headers;                /* of the answer */
    int status;
    int64_t started_ns, last_byte_ns; /* last_byte_ns 0: none yet */
    int64_t received;
    enum upstream_end verdict; /* why a callback ended it; UPSTREAM_WHOLE: none did */
    char error[CURL_ERROR_SIZE];
};

void upstream_library_init(void)
{
    curl_global_init(CURL_GLOBAL_ALL);
}

void upstream_library_finish(void)
{
    curl_global_cleanup();
}

void upstream_destroy(struct upstream *u)
{
    if (!u)
        return;
    curl_easy_cleanup(u->curl);
    curl_multi_cleanup(u->multi);
    curl_url_cleanup(u->url);
    free(u->url_text);
    free(u);
}

void upstream_wake(struct upstream *u)
{
    curl_multi_wakeup(u->multi);
}

/* ---- what libcurl calls back ---- */

static size_t end_by(struct upstream *u, enum upstream_end why)
{
    u->verdict = why;
    return 0;
}

/*
 * Connected, and about to send: the second time, a connection that was used again has died before it
 * answered, and libcurl would send the request once more. The first one may have been billed.
 */
static int on_sending(void *ctx, char *ip, char *own_ip, int port, int own_port)
{
    struct upstream *u = ctx;

    (void)ip, (void)own_ip, (void)port, (void)own_port;
    if (u->result->sent) {
        end_by(u, UPSTREAM_LOST);
        return CURL_PREREQFUNC_ABORT;
    }
    u->result->sent = true;
    return CURL_PREREQFUNC_OK;
}

/* A status line starts a head anew: 1xx heads come before the real one. */
static bool start_head(struct upstream *u, struct span line)
{
    if (!span_starts(line, SPAN("HTTP/")))
        return false;
    u->headers.n = 0;
    return true;
}

static bool finish_head(struct upstream *u)
{
    long status = 0;

    curl_easy_getinfo(u->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200)
        return true;
    u->status = (int)status;
    u->result->head = true;
    return u->q->head(u->q->ctx, u->status, &u->headers);
}

static size_t on_header(char *p, size_t size, size_t count, void *ctx)
{
    struct upstream *u = ctx;
    struct span line = {p, size * count}, name, value;

    if (!u->last_byte_ns)
        u->result->first_byte_ms = (clock_mono_ns() - u->started_ns) / MS;
    u->last_byte_ns = clock_mono_ns();
    while (line.n && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
        line.n--;
    if (u->result->head) /* trailers: nothing here needs them */
        return size * count;
    if (!line.n)
        return finish_head(u) ? size * count : end_by(u, UPSTREAM_CUT);
    if (start_head(u, line))
        return size * count;
    if (!span_cut(line, ':', &name, &value))
        return size * count;
    if (!headers_add(&u->headers, u->q->arena, name, span_trim(value)))
        return end_by(u, UPSTREAM_LOST);
    return size * count;
}

static size_t on_data(char *p, size_t size, size_t count, void *ctx)
{
    struct upstream *u = ctx;
    struct span bytes = {p, size * count};

    u->received += (int64_t)bytes.n;
    if (u->received > u->q->limits.max_answer)
        return end_by(u, UPSTREAM_TOO_LARGE);
    if (!u->q->data(u->q->ctx, bytes))
        return end_by(u, UPSTREAM_CUT);
    u->last_byte_ns = clock_mono_ns(); /* after the client took it: its slowness is not the upstream's */
    return bytes.n;
}

static bool is_past(int64_t since_ns, int64_t limit_ms, int64_t now)
{
    return now - since_ns > limit_ms * MS;
}

/* Nobody wants the rest; but what has come of it by now is read: it may tell the usage. */
static void cut(struct upstream *u)
{
    int running;

    end_by(u, UPSTREAM_CUT);
    if (u->result->head)
        curl_multi_perform(u->multi, &running);
}

static bool is_over(struct upstream *u)
{
    const struct upstream_limits *l = &u->q->limits;
    int64_t now = clock_mono_ns();

    if (u->q->stop(u->q->ctx))
        cut(u);
    else if (!u->last_byte_ns && is_past(u->started_ns, l->first_byte_ms, now))
        end_by(u, UPSTREAM_SILENT);
    else if ((u->last_byte_ns && is_past(u->last_byte_ns, l->gap_ms, now)) ||
             is_past(u->started_ns, l->request_ms, now))
        end_by(u, UPSTREAM_STALLED);
    return u->verdict != UPSTREAM_WHOLE;
}

/* ---- setting up ---- */

#define SET(u, option, value) (curl_easy_setopt((u)->curl, CURLOPT_##option, value) == CURLE_OK)

/* What every call has in common. Never undone: curl_easy_reset() leaves a handle that waits for ever when
 * it finds no memory, and cannot say so. */
static bool set_for_good(struct upstream *u)
{
    return SET(u, HTTP_VERSION, CURL_HTTP_VERSION_1_1) && SET(u, NOSIGNAL, 1L) &&
           SET(u, PROTOCOLS_STR, "http,https") && SET(u, FOLLOWLOCATION, 0L) && SET(u, PROXY, "") &&
           SET(u, CURLU, u->url) && SET(u, PREREQFUNCTION, on_sending) && SET(u, PREREQDATA, u) &&
           SET(u, HEADERFUNCTION, on_header) && SET(u, HEADERDATA, u) &&
           SET(u, WRITEFUNCTION, on_data) && SET(u, WRITEDATA, u) && SET(u, ERRORBUFFER, u->error);
}

/* Most calls go where the last one went. */
static bool set_url(struct upstream *u)
{
    if (u->url_text && strcmp(u->url_text, u->q->url) == 0)
        return true;
    free(u->url_text);
    u->url_text = NULL;
    if (curl_url_set(u->url, CURLUPART_URL, u->q->url, CURLU_PATH_AS_IS) != CURLUE_OK)
        return false;
    u->url_text = strdup(u->q->url);
    return true;
}

static bool add_line(struct upstream *u, char *line)
{
    struct curl_slist *l = arena_alloc(u->q->arena, sizeof *l);

    if (!l || !line)
        return false;
    l->data = line;
    *u->last_line = l;
    u->last_line = &l->next;
    return true;
}

static char *write_line(struct arena *a, const struct header *h)
{
    const struct span name = h->name, value = h->value;
    char *line = arena_alloc(a, name.n + value.n + 3);

    if (!line)
        return NULL;
    memcpy(line, name.p, name.n);
    /* "Name;" is how libcurl is told to send a header without a value. */
    memcpy(line + name.n, value.n ? ": " : ";", value.n ? 2 : 1);
    if (value.n)
        memcpy(line + name.n + 2, value.p, value.n);
    return line;
}

/* The client's headers, and none that libcurl would add of its own accord. */
static bool set_headers(struct upstream *u)
{
    static char no_expect[] = "Expect:", no_accept[] = "Accept:", no_type[] = "Content-Type:";
    const struct headers *h = u->q->headers;

    u->lines = NULL;
    u->last_line = &u->lines;
    if (!add_line(u, no_expect) || (!headers_get(h, "accept").p && !add_line(u, no_accept)) ||
        (!headers_get(h, "content-type").p && !add_line(u, no_type)))
        return false;
    for (int i = 0; i < h->n; i++)
        if (!add_line(u, write_line(u->q->arena, &h->list[i])))
            return false;
    return SET(u, HTTPHEADER, u->lines);
}

/* The body is given whole: so it goes out in one write with its head. */
static bool set_method(struct upstream *u)
{
    const struct span body = u->q->body;

    if (u->q->post)
        return SET(u, POST, 1L) && SET(u, POSTFIELDSIZE_LARGE, (curl_off_t)body.n) &&
               SET(u, POSTFIELDS, body.n ? body.p : "");
    return u->q->head_only ? SET(u, NOBODY, 1L) : SET(u, HTTPGET, 1L);
}

static bool set_up(struct upstream *u)
{
    const struct upstream_limits *l = &u->q->limits;

    return set_url(u) && SET(u, CONNECTTIMEOUT_MS, (long)l->connect_ms) &&
           SET(u, BUFFERSIZE, u->q->streams ? READ_STREAM : READ_WHOLE) &&
           (!l->ca_file || !*l->ca_file || SET(u, CAINFO, l->ca_file)) && set_method(u) && set_headers(u);
}

struct upstream *upstream_create(void)
{
    struct upstream *u = calloc(1, sizeof *u);

    if (!u)
        return NULL;
    u->curl = curl_easy_init();
    u->multi = curl_multi_init();
    u->url = curl_url();
    if (u->curl && u->multi && u->url && set_for_good(u))
        return u;
    upstream_destroy(u);
    return NULL;
}

struct upstream *upstream_ready(struct upstream *u)
{
    if (u && !u->spoiled)
        return u;
    upstream_destroy(u);
    return upstream_create();
}

/* ---- reading the end ---- */

/* What a CURLcode means, before and after the head was whole. */
static const struct {
    CURLcode code;
    enum upstream_end before, after;
} endings[] = {
    {CURLE_OK, UPSTREAM_WHOLE, UPSTREAM_WHOLE},
    {CURLE_COULDNT_RESOLVE_HOST, UPSTREAM_UNRESOLVED, UPSTREAM_BROKEN},
    {CURLE_COULDNT_RESOLVE_PROXY, UPSTREAM_UNRESOLVED, UPSTREAM_BROKEN},
    {CURLE_COULDNT_CONNECT, UPSTREAM_REFUSED, UPSTREAM_BROKEN},
    {CURLE_OPERATION_TIMEDOUT, UPSTREAM_SLOW_CONNECT, UPSTREAM_BROKEN},
    {CURLE_SSL_CONNECT_ERROR, UPSTREAM_TLS, UPSTREAM_BROKEN},
    {CURLE_PEER_FAILED_VERIFICATION, UPSTREAM_TLS, UPSTREAM_BROKEN},
    {CURLE_SSL_CACERT_BADFILE, UPSTREAM_TLS, UPSTREAM_BROKEN},
    {CURLE_SSL_CIPHER, UPSTREAM_TLS, UPSTREAM_BROKEN},
    {CURLE_SSL_CERTPROBLEM, UPSTREAM_TLS, UPSTREAM_BROKEN},
    {CURLE_OUT_OF_MEMORY, UPSTREAM_LOST, UPSTREAM_BROKEN}, /* a 400 KB header is reported so, too */
};

static bool is_connected(const struct upstream *u)
{
    curl_off_t connected = 0;

    curl_easy_getinfo(u->curl, CURLINFO_CONNECT_TIME_T, &connected);
    return connected > 0;
}

static enum upstream_end ending(const struct upstream *u, CURLcode code)
{
    bool head = u->result->head;

    if (u->verdict != UPSTREAM_WHOLE)
        return u->verdict;
    if (code == CURLE_OPERATION_TIMEDOUT && is_connected(u)) /* a port that does not speak TLS */
        return UPSTREAM_TLS;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (endings[i].code == code)
            return head ? endings[i].after : endings[i].before;
    return head ? UPSTREAM_BROKEN : UPSTREAM_LOST;
}

static bool is_well_framed(const struct upstream *u)
{
    int lengths = headers_count(&u->headers, "content-length");

    if (u->status == 204 || u->status == 304 || u->q->head_only)
        return true;
    if (header_has_token(headers_get(&u->headers, "transfer-encoding"), "chunked"))
        return true;
    return lengths == 1;
}

/* False: it could not begin. */
static bool perform(struct upstream *u, CURLcode *code)
{
    int running = 1, left;
    CURLMsg *m;

    if (curl_multi_add_handle(u->multi, u->curl) != CURLM_OK)
        return false;
    *code = CURLE_OUT_OF_MEMORY;
    while (curl_multi_perform(u->multi, &running) == CURLM_OK && running && !is_over(u))
        curl_multi_poll(u->multi, NULL, 0, LOOK_MS, NULL);
    while ((m = curl_multi_info_read(u->multi, &left)))
        if (m->msg == CURLMSG_DONE)
            *code = m->data.result;
    curl_multi_remove_handle(u->multi, u->curl);
    return true;
}

/* What libcurl has half set up when it finds no memory stays so, and it may call the failure anything: a
 * host that it cannot resolve, a URL that it cannot read. What befalls a connection leaves it whole. */
static bool is_spoiled(const struct upstream *u, CURLcode code)
{
    if (code == CURLE_OUT_OF_MEMORY)
        return true;
    return code != CURLE_OK && code != CURLE_COULDNT_CONNECT && code != CURLE_OPERATION_TIMEDOUT &&
           u->verdict == UPSTREAM_WHOLE && !u->result->sent;
}

void upstream_call(struct upstream *u, const struct upstream_request *q, struct upstream_result *out)
{
    CURLcode code;

    *out = (struct upstream_result){.end = UPSTREAM_OURS, .first_byte_ms = -1};
    if (!u)
        return;
    u->q = q;
    u->result = out;
    u->headers = (struct headers){.n = 0};
    u->status = 0;
    u->started_ns = clock_mono_ns();
    u->last_byte_ns = u->received = 0;
    u->verdict = UPSTREAM_WHOLE;
    u->error[0] = '\0';

    if (!set_up(u) || !perform(u, &code)) {
        u->spoiled = true;
        return;
    }
    u->spoiled = is_spoiled(u, code);
    out->end = ending(u, code);
    out->well_framed = is_well_framed(u);
    if (code != CURLE_OK && u->verdict == UPSTREAM_WHOLE)
        snprintf(out->why, sizeof out->why, "%s", *u->error ? u->error : curl_easy_strerror(code));
}
