/* SPDX-License-Identifier: MIT */
#include "proxy/access.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "base/clock.h"

#define TOKEN_PREFIX SPAN("tcap_")

static bool is_loopback(const struct sockaddr *peer)
{
    const struct in6_addr *six;

    if (!peer)
        return false;
    if (peer->sa_family == AF_UNIX)
        return true;
    if (peer->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)peer)->sin_addr.s_addr) >> 24 == 127;
    if (peer->sa_family != AF_INET6)
        return false;
    six = &((const struct sockaddr_in6 *)peer)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

/* Behind a front proxy everybody's peer is local, so nobody is. The beginning of a name is enough: a folded
 * header reaches us with its value in its name. */
static bool is_relayed(const struct headers *h)
{
    static const struct span theirs[] = {
        SPAN_INIT("forwarded"),   SPAN_INIT("x-forwarded-"),  SPAN_INIT("x-real-ip"),
        SPAN_INIT("x-client-ip"), SPAN_INIT("true-client-ip"), SPAN_INIT("cf-connecting-ip"),
    };

    for (int i = 0; i < h->n; i++)
        for (size_t k = 0; k < sizeof theirs / sizeof *theirs; k++)
            if (span_starts_nocase(h->list[i].name, theirs[k]))
                return true;
    return false;
}

/* A page of another site, in a browser on this host, is not its user. */
static bool is_foreign_page(const struct headers *h)
{
    struct span origin = headers_get(h, "origin"), host = headers_get(h, "host"), scheme, rest;
    struct span site = headers_get(h, "sec-fetch-site");

    if (span_eq_nocase(site, SPAN("cross-site")) || span_eq_nocase(site, SPAN("same-site")))
        return true;
    if (!origin.p)
        return false;
    if (!span_cut(origin, ':', &scheme, &rest) || !span_starts(rest, SPAN("//")))
        return true;
    return !span_eq_nocase(span_skip(rest, 2), host);
}

static bool is_local(const struct config *c, const struct sockaddr *peer, const struct headers *h)
{
    if (is_foreign_page(h))
        return false;
    if (c->trust_network)
        return true;
    return is_loopback(peer) && !is_relayed(h) && config_host_allowed(c, headers_get(h, "host"));
}

/* The credential in a header, whichever form it has: Anthropic's, Azure's, or everybody's. */
static struct span credential(struct span name, struct span value)
{
    if (span_eq_nocase(name, SPAN("x-api-key")) || span_eq_nocase(name, SPAN("api-key")))
        return value;
    if (span_eq_nocase(name, SPAN("authorization")) && value.n > 7 &&
        span_eq_nocase((struct span){value.p, 7}, SPAN("Bearer ")))
        return span_trim(span_skip(value, 7));
    return (struct span){NULL, 0};
}

/* In time that does not depend on where they differ. */
static bool is_secret(struct span s, const char *secret)
{
    struct span wanted = span_of(secret);
    unsigned char differ = 0;

    if (!secret || !wanted.n || s.n != wanted.n)
        return false;
    for (size_t i = 0; i < s.n; i++)
        differ |= (unsigned char)(s.p[i] ^ wanted.p[i]);
    return differ == 0;
}

bool access_is_credential(struct span name)
{
    return span_eq_nocase(name, SPAN("authorization")) || span_eq_nocase(name, SPAN("x-api-key")) ||
           span_eq_nocase(name, SPAN("api-key"));
}

bool access_is_ours(const struct config *c, struct span name, struct span value)
{
    struct span cred = credential(name, value);

    return cred.n && (span_starts(cred, TOKEN_PREFIX) || is_secret(cred, c->admin_token));
}

static int find_token(struct server *s, struct span text, struct caller *out, struct refusal *r)
{
    struct err e;

    if (ledger_token_find(s->ledger, text, clock_wall_ms(), &out->token, &e))
        return refuse(r, REFUSE_NO_CREDENTIAL, NULL,
                      "This project token is not valid; `tokencap token create` makes one.");
    out->has_token = true;
    return 0;
}

bool access_is_admin_token(const struct config *c, struct span text)
{
    return is_secret(text, c->admin_token);
}

/* A browser names the page that asks in one of these headers, and lets no script write them. */
static bool is_own_page(const struct headers *h)
{
    return !is_foreign_page(h) && (headers_get(h, "origin").p ||
                                   span_eq_nocase(headers_get(h, "sec-fetch-site"), SPAN("same-origin")));
}

static void find_session(struct server *s, const struct headers *h, struct caller *out)
{
    struct span id = session_of_cookie(headers_get(h, "cookie"));

    if (out->admin || out->foreign || !id.p || !session_is_open(&s->sessions, id, clock_wall_ms()))
        return;
    out->admin = out->by_cookie = true;
}

int access_identify(struct server *s, const struct config *c, const struct sockaddr *peer,
                    const struct headers *h, struct caller *out, struct refusal *r)
{
    *out = (struct caller){
        .local = is_local(c, peer, h), .foreign = is_foreign_page(h), .own_page = is_own_page(h)};
    for (int i = 0; i < h->n; i++) {
        struct span cred = credential(h->list[i].name, h->list[i].value);

        if (!cred.n)
            continue;
        if (is_secret(cred, c->admin_token))
            out->admin = !out->foreign;
        else if (!span_starts(cred, TOKEN_PREFIX))
            out->own_key = true;
        else if (find_token(s, cred, out, r))
            return -1;
    }
    find_session(s, h, out);
    return 0;
}

int access_proxied(const struct caller *who, struct refusal *r)
{
    if (who->own_key || who->local || (who->admin && !who->by_cookie) || who->has_token)
        return 0;
    return refuse(r, REFUSE_NO_CREDENTIAL, NULL,
                  "No API key in the request. Send a provider key, or a project token made by "
                  "`tokencap token create`; --trust-network lends the proxy's key to everyone.");
}

int access_lend(const struct caller *who, const struct provider *p, const char **lent, struct refusal *r)
{
    *lent = NULL;
    if (who->own_key)
        return 0;
    if (!p->key && *p->key_variable)
        return refuse(r, REFUSE_NO_CREDENTIAL, NULL,
                      "No API key in the request, and none to lend: send one, or start tokencapd "
                      "with %s set.", p->key_variable);
    *lent = p->key;
    return 0;
}

static bool may_read_own(const struct caller *who, const struct route *route, enum method method,
                         struct span project)
{
    bool reads = method == METHOD_GET || method == METHOD_HEAD;
    bool own = route->manage == MANAGE_USAGE || route->manage == MANAGE_HISTORY ||
               route->manage == MANAGE_SERIES || route->manage == MANAGE_BUDGET;

    return who->has_token && reads && own && span_eq(span_of(who->token.project), project);
}

int access_manage(const struct caller *who, const struct route *route, enum method method,
                  struct span project, struct refusal *r)
{
    bool changes = method != METHOD_GET && method != METHOD_HEAD;

    if (who->by_cookie && changes && !who->own_page)
        return refuse(r, REFUSE_FORBIDDEN, NULL,
                      "A session of the dashboard changes things from the dashboard's own page alone.");
    if (who->admin || may_read_own(who, route, method, project))
        return 0;
    if (who->local && !who->has_token)
        return 0;
    return refuse(r, REFUSE_FORBIDDEN, NULL,
                  "Budgets, usage and metrics are for callers on this host or with the admin token "
                  "(TOKENCAP_ADMIN_TOKEN) as bearer; --trust-network opens them to everyone.");
}

bool access_model_allowed(const char *globs, struct span model)
{
    return !*globs || glob_list_matches(globs, model);
}
