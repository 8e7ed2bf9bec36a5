/* SPDX-License-Identifier: MIT */
#include "proxy/listen_live.h"

#include <microhttpd.h>

#include "proxy/live.h"

#define BLOCK_SIZE (16 * 1024)
#define LOOK_MS    250

struct stream {
    struct exchange *x;
    struct conn *conn; /* NULL: it has no deadlines */
};

static ssize_t take(struct exchange *x, char *out, size_t max)
{
    size_t left = x->reply.body.n - x->viewer.at, n = left < max ? left : max;

    memcpy(out, x->reply.body.p + x->viewer.at, n);
    x->viewer.at += n;
    return (ssize_t)n;
}

/* The library has sent what it had: waits for more. What it then gets has a deadline to be sent by. */
static ssize_t on_more(void *cls, uint64_t pos, char *out, size_t max)
{
    struct stream *s = cls;
    struct exchange *x = s->x;

    (void)pos;
    if (s->conn)
        conn_no_deadline(s->conn);
    while (x->viewer.at == x->reply.body.n) {
        if (live_is_over(x))
            return MHD_CONTENT_READER_END_OF_STREAM;
        buf_clear(&x->reply.body);
        x->viewer.at = 0;
        if (exchange_client_has_left(x) || live_next(x, LOOK_MS))
            return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (s->conn)
        conn_phase(s->conn, x->settings->config.write_stall_timeout);
    return take(x, out, max);
}

struct MHD_Response *live_response(struct exchange *x, struct conn *conn)
{
    struct stream *s = arena_alloc(&x->arena, sizeof *s);

    if (!s)
        return NULL;
    *s = (struct stream){x, conn};
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, on_more, s, NULL);
}
