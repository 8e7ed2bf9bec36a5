/* SPDX-License-Identifier: MIT */
/* A target is refused, or leads to a route whose own path is what is sent upstream. The first byte picks
 * the method and the dialect's header. */
#include <stdint.h>
#include <stdlib.h>

#include "proxy/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct provider list[] = {
    {.name = (char *)"openai", .base_url = (char *)"https://api.openai.com/v1"},
    {.name = (char *)"anthropic", .base_url = (char *)"https://api.anthropic.com", .anthropic = true},
    {.name = (char *)"groq", .base_url = (char *)"https://api.groq.com/openai/v1"},
};
static const struct providers providers = {list, 3};

static void check(const struct target *t)
{
    if (!t->route || !t->path.n || t->path.p[0] != '/')
        abort();
    if (t->route->kind == ROUTE_PRICED && !span_eq(t->path, span_of(t->route->path)))
        abort();
    for (size_t i = 0; i < t->path.n; i++)
        if ((unsigned char)t->path.p[i] <= ' ' || t->path.p[i] == '?' || t->path.p[i] == '#')
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum method methods[] = {METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_DELETE};
    struct headers h = {.n = 0};
    struct refusal r = {.message = ""};
    struct target t = {.route = NULL};
    struct arena a;
    char *raw;

    if (!size)
        return 0;
    arena_init(&a, 4 << 20);
    raw = arena_copy(&a, (const char *)data + 1, size - 1); /* ends at a NUL, as the library has it */
    headers_add(&h, &a, SPAN("Host"), SPAN("localhost:3456"));
    if (data[0] & 4)
        headers_add(&h, &a, SPAN("anthropic-version"), SPAN("2023-06-01"));
    if (!raw || route_find(methods[data[0] & 3], span_of(raw), &h, &providers, &a, &t, &r)) {
        if (raw && !r.message[0])
            abort();
        if (!route_allow(&t, &a))
            abort();
    } else {
        check(&t);
    }
    arena_finish(&a);
    return 0;
}
