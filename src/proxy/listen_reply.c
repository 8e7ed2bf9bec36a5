/* SPDX-License-Identifier: MIT */
#include "proxy/listen_reply.h"

#include <string.h>

#include "proxy/conns.h"
#include "proxy/listen_live.h"
#include "proxy/outlet.h"

#define BLOCK_SIZE  (16 * 1024)
#define STREAM_SIZE (2 * 1024) /* a block of a stream, which seldom has more to say at a time */
#define CHUNK_SIZE  1 /* of chunks: they are put where the library has more room for them */
#define WHOLE_MAX   (64 * 1024) /* a larger body is sent in blocks, each with a deadline of its own */

static void add_trailers(struct exchange *x, struct MHD_Response *r)
{
    for (int i = 0; i < x->reply.trailers.n; i++)
        MHD_add_response_footer(r, x->reply.trailers.list[i].name.p, x->reply.trailers.list[i].value.p);
}

/* The client is given bytes now, and must take them in time. */
static void must_read(struct exchange *x)
{
    if (x->conn)
        conn_phase(x->conn, x->settings->config.write_stall_timeout);
}

static ssize_t end_stream(struct exchange *x, enum ring_end end)
{
    if (end != RING_WHOLE)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    add_trailers(x, x->stream);
    must_read(x);
    return MHD_CONTENT_READER_END_OF_STREAM;
}

/* The library asks for the next bytes of a stream: blocks until there are some. */
static ssize_t on_more(void *cls, uint64_t pos, char *out, size_t max)
{
    struct exchange *x = cls;
    enum ring_end end;
    size_t n;

    (void)pos;
    if (x->conn)
        conn_no_deadline(x->conn); /* what it was given is sent */
    if (x->chunks)
        return end_stream(x, outlet_carry(x, out, max));
    while ((end = ring_ended(&x->reply.ring)) == RING_OPEN) {
        if ((n = ring_read(&x->reply.ring, out, max, CLIENT_LOOK_MS))) {
            must_read(x);
            return (ssize_t)n;
        }
        if (ring_abandoned(&x->reply.ring) || exchange_client_has_left(x)) {
            exchange_client_left(x);
            ring_abandon(&x->reply.ring);
            break;
        }
    }
    return end_stream(x, end);
}

/* The same of a body that is there as a whole. */
static ssize_t on_more_of_body(void *cls, uint64_t pos, char *out, size_t max)
{
    struct exchange *x = cls;
    size_t left = x->reply.body.n - (size_t)pos, n = max < left ? max : left;

    memcpy(out, x->reply.body.p + pos, n);
    must_read(x);
    return (ssize_t)n;
}

static struct MHD_Response *make_response(struct exchange *x)
{
    struct reply *r = &x->reply;

    if (r->live)
        return live_response(x, x->conn);
    if (r->streamed)
        return x->stream = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, x->chunks ? CHUNK_SIZE : STREAM_SIZE,
                                                             on_more, x, NULL);
    must_read(x);
    if (r->head_only) /* nothing is asked of the callback then */
        return MHD_create_response_from_callback(r->length < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)r->length,
                                                 BLOCK_SIZE, on_more_of_body, x, NULL);
    /* The exchange outlives the response: it is let go of when the request has ended. */
    if (r->body.n > WHOLE_MAX)
        return MHD_create_response_from_callback(r->body.n, BLOCK_SIZE, on_more_of_body, x, NULL);
    return MHD_create_response_from_buffer(r->body.n, r->body.p, MHD_RESPMEM_PERSISTENT);
}

enum MHD_Result listen_reply(struct MHD_Connection *c, struct exchange *x)
{
    struct MHD_Response *r = make_response(x);
    enum MHD_Result queued;

    if (!r)
        return MHD_NO;
    for (int i = 0; i < x->reply.headers.n; i++)
        MHD_add_response_header(r, x->reply.headers.list[i].name.p, x->reply.headers.list[i].value.p);
    if (x->reply.close)
        MHD_add_response_header(r, "Connection", "close");
    queued = MHD_queue_response(c, (unsigned)x->reply.status, r);
    MHD_destroy_response(r);
    return queued;
}
