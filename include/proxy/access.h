/* SPDX-License-Identifier: MIT */
#ifndef PROXY_ACCESS_H
#define PROXY_ACCESS_H

#include <sys/socket.h>

#include "proxy/route.h"
#include "proxy/server.h"

/*
 * Who may do what. A caller is identified once, from the socket's peer and the headers; everything that
 * asks for a right asks the result. Any thread.
 */

struct caller {
    bool local;       /* a loopback peer that is no browser's puppet, or --trust-network */
    bool admin;       /* showed the admin token, now or for its session */
    bool by_cookie;   /* for its session: what it changes must come from our own page */
    bool foreign;     /* a page of another site */
    bool own_page;    /* the browser says that our own page asks */
    bool own_key;     /* brings a provider key of its own */
    bool has_token;   /* showed a project token */
    struct token token;
};

/* Fails (401) only for a project token that is not valid. */
int access_identify(struct server *s, const struct config *c, const struct sockaddr *peer,
                    const struct headers *h, struct caller *out, struct refusal *r) MUST_CHECK;

/* May it send anything upstream: with a key of its own, or by borrowing one? */
int access_proxied(const struct caller *who, struct refusal *r) MUST_CHECK;

/* *lent is the provider's key for a caller without one; NULL: it has its own, whatever token it shows
 * besides, or the provider takes requests without. */
int access_lend(const struct caller *who, const struct provider *p, const char **lent,
                struct refusal *r) MUST_CHECK;

/* May it see or change this? project: the one concerned; a project token reads its own. */
int access_manage(const struct caller *who, const struct route *route, enum method method,
                  struct span project, struct refusal *r) MUST_CHECK;

bool access_is_admin_token(const struct config *c, struct span text);

/* Whether a header of that name is where a provider looks for a key. */
bool access_is_credential(struct span name);

/* Whether a header carries the caller's project or admin token: such never leave this program. */
bool access_is_ours(const struct config *c, struct span name, struct span value);

/* Whether a model may be used with a token whose globs are these ("": any). */
bool access_model_allowed(const char *globs, struct span model);

#endif
