/* SPDX-License-Identifier: MIT */
#include "control.h"

#include <stdlib.h>
#include <string.h>

#include "gate.h"
#include "journal.h"
#include "script.h"

#define TIMEOUT_MS 20000

typedef int (*control_fn)(const struct http_request *req, struct buf *body);

struct endpoint {
    const char *method, *path;
    control_fn answer; /* returns the status */
};

bool control_owns(const struct http_request *req)
{
    return strncmp(req->target, "/_sim/", 6) == 0;
}

static long number(const struct http_request *req, const char *name, long otherwise)
{
    char text[32];

    return http_query(req, name, text, sizeof(text)) ? strtol(text, NULL, 10) : otherwise;
}

static int refuse(struct buf *body, int status, const char *why)
{
    buf_puts(body, "{\"error\":");
    buf_json(body, why, strlen(why));
    buf_puts(body, "}");
    return status;
}

static int ok(struct buf *body)
{
    buf_puts(body, "{\"ok\":true}");
    return 200;
}

static int post_script(const struct http_request *req, struct buf *body)
{
    char why[256];

    if (script_push(req->body, req->body_len, why, sizeof(why)) < 0)
        return refuse(body, 400, why);
    buf_printf(body, "{\"ok\":true,\"pending\":%zu}", script_pending());
    return 200;
}

static int delete_script(const struct http_request *req, struct buf *body)
{
    (void)req;
    script_clear();
    return ok(body);
}

static int get_journal(const struct http_request *req, struct buf *body)
{
    long finished = number(req, "wait", 0), arrived = number(req, "arrived", 0);

    if (!journal_await(arrived, finished, (int)number(req, "timeout_ms", TIMEOUT_MS)))
        return refuse(body, 504, "not so many requests came");
    journal_render(body);
    return 200;
}

static int delete_journal(const struct http_request *req, struct buf *body)
{
    (void)req;
    journal_clear();
    return ok(body);
}

static int post_open(const struct http_request *req, struct buf *body)
{
    char name[128];

    if (!http_query(req, "gate", name, sizeof(name)))
        return refuse(body, 400, "which gate?");
    gate_open(name, (int)number(req, "passes", 0));
    return ok(body);
}

static int get_gate(const struct http_request *req, struct buf *body)
{
    char name[128];

    if (!http_query(req, "gate", name, sizeof(name)))
        return refuse(body, 400, "which gate?");
    if (!gate_await(name, (int)number(req, "waiting", 1),
                    (int)number(req, "timeout_ms", TIMEOUT_MS)))
        return refuse(body, 504, "not so many wait at the gate");
    return ok(body);
}

static int post_reset(const struct http_request *req, struct buf *body)
{
    (void)req;
    script_clear();
    journal_clear();
    gate_clear();
    return ok(body);
}

static const struct endpoint endpoints[] = {
    {"POST", "/_sim/script", post_script}, {"DELETE", "/_sim/script", delete_script},
    {"GET", "/_sim/journal", get_journal}, {"DELETE", "/_sim/journal", delete_journal},
    {"POST", "/_sim/open", post_open},     {"GET", "/_sim/gate", get_gate},
    {"POST", "/_sim/reset", post_reset},
};

static int dispatch(const struct http_request *req, struct buf *body)
{
    size_t len = http_path_len(req);

    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
        const struct endpoint *e = &endpoints[i];

        if (strlen(e->path) == len && memcmp(e->path, req->target, len) == 0 &&
            strcmp(e->method, req->method) == 0)
            return e->answer(req, body);
    }
    return refuse(body, 404, "the simulator has no such endpoint; see test/sim/control.h");
}

bool control_answer(struct http_conn *conn, const struct http_request *req)
{
    struct buf body = {0}, head = {0};
    int status = dispatch(req, &body);

    buf_printf(&head,
               "HTTP/1.1 %d Control\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
               "%s\r\n",
               status, body.len, req->keep_alive ? "" : "Connection: close\r\n");
    buf_add(&head, body.bytes, body.len);
    http_send(conn, head.bytes, head.len);
    buf_finish(&head);
    buf_finish(&body);
    return req->keep_alive;
}
