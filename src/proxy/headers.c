/* SPDX-License-Identifier: MIT */
#include "proxy/headers.h"

#include <stdarg.h>
#include <stdio.h>

bool headers_add(struct headers *h, struct arena *a, struct span name, struct span value)
{
    char *n, *v;

    if (h->n == HEADERS_MAX)
        return false;
    n = arena_copy(a, name.p, name.n);
    v = arena_copy(a, value.n ? value.p : "", value.n);
    if (!n || !v)
        return false;
    h->list[h->n++] = (struct header){{n, name.n}, {v, value.n}};
    return true;
}

bool headers_addf(struct headers *h, struct arena *a, const char *name, const char *fmt, ...)
{
    char value[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(value, sizeof value, fmt, ap);
    va_end(ap);
    return headers_add(h, a, span_of(name), span_of(value));
}

struct span headers_get(const struct headers *h, const char *name)
{
    struct span wanted = span_of(name);

    for (int i = 0; i < h->n; i++)
        if (span_eq_nocase(h->list[i].name, wanted))
            return h->list[i].value;
    return (struct span){NULL, 0};
}

void headers_remove(struct headers *h, const char *name)
{
    int kept = 0;

    for (int i = 0; i < h->n; i++)
        if (!span_eq_nocase(h->list[i].name, span_of(name)))
            h->list[kept++] = h->list[i];
    h->n = kept;
}

int headers_count(const struct headers *h, const char *name)
{
    struct span wanted = span_of(name);
    int count = 0;

    for (int i = 0; i < h->n; i++)
        count += span_eq_nocase(h->list[i].name, wanted);
    return count;
}

bool header_has_token(struct span value, const char *token)
{
    struct span head, parameters, wanted = span_of(token);

    while (value.n) {
        span_cut(value, ',', &head, &value);
        span_cut(head, ';', &head, &parameters);
        if (span_eq_nocase(span_trim(head), wanted))
            return true;
    }
    return false;
}

bool header_is_hop_by_hop(struct span name, struct span connection)
{
    static const char *const always[] = {
        "connection", "keep-alive",       "proxy-authenticate", "proxy-authorization",
        "te",         "proxy-connection", "trailer",            "transfer-encoding",
        "upgrade",    "http2-settings",
    };
    struct span head;

    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (span_eq_nocase(name, span_of(always[i])))
            return true;
    while (connection.n) {
        span_cut(connection, ',', &head, &connection);
        if (span_eq_nocase(span_trim(head), name))
            return true;
    }
    return false;
}

bool header_is_tokencaps(struct span name)
{
    static const struct span prefix = {"x-tokencap-", sizeof "x-tokencap-" - 1};

    return name.n > prefix.n && span_eq_nocase((struct span){name.p, prefix.n}, prefix);
}
