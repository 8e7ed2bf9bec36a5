/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <curl/curl.h>
#include <jansson.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/daemon.h"

#define DEFAULT_URL "http://127.0.0.1:3456"
#define ANSWER_MAX  (64 << 20)

void url_encode(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (isalnum((unsigned char)*text) || strchr("-._~", *text))
            buf_char(out, *text);
        else
            buf_printf(out, "%%%02X", (unsigned char)*text);
    }
}

const char *daemon_url(const char *url)
{
    const char *set = env_value("TOKENCAP_URL");

    return url ? url : set ? set : DEFAULT_URL;
}

static size_t take(char *p, size_t size, size_t n, void *ctx)
{
    struct buf *answer = ctx;

    buf_add(answer, p, size * n);
    return answer->failed ? 0 : size * n;
}

bool call_add_header(struct call *c, const char *name, const char *value)
{
    struct curl_slist *longer;
    struct buf line;

    buf_init(&line, 0);
    buf_printf(&line, "%s: %s", name, value);
    longer = line.failed ? NULL : curl_slist_append(c->headers, line.p);
    if (line.p)
        explicit_bzero(line.p, line.n);
    buf_finish(&line);
    if (!longer)
        return false;
    c->headers = longer;
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, longer);
    return true;
}

int call_prepare(struct call *c, const char *url, const char *method, const char *path,
                 const char *body, struct err *e)
{
    const char *token = env_value("TOKENCAP_ADMIN_TOKEN");
    struct buf bearer;
    bool ok;

    *c = (struct call){0};
    c->base = daemon_url(url);
    buf_init(&c->answer, ANSWER_MAX);
    buf_init(&c->url, 0);
    buf_span(&c->url, span_of(c->base));
    while (c->url.n && c->url.p[c->url.n - 1] == '/')
        c->url.p[--c->url.n] = '\0';
    buf_str(&c->url, path);
    buf_init(&bearer, 0);
    buf_printf(&bearer, "Bearer %s", token ? token : "");
    c->curl = curl_easy_init();
    ok = c->curl && !c->url.failed && !bearer.failed &&
         call_add_header(c, "User-Agent", "tokencap/" TOKENCAP_VERSION) &&
         (!token || call_add_header(c, "Authorization", bearer.p)) &&
         (!body || call_add_header(c, "Content-Type", "application/json"));
    if (bearer.p)
        explicit_bzero(bearer.p, bearer.n);
    buf_finish(&bearer);
    if (!ok)
        return err_set(e, ERR_MEMORY, "no memory");
    curl_easy_setopt(c->curl, CURLOPT_URL, c->url.p);
    curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c->curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT, 10L);
    curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &c->answer);
    if (body)
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, method);
    return 0;
}

static int arrived(struct call *c, CURLcode code, struct err *e)
{
    if (code == CURLE_COULDNT_CONNECT)
        return err_set(e, ERR_IO,
                       "no daemon answers at %s; is tokencapd running? --url or TOKENCAP_URL says "
                       "where",
                       c->base);
    if (code != CURLE_OK)
        return err_set(e, ERR_IO, "%s: %s", c->base, curl_easy_strerror(code));
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &c->status);
    return 0;
}

/* What the daemon says went wrong: {"error":{"message"}}, or {"success":false,"message"}. */
static int complain(const struct call *c, const json_t *root, struct err *e)
{
    const char *said =
        json_string_value(json_object_get(json_object_get(root, "error"), "message"));

    if (!said)
        said = json_string_value(json_object_get(root, "message"));
    if (!said)
        return err_set(e, ERR_INVALID, "%s answered with status %ld; is that tokencapd?", c->base,
                       c->status);
    return err_set(e, c->status == 404 ? ERR_NOT_FOUND : ERR_INVALID, "%s%s", said,
                   (c->status == 401 || c->status == 403) && !env_value("TOKENCAP_ADMIN_TOKEN")
                       ? " (this tool sends the token in TOKENCAP_ADMIN_TOKEN, which is not set)"
                       : "");
}

int call_understand(struct call *c, int code, struct json_t **out, struct err *e)
{
    json_error_t bad;
    json_t *root;

    if (arrived(c, (CURLcode)code, e) < 0)
        return -1;
    root = json_loadb(c->answer.n ? c->answer.p : "", c->answer.n, 0, &bad);
    if (c->status / 100 != 2) {
        complain(c, root, e);
        json_decref(root);
        return -1;
    }
    if (!json_is_object(root)) {
        json_decref(root);
        return err_set(e, ERR_INVALID, "the answer of %s is not JSON; is that tokencapd?", c->base);
    }
    *out = root;
    return 0;
}

void call_finish(struct call *c)
{
    curl_easy_cleanup(c->curl);
    curl_slist_free_all(c->headers);
    buf_finish(&c->url);
    buf_finish(&c->answer);
    *c = (struct call){0};
}

int daemon_call(const char *url, const char *method, const char *path, const char *body,
                struct json_t **out, struct err *e)
{
    struct call c;
    int r = call_prepare(&c, url, method, path, body, e);

    if (r == 0)
        r = call_understand(&c, curl_easy_perform(c.curl), out, e);
    call_finish(&c);
    return r;
}
