/* SPDX-License-Identifier: MIT */
#include "meter/price_table.h"

#include <ctype.h>
#include <stdlib.h>

/*
 * Which row prices a model. A name matches as a whole, as an alias, or with one version suffix of
 * its provider stripped: never by a mere prefix, because a remainder that is a word ("-pro") is
 * another price.
 */

struct search {
    const struct price_table *t;
    const struct price_provider *upstream; /* where it will be sent; NULL: not known */
    const struct price_provider *named;    /* by the model's own prefix; NULL: none */
    const char *full, *bare;
    struct price best;
};

static bool lists(struct string_list l, struct span s)
{
    for (int i = 0; i < l.n; i++)
        if (span_eq(span_of(l.at[i]), s))
            return true;
    return false;
}

static const struct price_provider *provider_by_name(const struct price_table *t, struct span name)
{
    for (const struct price_provider *p = t->providers; p; p = p->next)
        if (span_eq(span_of(p->name), name) || lists(p->prefixes, name))
            return p;
    return NULL;
}

/* The length of the provider prefix at the front of text, its slash included; 0 when there is none.
 */
static size_t prefix_length(const struct price_table *t, const char *text,
                            const struct price_provider **named)
{
    for (const struct price_provider *p = t->providers; p; p = p->next) {
        for (int i = 0; i < p->prefixes.n; i++) {
            const size_t n = strlen(p->prefixes.at[i]);

            if (!strncmp(text, p->prefixes.at[i], n) && text[n] == '/' && text[n + 1]) {
                *named = p;
                return n + 1;
            }
        }
    }
    return 0;
}

const char *price_bare(const struct price_table *t, const char *text,
                       const struct price_provider **named)
{
    const struct price_provider *p;
    size_t n;

    while ((n = prefix_length(t, text, &p))) {
        if (named && !*named)
            *named = p;
        text += n;
    }
    return text;
}

/* ---- candidates ---- */

static int nearness(const struct search *s, const struct price_row *row)
{
    return (row->provider == s->upstream) * 2 + (row->provider == s->named);
}

static pico_t dearness(const struct price_row *row)
{
    return row->schedules->plan[TIER_STANDARD].of[TOK_INPUT] +
           row->schedules->plan[TIER_STANDARD].of[TOK_OUTPUT];
}

/* The nearest host's row wins; among equally near ones the dearest. */
static void consider(struct search *s, const struct price_name *name, enum price_rule rule,
                     int64_t permille)
{
    const struct price_row *best = s->best.row;

    if (best &&
        (nearness(s, name->row) < nearness(s, best) ||
         (nearness(s, name->row) == nearness(s, best) && dearness(name->row) <= dearness(best))))
        return;
    s->best = (struct price){name->row, rule, (int)permille};
}

static const struct price_name *names_of(const struct price_table *t, struct span bare)
{
    size_t lo = 0, hi = t->nnames;

    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        const char *name = t->names[mid].bare;
        const int c = strncmp(name, bare.p, bare.n);

        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return t->names + lo;
}

/* Considers every name that is exactly bare, of one provider only when that is given. */
static void consider_all(struct search *s, struct span bare, const struct price_provider *only,
                         const enum price_rule *rule, int64_t permille)
{
    const struct price_name *end = s->t->names + s->t->nnames;

    for (const struct price_name *n = names_of(s->t, bare);
         n < end && span_eq(span_of(n->bare), bare); n++) {
        const bool own = !strcmp(n->full, s->full) || !strcmp(n->full, s->bare);

        if (!only || n->row->provider == only)
            consider(s, n, rule ? *rule : own ? n->rule : PRICE_ALIAS, permille);
    }
}

/* ---- suffixes and regions ---- */

static int two_digits(const char *p)
{
    return (p[0] - '0') * 10 + (p[1] - '0');
}

/* Whether text is what the pattern describes: Y, M, D and N are digits, of a date that can be. */
static bool fits(const char *text, const char *pattern)
{
    int year = 20, month = 1, day = 1;

    if (!strcmp(pattern, "-latest"))
        return !strcmp(text, pattern);
    for (size_t i = 0; pattern[i]; i++) {
        if (strchr("YMDN", pattern[i]) ? !isdigit((unsigned char)text[i]) : text[i] != pattern[i])
            return false;
        if (i && pattern[i] == 'M' && pattern[i - 1] == 'M')
            month = two_digits(text + i - 1);
        if (i && pattern[i] == 'D' && pattern[i - 1] == 'D')
            day = two_digits(text + i - 1);
    }
    if (strstr(pattern, "YYYY"))
        year = two_digits(text + (strstr(pattern, "YYYY") - pattern));
    return year == 20 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

static void try_suffixes(struct search *s)
{
    const enum price_rule rule = PRICE_SUFFIX;
    const size_t n = strlen(s->bare);

    for (const struct price_provider *p = s->t->providers; p; p = p->next) {
        for (int i = 0; i < p->suffixes.n; i++) {
            const size_t tail = strlen(p->suffixes.at[i]);

            if (n > tail && fits(s->bare + n - tail, p->suffixes.at[i]))
                consider_all(s, (struct span){s->bare, n - tail}, p, &rule, MULTIPLIER);
        }
    }
}

static void try_regions(struct search *s)
{
    const enum price_rule rule = PRICE_ALIAS;

    for (const struct price_provider *p = s->t->providers; p; p = p->next) {
        for (int i = 0; i < p->nregions; i++) {
            const struct span prefix = span_of(p->regions[i].prefix), text = span_of(s->bare);

            if (span_starts(text, prefix))
                consider_all(s, span_skip(text, prefix.n), p, &rule, p->regions[i].multiplier);
        }
    }
}

/* ---- unknown models ---- */

static int by_stem(const void *key, const void *member)
{
    const struct span *a = key, *b = &((const struct stem *)member)->text;
    const int c = memcmp(a->p, b->p, a->n < b->n ? a->n : b->n);

    return c ? c : (a->n > b->n) - (a->n < b->n);
}

static const struct price_row *fallback(const struct price_table *t, const char *bare)
{
    for (size_t n = strlen(bare); n > 0; n--) {
        const struct span text = {bare, n};
        const struct stem *stem;

        if (bare[n - 1] != '-' && bare[n - 1] != '.')
            continue;
        stem = t->nstems ? bsearch(&text, t->stems, t->nstems, sizeof *t->stems, by_stem) : NULL;
        if (stem)
            return stem->row;
    }
    return t->unknown;
}

/* Lower case, and of a fine-tuned model its base: "ft:gpt-4o:org::id" is priced as "ft:gpt-4o". */
static void normalise(struct span model, char out[MODEL_ID_MAX + 1])
{
    const size_t n = model.n < MODEL_ID_MAX ? model.n : MODEL_ID_MAX;
    char *base;

    for (size_t i = 0; i < n; i++)
        out[i] = model.p[i] ? (char)tolower((unsigned char)model.p[i]) : '?';
    out[n] = '\0';
    base = !strncmp(out, "ft:", 3) ? out : strstr(out, "/ft:");
    if (base && (base = strchr(strchr(base, ':') + 1, ':')))
        *base = '\0';
}

struct price price_find(const struct price_table *t, const char *provider, struct span model)
{
    char full[MODEL_ID_MAX + 1];
    struct search s = {.t = t, .full = full};

    normalise(model, full);
    s.upstream = provider ? provider_by_name(t, span_of(provider)) : NULL;
    s.bare = price_bare(t, full, &s.named);
    if (model.n <= MODEL_ID_MAX) {
        consider_all(&s, span_of(s.bare), NULL, NULL, MULTIPLIER);
        if (!s.best.row)
            try_suffixes(&s);
        if (!s.best.row)
            try_regions(&s);
    }
    if (!s.best.row)
        s.best = (struct price){fallback(t, s.bare), PRICE_FALLBACK, MULTIPLIER};
    return s.best;
}

const char *price_provider_of_host(const struct price_table *t, struct span host)
{
    for (const struct price_provider *p = t->providers; p; p = p->next) {
        for (int i = 0; i < p->hosts.n; i++) {
            const struct span h = span_of(p->hosts.at[i]);

            if (h.p[0] == '.' || h.p[0] == '-'
                    ? host.n > h.n && span_eq_nocase(span_skip(host, host.n - h.n), h)
                    : span_eq_nocase(host, h))
                return p->name;
        }
    }
    return NULL;
}
