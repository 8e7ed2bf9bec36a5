/* SPDX-License-Identifier: MIT */
#include "send.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "fault.h"
#include "gate.h"

struct reason {
    int status;
    const char *text;
};

static const struct reason reasons[] = {
    {200, "OK"},
    {307, "Temporary Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {413, "Content Too Large"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {529, "Overloaded"},
    {0, "Other"},
};

static const char *reason_of(int status)
{
    const struct reason *r = reasons;

    while (r->status && r->status != status)
        r++;
    return r->text;
}

int wire_raw(struct wire *w, const void *bytes, size_t len)
{
    if (http_send(w->conn, bytes, len) == 0)
        return 0;
    w->end = "peer_closed";
    w->keep_alive = false;
    return -1;
}

int wire_close(struct wire *w)
{
    w->end = "closed";
    w->keep_alive = false;
    return -1;
}

int wire_reset(struct wire *w)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    setsockopt(w->conn->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    w->end = "reset";
    w->keep_alive = false;
    return -1;
}

static int pass(struct wire *w, const char *gate)
{
    if (!gate || gate_pass(gate, w->conn->fd) == 0)
        return 0;
    w->end = "peer_closed";
    w->keep_alive = false;
    return -1;
}

static int send_part(struct wire *w, const char *bytes, size_t len)
{
    struct buf chunk = {0};
    int status;

    if (w->framing != FRAME_CHUNKED) {
        status = wire_raw(w, bytes, len);
    } else {
        buf_printf(&chunk, "%zx\r\n", len);
        buf_add(&chunk, bytes, len);
        buf_add(&chunk, "\r\n", 2);
        status = wire_raw(w, chunk.bytes, chunk.len);
        buf_finish(&chunk);
    }
    if (status == 0)
        journal_sent(w->entry, bytes, len);
    return status;
}

int wire_body(struct wire *w, const char *bytes, size_t len)
{
    bool drip = w->fault && w->fault->drip;
    size_t part = drip ? 1 : (size_t)w->script->split;

    if (!part)
        return len ? send_part(w, bytes, len) : 0;
    for (size_t at = 0; at < len; at += part) {
        if (drip && pass(w, w->script->step) < 0)
            return -1;
        if (drip && !w->script->step)
            sim_sleep_ms(w->script->delay_chunk_ms ? w->script->delay_chunk_ms : 10);
        if (send_part(w, bytes + at, len - at < part ? len - at : part) < 0)
            return -1;
    }
    return 0;
}

static void put_framing(struct wire *w, struct buf *head)
{
    size_t len = w->answer->body.len;

    switch (w->framing) {
    case FRAME_CHUNKED:
        buf_puts(head, "Transfer-Encoding: chunked\r\n");
        break;
    case FRAME_LENGTH_LOW:
        buf_printf(head, "Content-Length: %zu\r\n", len / 2);
        break;
    case FRAME_LENGTH_HIGH:
        buf_printf(head, "Content-Length: %zu\r\n", len + 100);
        break;
    case FRAME_LENGTH_TWICE:
        buf_printf(head, "Content-Length: %zu\r\nContent-Length: %zu\r\n", len, len / 2);
        break;
    case FRAME_LENGTH_NEGATIVE:
        buf_puts(head, "Content-Length: -1\r\n");
        break;
    case FRAME_EOF:
        break;
    default:
        buf_printf(head, "Content-Length: %zu\r\n", len);
    }
    /* A wrong length leaves nothing that a further request could follow. */
    if (w->framing != FRAME_CHUNKED && w->framing != FRAME_LENGTH)
        w->keep_alive = false;
    if (!w->keep_alive)
        buf_puts(head, "Connection: close\r\n");
}

static void put_head(struct wire *w, struct buf *head)
{
    const struct answer *a = w->answer;
    const struct script *s = w->script;

    buf_printf(head, "HTTP/1.1 %d %s\r\n", a->status, reason_of(a->status));
    buf_printf(head, "Content-Type: %s\r\n", s->type ? s->type : a->type);
    buf_add(head, a->header.bytes, a->header.len);
    if (s->retry_after)
        buf_printf(head, "Retry-After: %s\r\n", s->retry_after);
    if (s->header)
        buf_puts(head, s->header);
    if (w->fault && w->fault->head)
        w->fault->head(w, head);
    put_framing(w, head);
    buf_puts(head, "\r\n");
}

/* What goes before a piece of a stream: the wait, a comment, the time. */
static int before_piece(struct wire *w, size_t i)
{
    char line[64];
    int len;

    if (!w->answer->stream)
        return 0;
    if (!(w->fault && w->fault->drip)) {
        if (i && pass(w, w->script->step) < 0)
            return -1;
        if (i && w->script->delay_chunk_ms)
            sim_sleep_ms(w->script->delay_chunk_ms);
    }
    if (w->script->comments && wire_body(w, ": keep-alive\n\n", 14) < 0)
        return -1;
    if (w->script->stamp) { /* a part of the event, unlike a comment: passes with it */
        len = snprintf(line, sizeof(line), "id: sent %" PRId64 "\n", sim_now());
        return wire_body(w, line, (size_t)len);
    }
    return 0;
}

static size_t place_of_fault(const struct wire *w)
{
    const struct answer *a = w->answer;

    if (!w->fault || !w->fault->strike)
        return SIZE_MAX;
    if (w->fault->at_last)
        return a->pieces - 1;
    if (w->script->at >= 0)
        return (size_t)w->script->at < a->pieces ? (size_t)w->script->at : a->pieces - 1;
    return a->pieces / 2;
}

/* All pieces, with the fault at its place. Whether the body's end shall be sent. */
static bool send_pieces(struct wire *w)
{
    const struct answer *a = w->answer;
    size_t strikes = place_of_fault(w);

    for (size_t i = 0; i < a->pieces; i++) {
        const struct piece *piece = &a->piece[i];
        const char *bytes = a->body.bytes + piece->at;
        size_t sent = 0;
        enum strike then = STRIKE_GO_ON;

        if (before_piece(w, i) < 0)
            return false;
        if (i == strikes) {
            sent = a->pieces == 1 ? piece->len / 2 : 0; /* half-way into a single one */
            if (wire_body(w, bytes, sent) < 0)
                return false;
            then = w->fault->strike(w, i);
        }
        if (then != STRIKE_GO_ON)
            return then == STRIKE_END;
        if (wire_body(w, bytes + sent, piece->len - sent) < 0)
            return false;
    }
    return true;
}

/* A whole small answer leaves in one write. */
static bool fits_one_write(const struct wire *w)
{
    return !w->answer->stream && w->framing == FRAME_LENGTH && !w->fault && !w->script->split &&
           w->answer->body.len < 65536;
}

static void send_all(struct wire *w)
{
    struct answer *a = w->answer;
    bool no_body = strcmp(w->req->method, "HEAD") == 0;
    struct buf head = {0};
    int status;

    put_head(w, &head);
    if (fits_one_write(w) && !no_body) {
        buf_add(&head, a->body.bytes, a->body.len);
        if (wire_raw(w, head.bytes, head.len) == 0)
            journal_sent(w->entry, a->body.bytes, a->body.len);
        buf_finish(&head);
        return;
    }
    status = wire_raw(w, head.bytes, head.len);
    buf_finish(&head);
    if (status < 0 || no_body || !send_pieces(w))
        return;
    if (w->framing == FRAME_CHUNKED)
        wire_raw(w, "0\r\n\r\n", 5);
    if (w->fault && w->fault->close_after)
        w->keep_alive = false;
}

static enum framing usual_framing(const struct wire *w)
{
    if (w->fault && w->fault->framing != FRAME_USUAL)
        return w->fault->framing;
    return w->answer->stream || w->answer->chunked ? FRAME_CHUNKED : FRAME_LENGTH;
}

bool wire_answer(struct wire *w)
{
    w->end = "complete";
    if (w->fault && w->fault->prepare)
        w->fault->prepare(w);
    journal_answering(w->entry, w->answer->status,
                      w->answer->states_usage ? &w->answer->usage : NULL, w->script->fault);
    if (w->script->delay_first_ms)
        sim_sleep_ms(w->script->delay_first_ms);
    if (pass(w, w->script->gate) == 0) {
        w->framing = usual_framing(w);
        journal_first_byte(w->entry);
        if (!(w->fault && w->fault->instead && w->fault->instead(w) < 0))
            send_all(w);
    }
    journal_finish(w->entry, w->end);
    return w->keep_alive;
}
