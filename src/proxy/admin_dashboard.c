/* SPDX-License-Identifier: MIT */
#include "proxy/admin.h"

#include <jansson.h>
#include <stdio.h>

#include "base/clock.h"
#include "proxy/dashboard.h"
#include "proxy/session.h"
#include "wire/json.h"

/*
 * The spending page, and how a browser shows the admin token once for a session. The page itself holds no
 * figure, so anyone may have it: what it then asks for is guarded like every management request.
 */

int admin_dashboard(struct exchange *x)
{
    static const struct {
        const char *name, *value;
    } headers[] = {
        {"Content-Security-Policy", dashboard_policy},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"X-Frame-Options", "DENY"},
    };

    buf_add(&x->reply.body, dashboard_page, dashboard_page_size);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        headers_add(&x->reply.headers, &x->arena, span_of(headers[i].name), span_of(headers[i].value));
    return admin_reply(x, 200, "text/html; charset=utf-8");
}

/* ---- logging in and out ---- */

static int done(struct exchange *x, const char *id, int64_t seconds)
{
    bool tls = *x->settings->config.tls_cert;

    headers_addf(&x->reply.headers, &x->arena, "Set-Cookie",
                 SESSION_COOKIE "=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Strict%s", id,
                 (long long)seconds, tls ? "; Secure" : "");
    buf_str(&x->reply.body, "{\"success\":true}");
    return admin_reply(x, 200, "application/json");
}

/* A form of another site can send neither this header's value nor a readable body. */
static int check_origin(struct exchange *x)
{
    if (!x->caller.foreign)
        return 0;
    return refuse(&x->refusal, REFUSE_FORBIDDEN, NULL, "This comes from a page of another site.");
}

/* Appends what the body gives as the token; false: nothing. */
static bool read_token(struct exchange *x, struct buf *out)
{
    struct json_limits limits = {4, 16};
    const char *token;
    json_t *root;
    struct err e;

    if (json_read(buf_all(&x->body), &limits, &root, &e) != JSON_OK)
        return false;
    token = json_string_value(json_object_get(root, "token"));
    buf_str(out, token ? token : "");
    json_decref(root);
    return token && !out->failed;
}

int admin_login(struct exchange *x)
{
    const struct config *c = &x->settings->config;
    struct sessions *all = &x->server->sessions;
    char id[SESSION_ID_LEN + 1];
    struct buf token;
    bool right;

    if (check_origin(x))
        return -1;
    if (!c->admin_token)
        return refuse(&x->refusal, REFUSE_FORBIDDEN, NULL,
                      "This daemon has no admin token: start it with TOKENCAP_ADMIN_TOKEN set, or open "
                      "the page on its own host.");
    if (!session_may_try(all, clock_wall_ms())) {
        refuse(&x->refusal, REFUSE_RATE_LIMITED, NULL, "Too many wrong tokens; wait a minute.");
        x->refusal.retry_after = 60;
        return -1;
    }
    buf_init(&token, 4096);
    right = read_token(x, &token) && access_is_admin_token(c, buf_all(&token));
    if (token.p)
        explicit_bzero(token.p, token.cap);
    buf_finish(&token);
    if (!right) {
        session_failed(all, clock_wall_ms());
        return refuse(&x->refusal, REFUSE_NO_CREDENTIAL, NULL, "This is not the admin token.");
    }
    session_open(all, clock_wall_ms(), id);
    return done(x, id, SESSION_LIFE_MS / 1000);
}

int admin_logout(struct exchange *x)
{
    if (check_origin(x))
        return -1;
    session_close(&x->server->sessions, session_of_cookie(headers_get(&x->headers, "cookie")));
    return done(x, "", 0);
}
