/* SPDX-License-Identifier: MIT */
#include "cli/fetch.h"

#include <curl/curl.h>
#include <jansson.h>
#include <poll.h>

/* The daemon says something every five seconds: a stream that is still for so long is dead. */
#define STILL_S   20L
#define EVENT_MAX ((size_t)16 << 20)

int fetch_init(struct fetch *f, const char *url, struct err *e)
{
    *f = (struct fetch){.url = url, .multi = curl_multi_init()};
    return f->multi ? 0 : err_set(e, ERR_MEMORY, "no memory");
}

void fetch_finish(struct fetch *f)
{
    for (int kind = 0; kind < FETCHES; kind++)
        fetch_drop(f, kind);
    curl_multi_cleanup(f->multi);
}

void fetch_drop(struct fetch *f, int kind)
{
    struct fetch_one *o = &f->all[kind];

    if (!o->under_way)
        return;
    curl_multi_remove_handle(f->multi, o->call.curl);
    call_finish(&o->call);
    sse_finish(&o->sse);
    buf_finish(&o->event);
    *o = (struct fetch_one){0};
}

/* ---- the stream ---- */

static void keep_event(void *ctx, const struct sse_event *ev)
{
    struct fetch_one *o = ctx;

    if (!ev->data.n)
        return;
    buf_clear(&o->event);
    buf_span(&o->event, ev->data);
}

/* An answer of another status is an error's JSON, and no events. */
static size_t take_stream(char *p, size_t size, size_t n, void *ctx)
{
    struct fetch_one *o = ctx;
    long status = 0;

    curl_easy_getinfo(o->call.curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200)
        sse_feed(&o->sse, (struct span){p, size * n}, keep_event, o);
    else
        buf_add(&o->call.answer, p, size * n);
    return o->event.failed || o->call.answer.failed ? 0 : size * n;
}

static bool make_stream(struct fetch_one *o)
{
    CURL *curl = o->call.curl;

    sse_init(&o->sse);
    o->sse.bound = EVENT_MAX;
    buf_init(&o->event, EVENT_MAX);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 0L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, STILL_S);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_stream);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, o);
    return call_add_header(&o->call, "Accept", "text/event-stream");
}

int fetch_begin(struct fetch *f, int kind, const char *path, struct err *e)
{
    struct fetch_one *o = &f->all[kind];

    fetch_drop(f, kind);
    o->under_way = true;
    if (call_prepare(&o->call, f->url, "GET", path, NULL, e) < 0)
        goto drop;
    if ((kind == FETCH_LIVE && !make_stream(o)) ||
        curl_multi_add_handle(f->multi, o->call.curl) != CURLM_OK) {
        err_set(e, ERR_MEMORY, "no memory");
        goto drop;
    }
    return 0;
drop:
    fetch_drop(f, kind);
    return -1;
}

/* ---- waiting, and what came ---- */

static void note_ends(struct fetch *f)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(f->multi, &left))) {
        for (int kind = 0; kind < FETCHES; kind++) {
            struct fetch_one *o = &f->all[kind];

            if (m->msg == CURLMSG_DONE && o->under_way && o->call.curl == m->easy_handle) {
                o->ended = true;
                o->code = (int)m->data.result;
            }
        }
    }
}

int fetch_wait(struct fetch *f, int fd, int timeout_ms, struct err *e)
{
    struct curl_waitfd also = {.fd = fd, .events = CURL_WAIT_POLLIN};
    struct pollfd p = {.fd = fd}; /* curl does not tell of a hang-up */
    int running;

    if (curl_multi_perform(f->multi, &running) != CURLM_OK ||
        curl_multi_poll(f->multi, &also, 1, timeout_ms, NULL) != CURLM_OK ||
        curl_multi_perform(f->multi, &running) != CURLM_OK)
        return err_set(e, ERR_IO, "the daemon cannot be asked: curl has failed");
    if (poll(&p, 1, 0) > 0)
        return err_set(e, ERR_IO, "the terminal is gone");
    note_ends(f);
    return 0;
}

static int take_event(struct fetch_one *o, json_t **out, struct err *e)
{
    json_error_t bad;
    json_t *root = json_loadb(o->event.p, o->event.n, 0, &bad);

    buf_clear(&o->event);
    if (!json_is_object(root)) {
        json_decref(root);
        return err_set(e, ERR_INVALID, "the stream of %s is not JSON; is that tokencapd?",
                       o->call.base);
    }
    *out = root;
    return 1;
}

static int take_end(struct fetch_one *o, int kind, json_t **out, struct err *e)
{
    if (kind == FETCH_LIVE && o->code == CURLE_OPERATION_TIMEDOUT)
        return err_set(e, ERR_IO, "the daemon at %s has fallen silent", o->call.base);
    if (kind == FETCH_LIVE && !o->call.answer.n && o->code != CURLE_COULDNT_CONNECT)
        return err_set(e, ERR_IO, "the daemon at %s has ended the connection", o->call.base);
    return call_understand(&o->call, o->code, out, e) < 0 ? -1 : 1;
}

int fetch_take(struct fetch *f, int kind, struct json_t **out, struct err *e)
{
    struct fetch_one *o = &f->all[kind];
    int r;

    if (!o->under_way)
        return 0;
    if (o->event.n) {
        r = take_event(o, out, e);
        if (r < 0)
            fetch_drop(f, kind);
        return r;
    }
    if (!o->ended)
        return 0;
    r = take_end(o, kind, out, e);
    fetch_drop(f, kind);
    return r;
}
