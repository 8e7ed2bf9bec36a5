/* SPDX-License-Identifier: MIT */
#include "proxy/route.h"

#include <stdio.h>
#include <stdlib.h>

#define GET  (METHOD_GET | METHOD_HEAD)
#define POST METHOD_POST
#define DEL  METHOD_DELETE

/* clang-format off */
static const struct route table[] = {
    /* path                       methods          kind            api              anthropic either manage */
    {"/",                         GET,             ROUTE_HEALTH,   0,               false, false, MANAGE_ROOT},
    {"/health",                   GET,             ROUTE_HEALTH,   0,               false, false, MANAGE_HEALTH},
    {"/metrics",                  GET,             ROUTE_MANAGE,   0,               false, false, MANAGE_METRICS},
    {"/v1/usage",                 GET,             ROUTE_MANAGE,   0,               false, false, MANAGE_USAGE},
    {"/v1/usage/history",         GET,             ROUTE_MANAGE,   0,               false, false, MANAGE_HISTORY},
    {"/v1/usage/series",          GET,             ROUTE_MANAGE,   0,               false, false, MANAGE_SERIES},
    {"/v1/usage/live",            GET,             ROUTE_MANAGE,   0,               false, false, MANAGE_LIVE},
    {"/dashboard",                GET,             ROUTE_HEALTH,   0,               false, false, MANAGE_DASHBOARD},
    {"/dashboard/login",          POST,            ROUTE_HEALTH,   0,               false, false, MANAGE_LOGIN},
    {"/dashboard/logout",         POST,            ROUTE_HEALTH,   0,               false, false, MANAGE_LOGOUT},
    {"/v1/budget",                GET | POST | DEL, ROUTE_MANAGE,  0,               false, false, MANAGE_BUDGET},
    {"/v1/budget/reset",          POST,            ROUTE_MANAGE,   0,               false, false, MANAGE_BUDGET_RESET},
    {"/v1/budgets",               GET,             ROUTE_MANAGE,   0,               false, false, MANAGE_BUDGETS},
    {"/v1/tokens",                GET | POST,      ROUTE_MANAGE,   0,               false, false, MANAGE_TOKENS},
    {"/v1/tokens/*",              DEL,             ROUTE_MANAGE,   0,               false, false, MANAGE_TOKEN},
    {"/v1/chat/completions",      POST,            ROUTE_PRICED,   API_CHAT,        false, false, 0},
    {"/v1/responses",             POST,            ROUTE_PRICED,   API_RESPONSES,   false, false, 0},
    {"/v1/embeddings",            POST,            ROUTE_PRICED,   API_EMBEDDINGS,  false, false, 0},
    {"/v1/completions",           POST,            ROUTE_PRICED,   API_COMPLETIONS, false, false, 0},
    {"/v1/messages",              POST,            ROUTE_PRICED,   API_MESSAGES,    true,  false, 0},
    {"/v1/messages/count_tokens", POST,            ROUTE_FORWARD,  API_MESSAGES,    true,  false, 0},
    {"/v1/models",                GET,             ROUTE_FORWARD,  0,               false, true,  0},
    {"/v1/models/*",              GET,             ROUTE_FORWARD,  0,               false, true,  0},
};
/* clang-format on */

#define ROUTES (sizeof table / sizeof *table)

static const struct span v1 = {"/v1", 3};

const struct route *route_table(size_t *n)
{
    *n = ROUTES;
    return table;
}

static const struct {
    const char *name;
    enum method method;
} methods[] = {
    {"GET", METHOD_GET}, {"HEAD", METHOD_HEAD}, {"POST", METHOD_POST}, {"DELETE", METHOD_DELETE},
};

#define METHODS (sizeof methods / sizeof *methods)

enum method method_of(const char *name)
{
    for (size_t i = 0; i < METHODS; i++)
        if (strcmp(methods[i].name, name) == 0)
            return methods[i].method;
    return METHOD_OTHER;
}

/* ---- the raw target: absolute form, path and query apart, no tricks ---- */

/* An absolute URI is for us only when it names the host that the request names; with TLS ended here or
 * before us, or without. */
static bool strip_absolute(struct span *raw, struct span host)
{
    struct span scheme, rest, authority;

    if (!raw->n || raw->p[0] == '/' || !span_cut(*raw, ':', &scheme, &rest))
        return true;
    if ((!span_eq_nocase(scheme, SPAN("http")) && !span_eq_nocase(scheme, SPAN("https"))) ||
        !span_starts(rest, SPAN("//")))
        return false;
    if (span_cut(span_skip(rest, 2), '/', &authority, &rest))
        *raw = (struct span){rest.p - 1, rest.n + 1};
    else
        *raw = SPAN("/");
    return host.n && span_eq_nocase(authority, host);
}

/* Routes are matched byte for byte, so what could be read in two ways is nobody's path. */
static bool is_plain_path(struct span path)
{
    struct span segment, rest = path;

    if (!path.n || path.p[0] != '/' || memchr(path.p, '%', path.n) || memchr(path.p, '\\', path.n) ||
        memchr(path.p, '#', path.n))
        return false;
    while (rest.n) {
        span_cut(rest, '/', &segment, &rest);
        if (span_eq(segment, SPAN("..")) || span_eq(segment, SPAN(".")))
            return false;
    }
    for (size_t i = 0; i < path.n; i++)
        if ((unsigned char)path.p[i] <= 0x20 || (unsigned char)path.p[i] >= 0x7f)
            return false;
    return true;
}

static bool has_prefix_segment(struct span path, struct span prefix)
{
    return span_starts(path, prefix) && (path.n == prefix.n || path.p[prefix.n] == '/');
}

/* "/NAME/…" into NAME and "/…"; false when nothing follows the first segment, or it is empty. */
static bool cut_segment(struct span path, struct span *name, struct span *rest)
{
    if (!span_cut(span_skip(path, 1), '/', name, rest) || !name->n)
        return false;
    *rest = (struct span){rest->p - 1, rest->n + 1};
    return true;
}

/* /p/PROJECT/v1/… names a project, /NAME/v1/… a provider, /p/PROJECT/NAME/v1/… both; /v1 is not optional
 * here. */
static void strip_prefixes(struct target *t, const struct providers *all)
{
    struct span project = {NULL, 0}, path = t->path, name, rest;
    const struct provider *provider = NULL;

    if (span_starts(path, SPAN("/p/")) && cut_segment(span_skip(path, strlen("/p")), &project, &rest))
        path = rest;
    if (cut_segment(path, &name, &rest) && (provider = provider_find(all, name)))
        path = rest;
    if (!has_prefix_segment(path, v1))
        return;
    t->project = project;
    t->provider = provider;
    t->path = path;
}

static bool matches(const struct route *r, struct span path, struct span *segment)
{
    struct span pattern = span_of(r->path);

    if (!span_ends(pattern, SPAN("*")))
        return span_eq(path, pattern);
    pattern.n--;
    if (!span_starts(path, pattern) || path.n == pattern.n)
        return false;
    *segment = span_skip(path, pattern.n);
    /* A model's id may hold a slash (meta-llama/…); other segments may not. */
    return r->kind == ROUTE_FORWARD || !memchr(segment->p, '/', segment->n);
}

static const struct route *lookup(struct span path, struct span *segment)
{
    for (size_t i = 0; i < ROUTES; i++)
        if (matches(&table[i], path, segment))
            return &table[i];
    return NULL;
}

static bool is_proxied(const struct route *r)
{
    return r->kind == ROUTE_FORWARD || r->kind == ROUTE_PRICED;
}

static struct span with_v1(struct span path, struct arena *a)
{
    char *p = arena_alloc(a, v1.n + path.n + 1);

    if (!p)
        return path;
    memcpy(p, v1.p, v1.n);
    memcpy(p + v1.n, path.p, path.n);
    return (struct span){p, v1.n + path.n};
}

/* A repeated /v1 counts once and a missing one is supplied, for the proxied endpoints alone. */
static const struct route *find_normalised(struct span *path, struct span *segment, struct arena *a)
{
    struct span once = *path;
    const struct route *r;

    while (has_prefix_segment(once, v1) && has_prefix_segment(span_skip(once, v1.n), v1))
        once = span_skip(once, v1.n);
    r = lookup(once, segment);
    if (!r && !has_prefix_segment(once, v1)) {
        once = with_v1(once, a);
        r = lookup(once, segment);
    }
    if (!r || (once.n != path->n && !is_proxied(r)))
        return NULL;
    *path = once;
    return r;
}

/* /v1/estimate/X is X with another kind; one table entry serves both. */
static const struct route *find_estimate(struct span *path, struct span *segment, struct arena *a)
{
    static const struct span prefix = {"/v1/estimate", sizeof "/v1/estimate" - 1};
    struct route *copy;
    const struct route *r;
    struct span below;

    if (!has_prefix_segment(*path, prefix) || path->n == prefix.n)
        return NULL;
    below = span_skip(*path, prefix.n);
    r = find_normalised(&below, segment, a);
    if (!r || r->kind != ROUTE_PRICED || !(copy = ARENA_NEW(a, struct route)))
        return NULL;
    *copy = *r;
    copy->kind = ROUTE_ESTIMATE;
    *path = below;
    return copy;
}

/* ---- the query ---- */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static struct span decode(struct span s, struct arena *a)
{
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;

    for (size_t i = 0; out && i < s.n; i++) {
        /* What is no escape stays as it is: a bad value is not an absent one. */
        if (s.p[i] != '%' || i + 2 >= s.n || hex(s.p[i + 1]) < 0 || hex(s.p[i + 2]) < 0) {
            out[n++] = s.p[i] == '+' ? ' ' : s.p[i];
            continue;
        }
        out[n++] = (char)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2]));
        i += 2;
    }
    return (struct span){out, n};
}

struct span query_get(struct span query, const char *name, struct arena *a)
{
    struct span pair, key, value;

    while (query.n) {
        span_cut(query, '&', &pair, &query);
        span_cut(pair, '=', &key, &value);
        if (span_eq(key, span_of(name)))
            return decode(value, a);
    }
    return (struct span){NULL, 0};
}

/* The query that goes upstream: the client's, byte for byte, less project_id. */
static struct span without_project(struct span query, struct arena *a)
{
    char *out = arena_alloc(a, query.n + 1);
    struct span pair, key, value, rest = query;
    size_t n = 0;
    bool more = query.n > 0;

    while (out && more) {
        more = span_cut(rest, '&', &pair, &rest);
        span_cut(pair, '=', &key, &value);
        if (span_eq(key, SPAN("project_id")))
            continue;
        memcpy(out + n, pair.p, pair.n);
        n += pair.n;
        if (more)
            out[n++] = '&';
    }
    if (n && n < query.n && out[n - 1] == '&' && query.p[query.n - 1] != '&')
        n--; /* the last one was taken out */
    return (struct span){out, n};
}

/* ---- all of it ---- */

static enum dialect dialect_of(const struct route *r, const struct headers *h)
{
    bool version = headers_get(h, "anthropic-version").p != NULL;

    if (!r)
        return version ? DIALECT_ANTHROPIC : DIALECT_OPENAI;
    if (r->kind == ROUTE_HEALTH || r->kind == ROUTE_MANAGE)
        return DIALECT_MANAGEMENT;
    return r->anthropic || (r->either && version) ? DIALECT_ANTHROPIC : DIALECT_OPENAI;
}

/* A provider's prefix serves the endpoints of its dialect, and nothing of our own. */
static bool serves(const struct target *t)
{
    if (!t->provider)
        return true;
    if (t->route->kind == ROUTE_MANAGE || t->route->kind == ROUTE_HEALTH)
        return false;
    return t->route->either || t->route->anthropic == t->provider->anthropic;
}

static int check_use(enum method method, const struct target *t, const struct headers *h,
                     struct arena *a, struct refusal *r)
{
    if (!t->route || !serves(t))
        return refuse(r, REFUSE_UNKNOWN_URL, NULL,
                      "Unknown path. What is not priced cannot be capped, so it is not forwarded; "
                      "GET / lists the endpoints.");
    if (header_has_token(headers_get(h, "upgrade"), "websocket"))
        return refuse(r, REFUSE_UPGRADE_REQUIRED, NULL,
                      "WebSocket connections are not served here; use POST.");
    if (!(t->route->methods & (int)method))
        return refuse(r, REFUSE_WRONG_METHOD, NULL, "This path does not take that method; use %s.",
                      route_allow(t, a));
    return 0;
}

int route_find(enum method method, struct span raw, const struct headers *h,
               const struct providers *providers, struct arena *a, struct target *out,
               struct refusal *r)
{
    struct target t = {.dialect = dialect_of(NULL, h)};
    bool ours = strip_absolute(&raw, headers_get(h, "host"));
    struct span named;

    span_cut(raw, '?', &t.path, &t.raw_query);
    if (ours && is_plain_path(t.path)) {
        strip_prefixes(&t, providers);
        t.route = find_estimate(&t.path, &t.segment, a);
        if (!t.route)
            t.route = find_normalised(&t.path, &t.segment, a);
        t.dialect = dialect_of(t.route, h);
    }
    t.query = without_project(t.raw_query, a);
    named = query_get(t.raw_query, "project_id", a);
    if (named.p)
        t.project = named;
    *out = t;
    return check_use(method, &t, h, a, r);
}

const char *route_allow(const struct target *t, struct arena *a)
{
    const char *out = "";

    for (size_t i = 0; t->route && i < METHODS; i++) {
        char *longer;

        if (!(t->route->methods & (int)methods[i].method))
            continue;
        if (!(longer = arena_alloc(a, strlen(out) + sizeof ", " + strlen(methods[i].name))))
            break;
        sprintf(longer, "%s%s%s", out, *out ? ", " : "", methods[i].name);
        out = longer;
    }
    return out;
}
