/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "proxy/steps.h"

/* A request as the upstream sees it. */

const char *outgoing_url(struct exchange *x, const char *suffix)
{
    const char *base = x->provider->base_url;
    /* OpenAI's base URL ends with /v1, Anthropic's does not: as their SDKs have it. */
    struct span path = x->provider->anthropic ? x->target.path
                                              : span_skip(x->target.path, strlen("/v1"));
    struct span query = x->target.query;
    char *url = arena_alloc(&x->arena, strlen(base) + path.n + strlen(suffix) + query.n + 2);

    if (url)
        sprintf(url, "%s%.*s%s%s%.*s", base, SPAN_FMT(path), suffix, query.n ? "?" : "", SPAN_FMT(query));
    return url;
}

/* Headers that stop here: of one connection, of our own language, or made anew for the upstream. */
static bool stays_here(const struct exchange *x, const struct header *h, struct span connection)
{
    static const struct span ours[] = {
        SPAN_INIT("host"),   SPAN_INIT("content-length"), SPAN_INIT("accept-encoding"),
        SPAN_INIT("expect"), SPAN_INIT("cookie"),         SPAN_INIT("forwarded"),
        SPAN_INIT("via"),    SPAN_INIT("x-forwarded-for"),
    };

    return span_in_nocase(h->name, ours, sizeof ours / sizeof *ours) || header_is_tokencaps(h->name) || header_is_hop_by_hop(h->name, connection) ||
           (x->lent_key && access_is_credential(h->name)) ||
           access_is_ours(&x->settings->config, h->name, h->value);
}

static bool add_key(struct exchange *x, struct headers *out)
{
    static const struct {
        const char *name, *before;
    } forms[] = {
        [KEY_BEARER] = {"Authorization", "Bearer "},
        [KEY_X_API_KEY] = {"x-api-key", ""},
        [KEY_API_KEY] = {"api-key", ""},
    };
    const char *before = forms[x->provider->key_header].before;
    char *value;

    if (!x->lent_key)
        return true;
    value = arena_alloc(&x->arena, strlen(before) + strlen(x->lent_key) + 1);
    if (!value)
        return false;
    sprintf(value, "%s%s", before, x->lent_key);
    return headers_add(out, &x->arena, span_of(forms[x->provider->key_header].name), span_of(value));
}

bool outgoing_headers(struct exchange *x, struct headers *out)
{
    struct span connection = headers_get(&x->headers, "connection");
    struct span via = headers_get(&x->headers, "via");
    char *hops = arena_alloc(&x->arena, via.n + sizeof x->server->instance + 8);

    if (!hops)
        return false;
    sprintf(hops, "%.*s%s1.1 %s", SPAN_FMT(via), via.n ? ", " : "", x->server->instance);
    for (int i = 0; i < x->headers.n; i++)
        if (!stays_here(x, &x->headers.list[i], connection) &&
            !headers_add(out, &x->arena, x->headers.list[i].name, x->headers.list[i].value))
            return false;
    return add_key(x, out) &&
           headers_add(out, &x->arena, SPAN("Accept-Encoding"), SPAN("identity")) &&
           headers_add(out, &x->arena, SPAN("Via"), span_of(hops));
}
