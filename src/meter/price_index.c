/* SPDX-License-Identifier: MIT */
#include "meter/price_table.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * From rows as they were read to a table that can be searched: later folders put over earlier ones,
 * names made unique, aliases followed, stems found.
 */

static int no_memory(struct err *e)
{
    return err_set(e, ERR_MEMORY, "no memory for the price table");
}

struct claim { /* a name of a row, while it is not known which row wins it */
    const char *text;
    struct price_row *row;
    bool is_id;
};

static int by_provider_text_layer(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;
    int c = strcmp(x->row->provider->name, y->row->provider->name);

    if (c == 0)
        c = strcmp(x->text, y->text);
    return c ? c : y->row->layer - x->row->layer;
}

static bool same_name(const struct claim *a, const struct claim *b)
{
    return a->row->provider == b->row->provider && !strcmp(a->text, b->text);
}

static const char *lower(struct price_table *t, const char *s)
{
    char *copy = arena_copy(&t->arena, s, strlen(s));

    for (char *p = copy; p && *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return copy;
}

static int clash(const struct claim *a, const struct claim *b, struct err *e)
{
    const struct price_row *x = a->row, *y = b->row;

    if (a->is_id && b->is_id)
        return err_set(e, ERR_INVALID, "%s: model \"%s\": field \"id\": duplicate, also in %s",
                       y->file, y->id, x->file);
    if (a->is_id || b->is_id)
        return err_set(e, ERR_INVALID,
                       "%s: model \"%s\": field \"aliases\": \"%s\" is the id of another model",
                       (a->is_id ? y : x)->file, (a->is_id ? y : x)->id, a->text);
    return err_set(e, ERR_INVALID, "%s: model \"%s\": field \"aliases\": \"%s\" also names \"%s\"",
                   y->file, y->id, a->text, x->id);
}

/* A price that falls to a tenth is more often a slipped decimal than a bargain. */
static int check_cheaper(const struct price_row *new, const struct price_row *old, struct err *e)
{
    static const struct {
        const char *name;
        enum token_kind kind;
    } axes[] = {{"input", TOK_INPUT}, {"output", TOK_OUTPUT}};

    if (new->allow_cheaper || new->alias_of || old->alias_of)
        return 0;
    for (int i = 0; i < 2; i++) {
        const pico_t before = old->schedules->plan[TIER_STANDARD].of[axes[i].kind];
        const pico_t after = new->schedules->plan[TIER_STANDARD].of[axes[i].kind];

        if (before > 0 && after <= before / 10)
            return err_set(
                e, ERR_INVALID,
                "%s: model \"%s\": field \"%s\": 10 times cheaper than in %s; if that is "
                "right, add \"allow_cheaper\": true",
                new->file, new->id, axes[i].name, old->file);
    }
    return 0;
}

/* Of the claims to one name the latest folder's wins; a row whose id is won by another is replaced.
 */
static int settle_claims(struct claim *c, size_t n, size_t *left, struct err *e)
{
    size_t out = 0;

    for (size_t i = 0; i < n; i++) {
        struct claim *top = out ? &c[out - 1] : NULL;

        if (!top || !same_name(top, &c[i])) {
            c[out++] = c[i];
            continue;
        }
        if (c[i].row == c[i - 1].row)
            continue;
        if (c[i].row->layer == c[i - 1].row->layer)
            return clash(&c[i - 1], &c[i], e);
        if (check_cheaper(top->row, c[i].row, e))
            return -1;
        if (c[i].is_id && top->is_id)
            c[i].row->replaced_by = top->row;
    }
    *left = out;
    return 0;
}

static struct price_row *last_of(struct price_row *row)
{
    while (row->replaced_by)
        row = row->replaced_by;
    return row;
}

static const struct claim *claim_of(const struct claim *claims, size_t n,
                                    const struct price_provider *p, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (claims[i].row->provider == p && !strcmp(claims[i].text, text))
            return &claims[i];
    return NULL;
}

/* The row that an alias row stands for. */
static int follow(struct price_table *t, const struct claim *claims, size_t n,
                  struct price_row *row, struct price_row **out, struct err *e)
{
    struct price_row *at = row;

    for (int hops = 0; at->alias_of; hops++) {
        const char *text = lower(t, at->alias_of);
        const struct claim *c = text ? claim_of(claims, n, at->provider, text) : NULL;

        if (!text)
            return no_memory(e);
        if (!c)
            return err_set(e, ERR_INVALID, "%s: model \"%s\": field \"alias_of\": no model \"%s\"",
                           at->file, at->id, at->alias_of);
        at = last_of(c->row);
        if (at == row || hops > 16)
            return err_set(e, ERR_INVALID,
                           "%s: model \"%s\": field \"alias_of\": a cycle of aliases", row->file,
                           row->id);
    }
    *out = at;
    return 0;
}

static int by_bare(const void *a, const void *b)
{
    const struct price_name *x = a, *y = b;
    int c = strcmp(x->bare, y->bare);

    if (c == 0)
        c = strcmp(x->row->provider->name, y->row->provider->name);
    return c ? c : strcmp(x->full, y->full);
}

static int build_names(struct price_table *t, const struct claim *claims, size_t n, struct err *e)
{
    t->names = ARENA_ARRAY(&t->arena, struct price_name, n + 1);
    if (!t->names)
        return no_memory(e);
    for (size_t i = 0; i < n; i++) {
        struct price_row *row = last_of(claims[i].row);
        const bool own = claims[i].is_id && !row->alias_of;

        if (follow(t, claims, n, row, &row, e))
            return -1;
        t->names[i] = (struct price_name){claims[i].text, price_bare(t, claims[i].text, NULL), row,
                                          own ? PRICE_EXACT : PRICE_ALIAS};
    }
    t->nnames = n;
    qsort(t->names, n, sizeof *t->names, by_bare);
    return 0;
}

static int collect_claims(struct price_table *t, struct claim **out, size_t *n, struct err *e)
{
    size_t count = 0, i = 0;
    struct claim *c;

    for (const struct price_row *row = t->rows; row; row = row->next)
        count += 1 + (size_t)row->aliases.n;
    c = ARENA_ARRAY(&t->arena, struct claim, count + 1);
    if (!c)
        return no_memory(e);
    for (struct price_row *row = t->rows; row; row = row->next) {
        c[i++] = (struct claim){lower(t, row->id), row, true};
        for (int a = 0; a < row->aliases.n; a++)
            c[i++] = (struct claim){lower(t, row->aliases.at[a]), row, false};
    }
    for (i = 0; i < count; i++)
        if (!c[i].text)
            return no_memory(e);
    qsort(c, count, sizeof *c, by_provider_text_layer);
    *out = c;
    *n = count;
    return 0;
}

/* ---- stems ---- */

/* The fallback for names that share the stem text with the n names from first on. */
static const struct price_row *make_fallback(struct price_table *t, struct span text,
                                             const struct price_name *first, size_t n,
                                             const struct price_row *floor)
{
    static const struct price_provider unknown = {.name = "unknown"};
    struct price_row *row = ARENA_NEW(&t->arena, struct price_row);
    char id[USAGE_MODEL_MAX + 2], version[32], source[USAGE_MODEL_MAX + 40];

    if (!row)
        return NULL;
    *row = (struct price_row){.provider = &unknown,
                              .members = first,
                              .nmembers = n,
                              .floor = floor,
                              .as_of = floor->as_of,
                              .web_search = floor->web_search};
    for (size_t i = 0; i < n; i++) {
        const struct price_row *m = first[i].row;

        row->as_of = strcmp(m->as_of, row->as_of) > 0 ? m->as_of : row->as_of;
        row->web_search = m->web_search > row->web_search ? m->web_search : row->web_search;
        row->us_only = m->us_only > row->us_only ? m->us_only : row->us_only;
        row->reasoning |= m->reasoning;
    }
    snprintf(id, sizeof id, "%.*s*", SPAN_FMT(text));
    snprintf(version, sizeof version, "fallback/%s", row->as_of);
    snprintf(source, sizeof source, n ? "the dearest of %s and %s" : "%s", floor->id, id);
    row->id = arena_copy(&t->arena, id, strlen(id));
    row->version = arena_copy(&t->arena, version, strlen(version));
    row->source = arena_copy(&t->arena, source, strlen(source));
    return row->id && row->version && row->source ? row : NULL;
}

static bool starts(const char *name, struct span stem)
{
    return strncmp(name, stem.p, stem.n) == 0;
}

/* Each stem of the sorted names, in order: counts them, and fills t->stems when it is there. */
static int each_stem(struct price_table *t, const struct price_row *floor, size_t *count)
{
    size_t found = 0;

    for (size_t i = 0; i < t->nnames; i++) {
        const char *bare = t->names[i].bare;

        for (size_t at = 0; bare[at]; at++) {
            const struct span stem = {bare, at + 1};
            size_t n = 1;

            if ((bare[at] != '-' && bare[at] != '.') || (i && starts(t->names[i - 1].bare, stem)))
                continue;
            while (i + n < t->nnames && starts(t->names[i + n].bare, stem))
                n++;
            if (t->stems) {
                t->stems[found].text = stem;
                t->stems[found].row = make_fallback(t, stem, &t->names[i], n, floor);
                if (!t->stems[found].row)
                    return -1;
            }
            found++;
        }
    }
    *count = found;
    return 0;
}

/* The sorted order of the names makes each stem a range, and the stems come out sorted. */
static int build_stems(struct price_table *t, struct err *e)
{
    const struct price_row *floor = NULL;
    size_t n;

    for (size_t i = 0; i < t->nnames; i++)
        if (!strcmp(t->names[i].full, "gpt-4o") &&
            !strcmp(t->names[i].row->provider->name, "openai"))
            floor = t->names[i].row;
    if (!floor)
        return err_set(e, ERR_INVALID,
                       "no price of openai's gpt-4o, the least an unknown model costs");
    t->unknown = make_fallback(t, SPAN(""), NULL, 0, floor);
    if (!t->unknown || each_stem(t, floor, &n))
        return no_memory(e);
    t->stems = ARENA_ARRAY(&t->arena, struct stem, n + 1);
    if (!t->stems || each_stem(t, floor, &t->nstems))
        return no_memory(e);
    return 0;
}

int price_index(struct price_table *t, struct err *e)
{
    struct claim *claims = NULL;
    size_t n = 0;

    for (struct price_row *row = t->rows; row; row = row->next)
        if (!row->alias_of && price_complete(t, row, e))
            return -1;
    if (collect_claims(t, &claims, &n, e) || settle_claims(claims, n, &n, e) ||
        build_names(t, claims, n, e))
        return -1;
    return build_stems(t, e);
}
