/* SPDX-License-Identifier: MIT */
#include "proxy/headers.h"

#include <stdarg.h>
#include <stdio.h>

static bool grow(struct headers *h, struct arena *a)
{
    int cap = h->cap ? h->cap * 2 : 16;
    struct header *list = arena_alloc(a, (size_t)cap * sizeof *list);

    if (!list)
        return false;
    if (h->n)
        memcpy(list, h->list, (size_t)h->n * sizeof *list);
    h->list = list;
    h->cap = cap;
    return true;
}

bool headers_add(struct headers *h, struct arena *a, struct span name, struct span value)
{
    char *n, *v;

    if (h->n == HEADERS_MAX || (h->n == h->cap && !grow(h, a)))
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
    static const struct span always[] = {
        SPAN_INIT("connection"),          SPAN_INIT("keep-alive"),
        SPAN_INIT("proxy-authenticate"),  SPAN_INIT("te"),
        SPAN_INIT("proxy-authorization"), SPAN_INIT("trailer"),
        SPAN_INIT("proxy-connection"),    SPAN_INIT("upgrade"),
        SPAN_INIT("transfer-encoding"),   SPAN_INIT("http2-settings"),
    };
    struct span head;

    if (span_in_nocase(name, always, sizeof always / sizeof *always))
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
