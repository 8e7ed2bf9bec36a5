/* SPDX-License-Identifier: MIT */
#include "fault.h"

#include <stdint.h>
#include <string.h>

#include "gate.h"

#define FLOOD_SIZE  (64LL << 20)
#define HEADER_SIZE (400LL << 10)
#define ENDLESS     (1LL << 40)

static long long size_or(const struct wire *w, long long otherwise)
{
    return w->script->size >= 0 ? w->script->size : otherwise;
}

/* Waits until the gate opens that ends a silence, or the peer has had enough. */
static int be_silent(struct wire *w)
{
    const char *gate = w->script->until ? w->script->until : "silence";

    if (gate_pass(gate, w->conn->fd) == 0)
        return 0;
    w->end = "peer_closed";
    w->keep_alive = false;
    return -1;
}

static int not_http(struct wire *w)
{
    wire_raw(w, "SSH-2.0-OpenSSH_9.2p1\r\n", 23);
    return wire_close(w);
}

static int close_in_head(struct wire *w)
{
    wire_raw(w, "HTTP/1.1 200 OK\r\nContent-Ty", 27);
    return wire_close(w);
}

static int header_flood(struct wire *w)
{
    long long size = size_or(w, FLOOD_SIZE);
    struct buf line = {0};

    wire_raw(w, "HTTP/1.1 200 OK\r\n", 17);
    for (long long sent = 0, n = 0; sent < size && !w->conn->failed; sent += (long long)line.len) {
        buf_clear(&line);
        for (int i = 0; i < 64; i++)
            buf_printf(&line, "X-Flood-%lld: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", n++);
        wire_raw(w, line.bytes, line.len);
    }
    buf_finish(&line);
    return w->conn->failed ? -1 : wire_close(w);
}

static int interim(struct wire *w)
{
    static const char hints[] = "HTTP/1.1 100 Continue\r\n\r\n"
                                "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n";

    return wire_raw(w, hints, sizeof(hints) - 1);
}

static void nul_header(struct wire *w, struct buf *head)
{
    (void)w;
    buf_add(head, "X-Odd: a\0b\r\n", 12);
}

static void huge_header(struct wire *w, struct buf *head)
{
    long long size = size_or(w, HEADER_SIZE);

    buf_puts(head, "X-Huge: ");
    memset(buf_reserve(head, (size_t)size), 'a', (size_t)size);
    head->len += (size_t)size;
    buf_puts(head, "\r\n");
}

static enum strike silence_mid(struct wire *w, size_t at)
{
    (void)at;
    return be_silent(w) == 0 ? STRIKE_GO_ON : STRIKE_BROKEN;
}

static enum strike reset_mid(struct wire *w, size_t at)
{
    (void)at;
    wire_reset(w);
    return STRIKE_BROKEN;
}

static enum strike close_mid(struct wire *w, size_t at)
{
    (void)at;
    wire_close(w);
    return STRIKE_BROKEN;
}

static enum strike truncate_chunk(struct wire *w, size_t at)
{
    const struct piece *piece = &w->answer->piece[at];

    wire_raw(w, "ffff\r\n", 6);
    wire_raw(w, w->answer->body.bytes + piece->at, piece->len / 2);
    wire_close(w);
    return STRIKE_BROKEN;
}

static enum strike truncate_length(struct wire *w, size_t at)
{
    (void)at;
    wire_close(w);
    return STRIKE_BROKEN;
}

static enum strike stop_short(struct wire *w, size_t at)
{
    (void)w;
    (void)at;
    return STRIKE_END;
}

static enum strike sse_error(struct wire *w, size_t at)
{
    static const char anthropic[] =
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
        "\"message\":\"Overloaded\"},\"request_id\":\"req_sim_error\"}\n\n";
    static const char openai[] =
        "data: {\"error\":{\"message\":\"The server had an error.\",\"type\":\"server_error\","
        "\"param\":null,\"code\":null}}\n\n";
    bool is_anthropic = strstr(w->req->target, "/messages") != NULL;
    const char *event = is_anthropic ? anthropic : openai;

    (void)at;
    if (wire_body(w, event, strlen(event)) < 0)
        return STRIKE_BROKEN;
    return STRIKE_END;
}

/* Repeats one piece of content, or white space where there are no events. */
static enum strike endless(struct wire *w, size_t at)
{
    const struct answer *a = w->answer;
    long long size = size_or(w, ENDLESS), sent = 0;
    static const char blanks[16384] = {[0 ... 16383] = ' '};

    while (at + 1 < a->pieces && !a->piece[at].content)
        at++;
    while (sent < size) {
        const char *bytes = a->stream ? a->body.bytes + a->piece[at].at : blanks;
        size_t len = a->stream ? a->piece[at].len : sizeof(blanks);

        if (wire_body(w, bytes, len) < 0)
            return STRIKE_BROKEN;
        sent += (long long)len;
    }
    return STRIKE_GO_ON;
}

static void replace_body(struct wire *w, const struct buf *with)
{
    struct answer *a = w->answer;

    buf_clear(&a->body);
    buf_add(&a->body, with->bytes, with->len);
    a->pieces = 1;
    a->piece[0] = (struct piece){.len = with->len};
}

static uint32_t crc32_of(const unsigned char *bytes, size_t len)
{
    uint32_t crc = 0xffffffff;

    while (len--) {
        crc ^= *bytes++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static void put_le(struct buf *to, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        buf_add(to, (char[]){(char)(value >> 8 * i)}, 1);
}

/* A gzip file of stored blocks. */
static void gzip(struct wire *w)
{
    const struct buf *body = &w->answer->body;
    struct buf zipped = {0};
    size_t at = 0, len;

    buf_add(&zipped, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
    do {
        len = body->len - at < 65535 ? body->len - at : 65535;
        put_le(&zipped, at + len == body->len, 1);
        put_le(&zipped, (uint32_t)len, 2);
        put_le(&zipped, (uint32_t)~len, 2);
        buf_add(&zipped, body->bytes + at, len);
        at += len;
    } while (at < body->len);
    put_le(&zipped, crc32_of((const unsigned char *)body->bytes, body->len), 4);
    put_le(&zipped, (uint32_t)body->len, 4);
    answer_header(w->answer, "Content-Encoding: gzip");
    replace_body(w, &zipped);
    buf_finish(&zipped);
}

static void garbage_json(struct wire *w)
{
    struct buf garbage = {0};

    buf_puts(&garbage, w->answer->stream ? "data: {\"choices\":[{\"del\n\ndata: ]]\n\n"
                                         : "{\"id\":\"chatcmpl-1\",\"choices\":[{\"mess");
    w->answer->states_usage = false;
    replace_body(w, &garbage);
    buf_finish(&garbage);
}

static void redirect(struct wire *w)
{
    struct buf nothing = {0};

    w->answer->status = 307;
    w->answer->stream = w->answer->states_usage = false;
    answer_header(w->answer, "Location: /v1/elsewhere");
    buf_puts(&nothing, "{}");
    replace_body(w, &nothing);
    buf_finish(&nothing);
}

static const struct fault faults[] = {
    {.name = "close_before_headers", .instead = wire_close},
    {.name = "reset_before_headers", .instead = wire_reset},
    {.name = "close_in_headers", .instead = close_in_head},
    {.name = "silence_first", .instead = be_silent},
    {.name = "not_http", .instead = not_http},
    {.name = "header_flood", .instead = header_flood},
    {.name = "interim", .instead = interim},
    {.name = "nul_header", .head = nul_header},
    {.name = "huge_header", .head = huge_header},
    {.name = "truncate_length", .framing = FRAME_LENGTH_HIGH, .strike = truncate_length},
    {.name = "truncate_chunk", .framing = FRAME_CHUNKED, .strike = truncate_chunk},
    {.name = "eof_framed", .framing = FRAME_EOF},
    {.name = "eof_framed_cut", .framing = FRAME_EOF, .strike = close_mid},
    {.name = "overlong_body", .framing = FRAME_LENGTH_LOW},
    {.name = "duplicate_length", .framing = FRAME_LENGTH_TWICE},
    {.name = "negative_length", .framing = FRAME_LENGTH_NEGATIVE},
    {.name = "reset_mid_stream", .strike = reset_mid},
    {.name = "close_mid_stream", .strike = close_mid},
    {.name = "silence_mid", .strike = silence_mid},
    {.name = "stop_short", .framing = FRAME_CHUNKED, .strike = stop_short},
    {.name = "no_terminator", .framing = FRAME_CHUNKED, .strike = stop_short, .at_last = true},
    {.name = "sse_error", .framing = FRAME_CHUNKED, .strike = sse_error},
    {.name = "endless_stream", .framing = FRAME_CHUNKED, .strike = endless},
    {.name = "slow_drip", .drip = true},
    {.name = "close_after", .close_after = true},
    {.name = "unstreamed", .unstreamed = true},
    {.name = "gzip", .prepare = gzip},
    {.name = "garbage_json", .prepare = garbage_json},
    {.name = "redirect", .prepare = redirect},
};

const struct fault *fault_find(const char *name)
{
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        if (strcmp(faults[i].name, name) == 0)
            return &faults[i];
    }
    return NULL;
}
