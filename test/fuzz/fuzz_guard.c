/* SPDX-License-Identifier: MIT */
/* Headers that the guard lets through say once, or not at all, where the body ends, and are headers. The
 * first byte is the version's, then "Name: value" lines. */
#include <stdint.h>
#include <stdlib.h>

#include "proxy/guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct headers *h, bool http11)
{
    struct span coding = headers_get(h, "transfer-encoding"), length = headers_get(h, "content-length");
    long long n;

    if (headers_count(h, "transfer-encoding") + headers_count(h, "content-length") > 1 ||
        headers_count(h, "host") > 1 || headers_count(h, "authorization") > 1)
        abort();
    if (coding.p && (!http11 || !span_eq_nocase(coding, SPAN("chunked"))))
        abort();
    if (length.p && !span_to_int64(length, &n))
        abort();
    for (int i = 0; i < h->n; i++) {
        struct span name = h->list[i].name, value = h->list[i].value;

        if (!name.n || memchr(value.p, '\r', value.n) || memchr(value.p, '\n', value.n) ||
            memchr(value.p, 0, value.n) || memchr(name.p, ' ', name.n) || memchr(name.p, ':', name.n))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = {(const char *)data + 1, size ? size - 1 : 0}, line, name, value;
    struct headers h = {.n = 0};
    struct refusal r = {.message = ""};
    struct arena a;

    if (!size)
        return 0;
    arena_init(&a, 1 << 20);
    while (rest.n && h.n < HEADERS_MAX) {
        span_cut(rest, '\n', &line, &rest);
        span_cut(line, ':', &name, &value);
        if (!headers_add(&h, &a, name, span_trim(value)))
            break;
    }
    if (guard_headers(&h, data[0] & 1, &r)) {
        if (!r.message[0])
            abort();
    } else {
        check(&h, data[0] & 1);
    }
    arena_finish(&a);
    return 0;
}
