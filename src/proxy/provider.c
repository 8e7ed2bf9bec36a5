/* SPDX-License-Identifier: MIT */
#include "proxy/provider.h"

#include <fnmatch.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/nearest.h"
#include "proxy/secret.h"

#define PROVIDERS_MAX 64
#define NAME_MAX_LEN  32

/* ---- the fields of a section, as a table ---- */

static int set_text(char **field, struct span value, struct err *e)
{
    char *copy = strndup(value.p, value.n);

    if (!copy)
        return err_set(e, ERR_MEMORY, "no memory");
    free(*field);
    *field = copy;
    return 0;
}

static int set_base_url(struct provider *p, struct span v, struct err *e)
{
    while (v.n && v.p[v.n - 1] == '/')
        v.n--;
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] <= ' ' || v.p[i] > '~' || strchr("?#@\\\"<>", v.p[i]))
            return err_set(e, ERR_INVALID, "this URL has a character that none of ours may have");
    if (!span_starts(v, SPAN("https://")) && !span_starts(v, SPAN("http://")))
        return err_set(e, ERR_INVALID, "a URL that begins with https:// (or http://) is expected");
    return set_text(&p->base_url, v, e);
}

static int set_key_variable(struct provider *p, struct span v, struct err *e)
{
    for (size_t i = 0; i < v.n; i++)
        if (!((v.p[i] >= 'A' && v.p[i] <= 'Z') || (v.p[i] >= '0' && v.p[i] <= '9') || v.p[i] == '_'))
            return err_set(e, ERR_INVALID,
                           "the name of an environment variable is expected (A-Z, 0-9, _), not a key");
    return set_text(&p->key_variable, v, e);
}

static int set_models(struct provider *p, struct span v, struct err *e)
{
    return set_text(&p->models, v, e);
}

/* One of the words; its index. */
static int choose(const char *const *words, struct span v, int *out, struct err *e)
{
    for (int i = 0; words[i]; i++)
        if (span_eq(v, span_of(words[i]))) {
            *out = i;
            return 0;
        }
    return err_set(e, ERR_INVALID, "one of %s, %s%s%s is expected", words[0], words[1],
                   words[2] ? ", " : "", words[2] ? words[2] : "");
}

static int set_dialect(struct provider *p, struct span v, struct err *e)
{
    static const char *const words[] = {"openai", "anthropic", NULL};
    int i;

    if (choose(words, v, &i, e))
        return -1;
    p->anthropic = i == 1;
    return 0;
}

static int set_key_header(struct provider *p, struct span v, struct err *e)
{
    static const char *const words[] = {"bearer", "x-api-key", "api-key", NULL};
    int i;

    if (choose(words, v, &i, e))
        return -1;
    p->key_header = (enum key_header)i;
    return 0;
}

static int set_stream_options(struct provider *p, struct span v, struct err *e)
{
    static const char *const words[] = {"no", "yes", NULL};
    int i;

    if (choose(words, v, &i, e))
        return -1;
    p->stream_options = i == 1;
    return 0;
}

static const struct field {
    const char *name;
    int (*set)(struct provider *p, struct span value, struct err *e);
} fields[] = {
    {"base-url", set_base_url},     {"dialect", set_dialect}, {"key", set_key_variable},
    {"key-header", set_key_header}, {"models", set_models},   {"stream-options", set_stream_options},
};

#define FIELDS (sizeof fields / sizeof *fields)

static const char *field_at(const void *ctx, size_t i)
{
    (void)ctx;
    return fields[i].name;
}

static int unknown_field(struct span key, struct err *e)
{
    const char *near = nearest_name(key, field_at, NULL, FIELDS);

    if (near)
        return err_set(e, ERR_NOT_FOUND, "did you mean \"%s\"?", near);
    return err_set(e, ERR_NOT_FOUND,
                   "a provider has base-url, dialect, key, key-header, models and stream-options; "
                   "options of the daemon stand before the first section");
}

int provider_assign(struct providers *p, struct span key, struct span value, struct err *e)
{
    struct provider *last = &p->list[p->n - 1];

    for (size_t i = 0; i < FIELDS; i++) {
        if (!span_eq(key, span_of(fields[i].name)))
            continue;
        if (last->given & 1U << i)
            return err_set(e, ERR_NOT_FOUND, "set already in this section");
        if (fields[i].set(last, value, e))
            return -1;
        last->given |= 1U << i;
        return 0;
    }
    return unknown_field(key, e);
}

void provider_write(const struct provider *p, struct buf *out)
{
    static const char *const headers[] = {
        [KEY_BEARER] = "bearer", [KEY_X_API_KEY] = "x-api-key", [KEY_API_KEY] = "api-key"};

    buf_printf(out, "[providers.%s]\n", p->name);
    buf_printf(out, "base-url = %s\n", p->base_url);
    buf_printf(out, "dialect = %s\n", p->anthropic ? "anthropic" : "openai");
    if (*p->key_variable)
        buf_printf(out, "key = %s  # %s\n", p->key_variable, p->key ? "(set)" : "(not set)");
    buf_printf(out, "key-header = %s\n", headers[p->key_header]);
    if (*p->models)
        buf_printf(out, "models = %s\n", p->models);
    buf_printf(out, "stream-options = %s\n", p->stream_options ? "yes" : "no");
}

/* ---- the list ---- */

static bool is_name(struct span s)
{
    static const char *const taken[] = {"v1", "p", "health", "metrics", "dashboard"};

    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '-'))
            return false;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (span_eq(s, span_of(taken[i])))
            return false;
    return s.n >= 1 && s.n <= NAME_MAX_LEN;
}

int provider_add(struct providers *p, struct span name, struct err *e)
{
    struct provider *longer, *last;

    if (!is_name(name))
        return err_set(e, ERR_INVALID, "a provider's name is 1 to %d of a-z 0-9 -", NAME_MAX_LEN);
    if (provider_find(p, name))
        return err_set(e, ERR_INVALID, "there is a provider of that name already");
    if (p->n == PROVIDERS_MAX)
        return err_set(e, ERR_INVALID, "more than %d providers", PROVIDERS_MAX);
    longer = realloc(p->list, (size_t)(p->n + 1) * sizeof *longer);
    if (!longer)
        return err_set(e, ERR_MEMORY, "no memory");
    p->list = longer;
    last = &p->list[p->n++];
    *last = (struct provider){.stream_options = true};
    return set_text(&last->name, name, e) || set_text(&last->base_url, SPAN(""), e) ||
                   set_text(&last->models, SPAN(""), e) || set_text(&last->key_variable, SPAN(""), e)
               ? -1
               : 0;
}

static int take_key(struct provider *p, const struct providers *running, struct err *e)
{
    for (int i = 0; running && i < running->n; i++) {
        const struct provider *r = &running->list[i];
        if (!r->key || strcmp(r->key_variable, p->key_variable) != 0)
            continue;
        p->key = secret_keep(r->key);
        return p->key ? 0 : err_set(e, ERR_MEMORY, "no memory");
    }
    return secret_take(p->key_variable, false, &p->key, e);
}

int provider_settle(struct providers *p, const struct providers *running, struct err *e)
{
    for (int i = 0; i < p->n; i++) {
        struct provider *q = &p->list[i];
        if (!*q->base_url)
            return err_set(e, ERR_INVALID, "providers.%s: base-url is missing", q->name);
        if (*q->key_variable && !q->key && take_key(q, running, e))
            return err_prefix(e, "providers.%s", q->name);
    }
    return 0;
}

static struct span host_of(const char *url)
{
    struct span scheme, rest, authority, host;

    span_cut(span_of(url), ':', &scheme, &rest);
    span_cut(span_skip(rest, 2), '/', &authority, &rest);
    span_cut(authority, ':', &host, &rest);
    return host;
}

void provider_name_prices(struct providers *p, const struct price_table *t)
{
    for (int i = 0; i < p->n; i++) {
        const char *known = price_provider_of_host(t, host_of(p->list[i].base_url));

        p->list[i].price_name = known ? known : p->list[i].name;
    }
}

void providers_finish(struct providers *p)
{
    for (int i = 0; i < p->n; i++) {
        free(p->list[i].name);
        free(p->list[i].base_url);
        free(p->list[i].models);
        free(p->list[i].key_variable);
        secret_forget(p->list[i].key);
    }
    free(p->list);
    *p = (struct providers){.n = 0};
}

const struct provider *provider_find(const struct providers *p, struct span name)
{
    for (int i = 0; i < p->n; i++)
        if (span_eq(span_of(p->list[i].name), name))
            return &p->list[i];
    return NULL;
}

/* ---- globs ---- */

bool glob_list_matches(const char *globs, struct span text)
{
    struct span rest = span_of(globs), glob;
    char name[256], pattern[256];

    if (text.n >= sizeof name)
        return false;
    snprintf(name, sizeof name, "%.*s", SPAN_FMT(text));
    while (rest.n) {
        span_cut(rest, ',', &glob, &rest);
        glob = span_trim(glob);
        if (!glob.n || glob.n >= sizeof pattern)
            continue;
        snprintf(pattern, sizeof pattern, "%.*s", SPAN_FMT(glob));
        if (fnmatch(pattern, name, 0) == 0)
            return true;
    }
    return false;
}

const struct provider *provider_for(const struct providers *p, bool anthropic, struct span model)
{
    for (int i = 0; i < p->n; i++)
        if (p->list[i].anthropic == anthropic && glob_list_matches(p->list[i].models, model))
            return &p->list[i];
    return &p->list[anthropic ? 1 : 0];
}
