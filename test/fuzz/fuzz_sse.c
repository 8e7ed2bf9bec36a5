/* SPDX-License-Identifier: MIT */
/* Whatever the bytes and however they are cut, the events concatenate to the stream, and the cuts
 * do not change what is read. First byte: the size of the pieces. */
#include <stdint.h>
#include <stdlib.h>

#include "wire/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    struct buf raw, read; /* all bytes; all names and data */
};

static void on_event(void *ctx, const struct sse_event *ev)
{
    struct seen *seen = ctx;

    buf_span(&seen->raw, ev->raw);
    if (ev->name.n || ev->data.n) {
        buf_span(&seen->read, ev->name);
        buf_char(&seen->read, '\0');
        buf_span(&seen->read, ev->data);
        buf_char(&seen->read, '\1');
    }
}

static void run(struct span stream, size_t piece, struct seen *seen)
{
    struct sse s;

    *seen = (struct seen){0};
    sse_init(&s);
    s.bound = 200;
    for (size_t at = 0; at < stream.n; at += piece) {
        struct span rest = span_skip(stream, at);

        sse_feed(&s, (struct span){rest.p, rest.n < piece ? rest.n : piece}, on_event, seen);
    }
    sse_end(&s, on_event, seen);
    sse_finish(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen whole, cut;

    if (size < 2)
        return 0;
    struct span stream = {(const char *)data + 1, size - 1};

    run(stream, stream.n, &whole);
    run(stream, 1 + data[0] % 40, &cut);
    if (!span_eq(buf_all(&whole.raw), stream) || !span_eq(buf_all(&cut.raw), stream) ||
        !span_eq(buf_all(&whole.read), buf_all(&cut.read)))
        abort();
    buf_finish(&whole.raw);
    buf_finish(&whole.read);
    buf_finish(&cut.raw);
    buf_finish(&cut.read);
    return 0;
}
