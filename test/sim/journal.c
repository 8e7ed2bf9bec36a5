/* SPDX-License-Identifier: MIT */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

#define SENT_MAX (4u << 20) /* bytes of an answer that are kept */

struct journal_entry {
    uint64_t number, conn, conn_request;
    struct buf request; /* its members, rendered */
    int64_t arrived, first_byte, finished;
    int status;
    bool states_usage;
    struct usage usage;
    char fault[32];
    struct buf sent;
    uint64_t sent_len;
    const char *end; /* NULL until finished */
    bool dropped;    /* not in the list: to be freed once finished */
    bool forgotten;  /* by journal_clear(): no longer counted */
    struct journal_entry *next;
};

/* All but `file` and `limit`, which never change, is guarded by lock; so is each entry's `end`,
 * and its `dropped` and `next`. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct journal_entry *first, **last;
    uint64_t number;
    long arrived, finished, kept;
    bool stopped;
    long limit;
    int file;
} journal = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .file = -1};

int journal_init(long limit, const char *file)
{
    journal.last = &journal.first;
    journal.limit = limit;
    if (file) {
        journal.file = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (journal.file < 0)
            return -1;
    }
    return 0;
}

static void free_entry(struct journal_entry *e)
{
    buf_finish(&e->request);
    buf_finish(&e->sent);
    free(e);
}

void journal_finish_all(void)
{
    journal_clear();
    if (journal.file >= 0)
        close(journal.file);
}

static void render_bytes(struct buf *to, const char *name, const char *bytes, size_t len)
{
    buf_printf(to, ",\"%s\":", name);
    if (is_utf8(bytes, len))
        buf_json(to, bytes, len);
    else
        buf_puts(to, "null");
    buf_printf(to, ",\"%s_base64\":\"", name);
    buf_base64(to, bytes, len);
    buf_puts(to, "\"");
}

static void render_request(struct buf *to, const struct http_request *req)
{
    buf_puts(to, "\"method\":");
    buf_json_latin1(to, req->method, strlen(req->method));
    buf_puts(to, ",\"target\":");
    buf_json_latin1(to, req->target, strlen(req->target));
    buf_printf(to, ",\"version\":\"1.%d\",\"malformed\":", req->minor);
    if (req->malformed)
        buf_json(to, req->malformed, strlen(req->malformed));
    else
        buf_puts(to, "null");
    buf_puts(to, ",\"headers\":[");
    for (size_t i = 0; i < req->header_count; i++) {
        buf_puts(to, i ? ",[" : "[");
        buf_json_latin1(to, req->header[i].name, strlen(req->header[i].name));
        buf_puts(to, ",");
        buf_json_latin1(to, req->header[i].value, strlen(req->header[i].value));
        buf_puts(to, "]");
    }
    buf_puts(to, "]");
    render_bytes(to, "body", req->body, req->body_len);
}

struct journal_entry *journal_arrive(const struct http_conn *conn, const struct http_request *req)
{
    struct journal_entry *e;

    if (journal.limit == 0 && journal.file < 0)
        return NULL;
    e = sim_alloc(sizeof(*e));
    e->arrived = sim_now();
    e->conn = conn->id;
    e->conn_request = conn->requests;
    render_request(&e->request, req);
    pthread_mutex_lock(&journal.lock);
    e->number = ++journal.number;
    journal.arrived++;
    if (journal.kept < journal.limit) {
        *journal.last = e;
        journal.last = &e->next;
        journal.kept++;
    } else {
        e->dropped = true;
    }
    pthread_cond_broadcast(&journal.changed);
    pthread_mutex_unlock(&journal.lock);
    return e;
}

static void render_figure(struct buf *to, const char *name, int64_t value)
{
    if (to->bytes[to->len - 1] != '{')
        buf_puts(to, ",");
    if (value < 0)
        buf_printf(to, "\"%s\":null", name);
    else
        buf_printf(to, "\"%s\":%" PRId64, name, value);
}

static void render_answer(struct buf *to, const struct journal_entry *e)
{
    buf_printf(to, "\"status\":%d,\"fault\":", e->status);
    if (e->fault[0])
        buf_json(to, e->fault, strlen(e->fault));
    else
        buf_puts(to, "null");
    buf_puts(to, ",\"usage\":");
    if (!e->states_usage) {
        buf_puts(to, "null");
        return;
    }
    buf_puts(to, "{");
    render_figure(to, "input", e->usage.input);
    render_figure(to, "output", e->usage.output);
    render_figure(to, "cached", e->usage.cached);
    render_figure(to, "cache_write", e->usage.cache_write);
    render_figure(to, "cache_write_1h", e->usage.cache_write_1h);
    render_figure(to, "reasoning", e->usage.reasoning);
    buf_puts(to, "}");
}

/* One write(2), so that the line is there whole once an answer's first byte is. */
static void append_line(const struct journal_entry *e)
{
    struct buf line = {0};

    buf_printf(&line, "{\"number\":%" PRIu64 ",", e->number);
    buf_add(&line, e->request.bytes, e->request.len);
    buf_puts(&line, ",");
    render_answer(&line, e);
    buf_puts(&line, "}\n");
    while (write(journal.file, line.bytes, line.len) < 0 && errno == EINTR)
        ;
    buf_finish(&line);
}

void journal_answering(struct journal_entry *e, int status, const struct usage *usage,
                       const char *fault)
{
    if (!e)
        return;
    e->status = status;
    e->states_usage = usage != NULL;
    if (usage)
        e->usage = *usage;
    if (fault)
        strncpy(e->fault, fault, sizeof(e->fault) - 1);
    if (journal.file >= 0)
        append_line(e);
}

void journal_first_byte(struct journal_entry *e)
{
    if (e)
        e->first_byte = sim_now();
}

void journal_sent(struct journal_entry *e, const void *bytes, size_t len)
{
    if (!e)
        return;
    e->sent_len += len;
    if (e->sent.len + len <= SENT_MAX)
        buf_add(&e->sent, bytes, len);
}

void journal_finish(struct journal_entry *e, const char *end)
{
    bool dropped;

    if (!e)
        return;
    e->finished = sim_now();
    pthread_mutex_lock(&journal.lock);
    e->end = end;
    dropped = e->dropped;
    journal.finished += !e->forgotten;
    pthread_cond_broadcast(&journal.changed);
    pthread_mutex_unlock(&journal.lock);
    if (dropped)
        free_entry(e);
}

bool journal_await(long arrived, long finished, int timeout_ms)
{
    struct timespec until = sim_deadline(timeout_ms);
    bool there;
    int error = 0;

    pthread_mutex_lock(&journal.lock);
    while ((journal.arrived < arrived || journal.finished < finished) && !journal.stopped &&
           error == 0)
        error = pthread_cond_timedwait(&journal.changed, &journal.lock, &until);
    there = journal.arrived >= arrived && journal.finished >= finished;
    pthread_mutex_unlock(&journal.lock);
    return there;
}

static void render_entry(struct buf *to, const struct journal_entry *e)
{
    buf_printf(to,
               "{\"number\":%" PRIu64 ",\"connection\":%" PRIu64
               ",\"request_on_connection\":%" PRIu64 ",\"arrived_ns\":%" PRId64 ",",
               e->number, e->conn, e->conn_request, e->arrived);
    buf_add(to, e->request.bytes, e->request.len);
    if (!e->end) {
        buf_puts(to, ",\"answer\":null}");
        return;
    }
    buf_puts(to, ",\"answer\":{");
    render_answer(to, e);
    buf_printf(to,
               ",\"end\":\"%s\",\"first_byte_ns\":%" PRId64 ",\"finished_ns\":%" PRId64
               ",\"body_bytes\":%" PRIu64,
               e->end, e->first_byte, e->finished, e->sent_len);
    render_bytes(to, "body", e->sent.bytes ? e->sent.bytes : "", e->sent.len);
    buf_puts(to, "}}");
}

void journal_render(struct buf *to)
{
    pthread_mutex_lock(&journal.lock);
    buf_printf(to, "{\"arrived\":%ld,\"finished\":%ld,\"requests\":[", journal.arrived,
               journal.finished);
    for (const struct journal_entry *e = journal.first; e; e = e->next) {
        render_entry(to, e);
        if (e->next)
            buf_puts(to, ",\n");
    }
    buf_puts(to, "]}");
    pthread_mutex_unlock(&journal.lock);
}

void journal_clear(void)
{
    struct journal_entry *e, *next;

    pthread_mutex_lock(&journal.lock);
    for (e = journal.first; e; e = next) {
        next = e->next;
        if (e->end)
            free_entry(e);
        else
            e->dropped = e->forgotten = true;
    }
    journal.first = NULL;
    journal.last = &journal.first;
    journal.kept = journal.arrived = journal.finished = 0;
    pthread_mutex_unlock(&journal.lock);
}

void journal_stop(void)
{
    pthread_mutex_lock(&journal.lock);
    journal.stopped = true;
    pthread_cond_broadcast(&journal.changed);
    pthread_mutex_unlock(&journal.lock);
}
