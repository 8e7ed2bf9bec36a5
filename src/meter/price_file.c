/* SPDX-License-Identifier: MIT */
#include "meter/price_read.h"

#include <errno.h>
#include <stdio.h>

/* One file of prices: a provider's settings and its rows. */

#define FILE_MAX (32 << 20)

static int no_memory(struct err *e)
{
    return err_set(e, ERR_MEMORY, "no memory for the price table");
}

static int read_suffixes(struct loader *l, const json_t *v, void *at, struct err *e)
{
    struct string_list list;

    if (price_read_names(l, v, &list, e))
        return -1;
    for (int i = 0; i < list.n; i++) {
        const char *s = list.at[i];

        if ((*s != '-' && *s != '@') ||
            (strcmp(s, "-latest") && strspn(s, "-@YMDN") != strlen(s)) || !s[1])
            return err_set(e, ERR_INVALID, "\"%s\" is neither \"-latest\" nor made of - @ Y M D N",
                           s);
    }
    *(struct string_list *)at = list;
    return 0;
}

static int read_missing(struct loader *l, const json_t *v, void *at, struct err *e)
{
    static const struct field fields[] = {
#define KIND(name, kind)                                                                           \
    {name, false, price_read_multiplier,                                                           \
     offsetof(struct price_provider, missing_kind) + (kind) * sizeof(int64_t)}
#define TIER(name, tier)                                                                           \
    {                                                                                              \
        name, false, price_read_multiplier,                                                        \
            offsetof(struct price_provider, missing_plan) + (tier) * sizeof(int64_t)               \
    }
        KIND("cache_write_5m", TOK_CACHE_WRITE_5M),
        KIND("cache_write_30m", TOK_CACHE_WRITE_30M),
        KIND("cache_write_1h", TOK_CACHE_WRITE_1H),
        KIND("cache_write_12h", TOK_CACHE_WRITE_12H),
        TIER("priority", TIER_PRIORITY),
        TIER("fast", TIER_FAST),
#undef KIND
#undef TIER
    };

    return price_read_fields(l, v, fields, COUNT(fields), at, e);
}

static int read_regions(struct loader *l, const json_t *v, void *at, struct err *e)
{
    struct price_provider *p = at;
    struct region *regions = ARENA_ARRAY(&l->t->arena, struct region, json_object_size(v) + 1);
    const char *key;
    json_t *value;
    int n = 0;

    if (!json_is_object(v))
        return err_set(e, ERR_INVALID, "must be an object of prefixes and multipliers");
    if (!regions)
        return no_memory(e);
    json_object_foreach((json_t *)v, key, value)
    {
        regions[n].prefix = arena_copy(&l->t->arena, key, strlen(key));
        if (!regions[n].prefix)
            return no_memory(e);
        if (price_read_multiplier(l, value, &regions[n].multiplier, e))
            return err_prefix(e, "\"%.20s\"", key);
        n++;
    }
    p->regions = regions;
    p->nregions = n;
    return 0;
}

static int read_models(struct loader *l, const json_t *models, struct price_provider *provider,
                       struct err *e)
{
    if (!json_is_array(models))
        return err_set(e, ERR_INVALID, "field \"models\" must be a list");
    for (size_t i = 0; i < json_array_size(models); i++) {
        const json_t *v = json_array_get(models, i);
        const char *id = json_string_value(json_object_get(v, "id"));

        if (!price_read_row(l, v, provider, e))
            continue;
        return id ? err_prefix(e, "model \"%.60s\"", id) : err_prefix(e, "model %zu", i + 1);
    }
    return 0;
}

static int read_root(struct loader *l, const json_t *root, struct err *e)
{
    static const struct field fields[] = {
        {"$schema", false, NULL, 0},
        {"comment", false, NULL, 0},
        {"models", true, NULL, 0},
        {"provider", false, NULL, 0},
        {"prefixes", false, price_read_names, offsetof(struct price_provider, prefixes)},
        {"hosts", false, price_read_names, offsetof(struct price_provider, hosts)},
        {"suffixes", false, read_suffixes, offsetof(struct price_provider, suffixes)},
        {"regions", false, read_regions, 0},
        {"missing", false, read_missing, 0},
        {"web_search", false, price_read_per_thousand, offsetof(struct price_provider, web_search)},
    };
    struct price_provider nobody = {0}, *provider = NULL;
    const json_t *name = json_object_get(root, "provider");

    if (name && price_read_provider(l, name, &provider, e))
        return err_prefix(e, "field \"provider\"");
    if (price_read_fields(l, root, fields, COUNT(fields), provider ? provider : &nobody, e))
        return -1;
    /* Both were zeroed whole, padding too. NOLINTNEXTLINE */
    if (!provider && memcmp(&nobody, &(struct price_provider){0}, sizeof nobody))
        return err_set(e, ERR_INVALID, "settings of a provider, but no field \"provider\"");
    return read_models(l, json_object_get(root, "models"), provider, e);
}

static int slurp(const char *path, struct buf *out, struct err *e)
{
    FILE *f = fopen(path, "re");
    char block[65536];
    size_t n;
    bool failed;

    if (!f)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    while ((n = fread(block, 1, sizeof block, f)) > 0)
        buf_add(out, block, n);
    failed = ferror(f);
    fclose(f);
    if (failed)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    return out->failed ? err_set(e, ERR_LIMIT, "%s: larger than %d bytes", path, FILE_MAX) : 0;
}

/* For a syntax error: the last "id" and the last key before it, which is where a person looks. */
static void locate(struct span text, size_t error_at, char id[64], char key[64])
{
    const char *p = text.p, *end = text.p + text.n, *stop = text.p + error_at, *s;
    bool id_follows = false;

    id[0] = key[0] = '\0';
    while (p < stop && (p = memchr(p, '"', (size_t)(stop - p)))) {
        for (s = ++p; p < end && *p != '"'; p++)
            p += *p == '\\';
        if (p >= end)
            return;
        if (p + 1 < end && p[1] == ':')
            snprintf(key, 64, "%.*s", (int)(p - s), s);
        else if (id_follows)
            snprintf(id, 64, "%.*s", (int)(p - s), s);
        id_follows = p + 1 < end && p[1] == ':' && !strcmp(key, "id");
        p++;
    }
}

static int syntax_error(const char *path, struct span text, const json_error_t *je, struct err *e)
{
    const size_t at = je->position < 0 ? 0 : (size_t)je->position;
    char id[64], key[64];

    locate(text, at < text.n ? at : text.n, id, key);
    if (!id[0])
        return err_set(e, ERR_INVALID, "%s: line %d: %s", path, je->line, je->text);
    return err_set(e, ERR_INVALID, "%s: line %d: model \"%s\": field \"%s\": %s", path, je->line,
                   id, key, je->text);
}

int price_text_load(struct price_table *t, const char *path, struct span text, int layer,
                    struct err *e)
{
    struct loader l = {.t = t, .path = arena_copy(&t->arena, path, strlen(path)), .layer = layer};
    json_error_t je;
    json_t *root;
    int r;

    if (!l.path)
        return no_memory(e);
    root = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &je);
    if (!root)
        return syntax_error(path, text, &je, e);
    r = read_root(&l, root, e);
    if (r)
        err_prefix(e, "%s", path);
    json_decref(root);
    return r;
}

int price_file_load(struct price_table *t, const char *path, int layer, struct err *e)
{
    struct buf text;
    int r;

    buf_init(&text, FILE_MAX);
    r = slurp(path, &text, e);
    if (r == 0)
        r = price_text_load(t, path, buf_all(&text), layer, e);
    buf_finish(&text);
    return r;
}
