/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/datadir.h"
#include "proxy/config.h"
#include "proxy/secret.h"

#define DEFAULT_PRICING TOKENCAP_SYSCONFDIR "/pricing.d"

void config_where(const struct config *c, enum option_id id, struct buf *out)
{
    switch (c->source[id]) {
    case FROM_DEFAULT:
        buf_str(out, "default");
        break;
    case FROM_FILE:
        buf_printf(out, "%s:%d", c->file, c->line[id]);
        break;
    case FROM_ENVIRONMENT:
        buf_printf(out, "environment variable %s", option_rows[id].env);
        break;
    case FROM_FLAG:
        buf_printf(out, "--%s", option_rows[id].name);
        break;
    }
}

/* "where: name" before the message in e. */
static int blame(const struct config *c, enum option_id id, struct err *e)
{
    struct buf where;

    buf_init(&where, 400);
    config_where(c, id, &where);
    if (c->source[id] != FROM_FLAG)
        buf_printf(&where, ": %s", option_rows[id].name);
    err_prefix(e, "%s", where.p ? where.p : option_rows[id].name);
    if (c->source[id] == FROM_FLAG)
        e->code = ERR_USAGE;
    buf_finish(&where);
    return -1;
}

/* Each check is of one fact; the first that does not hold is reported. */

static int check_tls(const struct config *c, struct err *e)
{
    if (!*c->tls_cert == !*c->tls_key)
        return 0;
    err_set(e, ERR_INVALID, "%s is missing: a certificate and its key go together",
            *c->tls_cert ? "tls-key" : "tls-cert");
    return blame(c, *c->tls_cert ? OPTION_tls_cert : OPTION_tls_key, e);
}

static int check_files(const struct config *c, struct err *e)
{
    static const enum option_id files[] = {OPTION_tls_cert, OPTION_tls_key, OPTION_upstream_ca};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *path = config_value(c, files[i]).text;

        if (*path && access(path, R_OK) != 0) {
            err_set(e, ERR_INVALID, "%s cannot be read: %s", path, strerror(errno));
            return blame(c, files[i], e);
        }
    }
    return 0;
}

static int check_pricing(const struct config *c, struct err *e)
{
    struct stat st;

    if (!*c->pricing_dir)
        return 0;
    if (stat(c->pricing_dir, &st) != 0)
        err_set(e, ERR_INVALID, "%s cannot be read: %s", c->pricing_dir, strerror(errno));
    else if (!S_ISDIR(st.st_mode))
        err_set(e, ERR_INVALID, "%s is not a folder", c->pricing_dir);
    else
        return 0;
    return blame(c, OPTION_pricing_dir, e);
}

static int check_memory(const struct config *c, struct err *e)
{
    if (c->max_body <= c->memory_max)
        return 0;
    err_set(e, ERR_INVALID,
            "the largest body (%lld bytes) is larger than all memory for requests in flight "
            "(memory-max, %lld bytes)",
            (long long)c->max_body, (long long)c->memory_max);
    return blame(c, OPTION_max_body, e);
}

static int (*const checks[])(const struct config *c, struct err *e) = {
    check_tls,
    check_files,
    check_pricing,
    check_memory,
};

/* Only whole addresses: "127.0.0.1.example.com" is anybody's name. */
static bool is_local_name(struct span host)
{
    struct in_addr v4;
    char text[INET_ADDRSTRLEN];

    if (span_eq_nocase(host, SPAN("localhost")) || span_eq(host, SPAN("[::1]")))
        return true;
    if (host.n >= sizeof text)
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    return inet_pton(AF_INET, text, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

/* Without the port, and without the dot that may end a name. */
static struct span bare_host(struct span host)
{
    struct span name = host, rest;

    if (host.n && host.p[0] == '[') {
        if (span_cut(host, ']', &name, &rest))
            name.n++;
        return name;
    }
    span_cut(host, ':', &name, &rest);
    if (name.n && name.p[name.n - 1] == '.')
        name.n--;
    return name;
}

static void warn_of_plain_http(struct config *c, const char *name, struct span url)
{
    struct span authority, path;

    if (!span_starts(url, SPAN("http://")))
        return;
    span_cut(span_skip(url, 7), '/', &authority, &path);
    if (!is_local_name(bare_host(authority)))
        buf_printf(&c->warnings,
                   "%s is not https: keys and prompts cross the network unencrypted\n", name);
}

static void add_warnings(struct config *c)
{
    for (int i = 0; i < c->providers.n; i++) {
        const struct provider *p = &c->providers.list[i];

        warn_of_plain_http(c, p->name, span_of(p->base_url));
    }
    if (c->trust_network)
        buf_str(&c->warnings, "trust-network is on: everyone who can reach this port may spend the "
                              "configured keys and change budgets\n");
    if (c->admin_token && strlen(c->admin_token) < 16)
        buf_str(&c->warnings, "TOKENCAP_ADMIN_TOKEN is shorter than 16 characters: it can be "
                              "guessed\n");
}

static char *joined(const char *dir, const char *name)
{
    char *path;

    return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static int fill_folders(struct config *c, struct err *e)
{
    struct stat st;
    const char *own = *c->pricing_dir ? c->pricing_dir : DEFAULT_PRICING;

    if (!*c->data_dir) {
        struct buf dir;

        buf_init(&dir, 4096);
        data_dir_find(&dir);
        free(c->data_dir);
        c->data_dir = dir.p ? dir.p : strdup("");
    }
    c->vocab_dir = joined(c->data_dir, "vocab");
    c->pricing_dirs[0] = joined(c->data_dir, "pricing");
    c->npricing_dirs = 1;
    if (stat(own, &st) == 0 && S_ISDIR(st.st_mode)) {
        c->pricing_dirs[1] = strdup(own);
        c->npricing_dirs = 2;
    }
    if (!c->data_dir || !c->vocab_dir || !c->pricing_dirs[0] ||
        (c->npricing_dirs == 2 && !c->pricing_dirs[1]))
        return err_set(e, ERR_MEMORY, "no memory");
    return 0;
}

/* ---- the providers ---- */

/* They come first, so that a section cannot take their names. */
int config_add_builtin(struct config *c, struct err *e)
{
    struct providers *p = &c->providers;

    if (provider_add(p, SPAN("openai"), e) ||
        provider_assign(p, SPAN("key"), SPAN("OPENAI_API_KEY"), e))
        return -1;
    if (provider_add(p, SPAN("anthropic"), e) ||
        provider_assign(p, SPAN("key"), SPAN("ANTHROPIC_API_KEY"), e) ||
        provider_assign(p, SPAN("dialect"), SPAN("anthropic"), e))
        return -1;
    return provider_assign(p, SPAN("key-header"), SPAN("x-api-key"), e);
}

static int complete_builtin(struct provider *p, const char *url, const char *key, struct err *e)
{
    free(p->base_url);
    p->base_url = strdup(url);
    p->key = key && *key ? secret_keep(key) : NULL;
    if (!p->base_url || (key && *key && !p->key))
        return err_set(e, ERR_MEMORY, "no memory");
    return 0;
}

static int settle_providers(struct config *c, const struct config *running, struct err *e)
{
    if (complete_builtin(&c->providers.list[0], c->openai_upstream, c->openai_key, e) ||
        complete_builtin(&c->providers.list[1], c->anthropic_upstream, c->anthropic_key, e))
        return -1;
    return provider_settle(&c->providers, running ? &running->providers : NULL, e);
}

int config_settle(struct config *c, const struct config *running, struct err *e)
{
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (checks[i](c, e) < 0)
            return -1;
    if (fill_folders(c, e) || settle_providers(c, running, e))
        return -1;
    add_warnings(c);
    return 0;
}

const char *config_ledger(const struct config *c)
{
    return *c->ledger ? c->ledger : c->db_path;
}

bool config_host_allowed(const struct config *c, struct span host)
{
    struct span name = bare_host(host), rest = span_of(c->allowed_hosts);

    if (!name.n)
        return false;
    if (is_local_name(name) || span_eq(name, span_of(c->host)))
        return true;
    while (rest.n) {
        struct span item;

        span_cut(rest, ',', &item, &rest);
        if (span_eq_nocase(name, item))
            return true;
    }
    return false;
}
