/* SPDX-License-Identifier: MIT */
#include "meter/price_import.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "meter/price_foreign.h"

#define TOKENS_MAX INT64_C(1000000000) /* as in tables */

/* The shortest decimal that reads back as the same double: what the list's author wrote. */
static void shortest(double v, char out[48])
{
    for (int digits = 0; digits < 17; digits++) {
        snprintf(out, 48, "%.*e", digits, v);
        if (strtod(out, NULL) == v)
            return;
    }
}

pico_t price_number(const json_t *v, int scale)
{
    double scaled = json_number_value(v);
    char text[48];
    struct err ignored;
    int64_t out;

    if (!json_is_number(v))
        return RATE_UNSET;
    if (json_is_integer(v))
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    else
        shortest(json_real_value(v), text);
    if (money_parse(span_of(text), scale, CALL_MAX, &out, &ignored) == 0)
        return out;
    for (int i = 0; i < scale; i++)
        scaled *= 10;
    return scaled < 0 || scaled >= (double)CALL_MAX ? RATE_UNSET : (pico_t)scaled + 1;
}

const char *price_provider_alias(const char *theirs)
{
    static const char *const ours[][2] = {
        {"text-completion-openai", "openai"},
        {"gemini", "google"},
        {"bedrock_converse", "bedrock"},
        {"aws", "bedrock"},
        {"together_ai", "together"},
        {"fireworks_ai", "fireworks"},
        {"cohere_chat", "cohere"},
        {"meta_llama", "meta"},
        {"x-ai", "xai"},
    };

    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (!strcmp(theirs, ours[i][0]))
            return ours[i][1];
    return *theirs && strlen(theirs) <= 24 &&
                   strspn(theirs, "abcdefghijklmnopqrstuvwxyz0123456789_-.") == strlen(theirs)
               ? theirs
               : NULL;
}

void price_unset(struct rates *r)
{
    for (int k = 0; k < TOK_KINDS; k++)
        r->of[k] = RATE_UNSET;
}

struct step *price_step_above(struct schedule *s, int64_t above)
{
    int i = 0;

    while (i < s->nsteps && s->steps[i].above < above)
        i++;
    if (i < s->nsteps && s->steps[i].above == above)
        return &s->steps[i];
    if (s->nsteps == STEPS_MAX)
        return NULL;
    memmove(&s->steps[i + 1], &s->steps[i], (size_t)(s->nsteps - i) * sizeof *s->steps);
    s->nsteps++;
    s->steps[i].above = above;
    price_unset(&s->steps[i].rates);
    return &s->steps[i];
}

/* ---- writing ---- */

static const char *const kind_names[TOK_KINDS] = {
    "input",           "cache_read",  "cache_write_5m", "cache_write_30m", "cache_write_1h",
    "cache_write_12h", "audio_input", "output",         "audio_output",
};
static const char *const plan_names[TIERS] = {NULL, "batch", "flex", "priority", "fast"};

static void write_amount(struct jsonw *w, const char *key, nano_t v)
{
    char text[MONEY_LEN];

    jsonw_member_str(w, key, span_of(money_json(v, text)));
}

/* Input and output are never missing: what a plan or a tier does not change is the base's. */
static void write_rates(struct jsonw *w, const struct rates *r, const struct rates *base)
{
    for (int k = 0; k < TOK_KINDS; k++) {
        const bool needed = k == TOK_INPUT || k == TOK_OUTPUT;
        const pico_t v = r->of[k] == RATE_UNSET && needed ? base->of[k] : r->of[k];

        if (v != RATE_UNSET)
            write_amount(w, kind_names[k], v * 1000);
    }
}

static bool any_rate(const struct rates *r)
{
    for (int k = 0; k < TOK_KINDS; k++)
        if (r->of[k] != RATE_UNSET)
            return true;
    return false;
}

static void write_schedule(struct jsonw *w, const struct schedule *s)
{
    const struct rates *base = &s->plan[TIER_STANDARD];

    write_rates(w, base, base);
    for (int tier = TIER_STANDARD + 1; tier < TIERS; tier++) {
        if (!any_rate(&s->plan[tier]))
            continue;
        jsonw_key(w, plan_names[tier]);
        jsonw_open(w, '{');
        write_rates(w, &s->plan[tier], base);
        jsonw_close(w, '}');
    }
    if (!s->nsteps)
        return;
    jsonw_key(w, "tiers");
    jsonw_open(w, '[');
    for (int i = 0; i < s->nsteps; i++) {
        jsonw_open(w, '{');
        jsonw_member_int(w, "above", s->steps[i].above);
        write_rates(w, &s->steps[i].rates, base);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}

/* ---- one row ---- */

struct names { /* sorted, lower case, "provider id" */
    char **at;
    size_t n, cap;
};

struct import {
    const struct price_import *in;
    struct price_imported *report;
    struct buf *out;
    struct names names; /* written already */
};

/* Takes the name for the table; false when it is taken, no name at all, or memory ran out. */
static bool claim(struct names *names, const char *provider, const char *id)
{
    char *name;

    if (!*id || strlen(id) >= USAGE_MODEL_MAX || asprintf(&name, "%s %s", provider, id) < 0)
        return false;
    for (char *p = name + strlen(provider) + 1; *p; p++) {
        *p = (char)tolower((unsigned char)*p);
        if ((unsigned char)*p <= ' ' || *p == 127)
            goto taken;
    }
    for (size_t i = 0; i < names->n; i++)
        if (!strcmp(names->at[i], name))
            goto taken;
    if (names->n == names->cap) {
        char **more = realloc(names->at, (names->cap * 2 + 64) * sizeof *more);

        if (!more)
            goto taken;
        names->at = more;
        names->cap = names->cap * 2 + 64;
    }
    names->at[names->n++] = name;
    return true;
taken:
    free(name);
    return false;
}

/* The known row that has that very name at that very provider; NULL when there is none. */
static const struct price_row *known_as(const struct import *im, const char *provider,
                                        const char *name)
{
    const struct price p = price_find(im->in->known, provider, span_of(name));
    const bool found = (p.rule == PRICE_EXACT || p.rule == PRICE_ALIAS) &&
                       !strcmp(p.row->provider->name, provider) && p.permille == MULTIPLIER;

    return found ? p.row : NULL;
}

static bool is_same(const struct price_row *a, const struct foreign_row *b)
{
    const struct rates *x = &a->schedules->plan[TIER_STANDARD], *y = &b->now.plan[TIER_STANDARD];

    for (int k = 0; k < TOK_KINDS; k++)
        if (y->of[k] != RATE_UNSET && y->of[k] != x->of[k])
            return false;
    return b->nfuture == 0;
}

static const char *much_cheaper(const struct price_row *a, const struct foreign_row *b)
{
    const struct rates *x = &a->schedules->plan[TIER_STANDARD], *y = &b->now.plan[TIER_STANDARD];

    for (int k = TOK_INPUT; k <= TOK_OUTPUT; k += TOK_OUTPUT - TOK_INPUT)
        if (x->of[k] > 0 && y->of[k] <= x->of[k] / 10)
            return kind_names[k];
    return NULL;
}

static void begin_row(struct import *im, struct jsonw *w, const struct foreign_row *row)
{
    buf_str(im->out, im->report->written++ ? ",\n    " : "    ");
    jsonw_init(w, im->out);
    jsonw_open(w, '{');
    jsonw_member_str(w, "id", span_of(row->id));
    jsonw_member_str(w, "provider", span_of(row->provider));
}

/* Facts that the list does not have stay what they are known to be. */
static void write_facts(struct import *im, struct jsonw *w, const struct foreign_row *row,
                        const struct price_row *old)
{
    const int64_t context = row->context > 0 ? row->context : old ? old->context : 0;
    const int64_t max_output = row->max_output > 0 ? row->max_output : old ? old->max_output : 0;

    jsonw_key(w, "aliases");
    jsonw_open(w, '[');
    for (int i = 0; i < row->naliases; i++) {
        const struct price_row *known = known_as(im, row->provider, row->aliases[i]);

        if ((!known || known == old) && claim(&im->names, row->provider, row->aliases[i]))
            jsonw_str(w, span_of(row->aliases[i]));
    }
    jsonw_close(w, ']');
    if (old && old->encoding)
        jsonw_member_str(w, "encoding", span_of(old->encoding));
    if (context)
        jsonw_member_int(w, "context", context);
    if (max_output)
        jsonw_member_int(w, "max_output", max_output);
    if (row->reasoning || (old && old->reasoning))
        jsonw_member_bool(w, "reasoning", true);
}

static void write_row(struct import *im, const struct foreign_row *row, const struct price_row *old)
{
    struct jsonw w;

    begin_row(im, &w, row);
    write_facts(im, &w, row, old);
    write_schedule(&w, &row->now);
    if (row->nfuture) {
        jsonw_key(&w, "future");
        jsonw_open(&w, '[');
        for (int i = 0; i < row->nfuture; i++) {
            jsonw_open(&w, '{');
            jsonw_member_str(&w, "from", span_of(row->future[i].from));
            write_schedule(&w, &row->future[i]);
            jsonw_close(&w, '}');
        }
        jsonw_close(&w, ']');
    }
    if (row->web_search != RATE_UNSET)
        write_amount(&w, "web_search", row->web_search);
    jsonw_member_str(&w, "as_of", span_of(im->in->as_of));
    jsonw_member_str(&w, "source", span_of(im->report->format));
    jsonw_close(&w, '}');
}

static void write_alias(struct import *im, const struct foreign_row *row, const char *of)
{
    struct jsonw w;

    begin_row(im, &w, row);
    jsonw_member_str(&w, "alias_of", span_of(of));
    jsonw_close(&w, '}');
}

static bool rates_in_range(const struct rates *r)
{
    for (int k = 0; k < TOK_KINDS; k++)
        if (r->of[k] > RATE_MAX)
            return false;
    return true;
}

static bool is_priced(const struct schedule *s, bool no_output)
{
    const struct rates *r = &s->plan[TIER_STANDARD];

    for (int tier = 0; tier < TIERS; tier++)
        if (!rates_in_range(&s->plan[tier]))
            return false;
    for (int i = 0; i < s->nsteps; i++)
        if (!rates_in_range(&s->steps[i].rates))
            return false;
    return r->of[TOK_INPUT] != RATE_UNSET && (no_output || r->of[TOK_OUTPUT] != RATE_UNSET) &&
           (r->of[TOK_INPUT] > 0 || r->of[TOK_OUTPUT] > 0);
}

/* What is without a price, or free, is nothing that a budget may rely on; nor is a date that is
 * none. */
static bool is_usable(const struct foreign_row *row)
{
    const char *before = "";

    if (!is_priced(&row->now, row->no_output) || row->context > TOKENS_MAX ||
        row->max_output > TOKENS_MAX)
        return false;
    for (int i = 0; i < row->nfuture; i++) {
        const char *from = row->future[i].from;

        if (strlen(from) != 10 || clock_parse_iso(from) < 0 || strcmp(from, before) <= 0 ||
            !is_priced(&row->future[i], row->no_output))
            return false;
        before = from;
    }
    return true;
}

/* Writes what is new in a row whose name, or one of whose other names, is the known row old's. */
static int compare(struct import *im, const struct foreign_row *row, const struct price_row *old,
                   bool by_id, struct err *e)
{
    const char *cheaper = much_cheaper(old, row);
    const bool same = is_same(old, row);

    if (same && by_id) {
        im->report->same++;
        return 0;
    }
    if (cheaper && !im->in->skip_cheaper)
        return err_set(e, ERR_INVALID, "model \"%s\" of %s: \"%s\" is 10 times cheaper than known",
                       row->id, row->provider, cheaper);
    if (cheaper)
        im->report->cheaper++;
    else if (!claim(&im->names, row->provider, row->id))
        im->report->skipped++;
    else if (same)
        write_alias(im, row, old->id);
    else
        write_row(im, row, old);
    return 0;
}

static int take_row(void *ctx, const struct foreign_row *found, struct err *e)
{
    struct import *im = ctx;
    struct foreign_row row = *found;
    pico_t *output = &row.now.plan[TIER_STANDARD].of[TOK_OUTPUT];
    const struct price_row *own = known_as(im, row.provider, row.id), *old = own;

    for (int i = 0; i < row.naliases && !old; i++)
        old = known_as(im, row.provider, row.aliases[i]);
    if (!is_usable(&row)) {
        im->report->skipped++;
        return 0;
    }
    if (row.no_output)
        *output = old ? old->schedules->plan[TIER_STANDARD].of[TOK_OUTPUT] : 0;
    for (int i = 0; i < row.nfuture && row.no_output; i++)
        row.future[i].plan[TIER_STANDARD].of[TOK_OUTPUT] = *output;
    if (old)
        return compare(im, &row, old, own != NULL, e);
    if (claim(&im->names, row.provider, row.id))
        write_row(im, &row, NULL);
    else
        im->report->skipped++;
    return 0;
}

static int convert(struct import *im, const json_t *root, struct err *e)
{
    struct price_imported *r = im->report;

    if (json_is_array(root)) {
        r->format = "genai-prices";
        return price_genai_each(root, im->in->as_of, &r->read, &r->skipped, take_row, im, e);
    }
    r->format = "litellm";
    return price_litellm_each(root, &r->read, &r->skipped, take_row, im, e);
}

int price_import(struct span text, const struct price_import *in, struct buf *out,
                 struct price_imported *report, struct err *e)
{
    struct price_imported counted = {.format = NULL};
    struct import im = {.in = in, .report = &counted, .out = out};
    json_error_t je;
    json_t *root;
    int r;

    if (strlen(in->as_of) != 10 || clock_parse_iso(in->as_of) < 0)
        return err_set(e, ERR_INVALID, "\"%.20s\" is not a date", in->as_of);
    root = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &je);
    if (!root)
        return err_set(e, ERR_INVALID, "line %d: %s", je.line, je.text);
    buf_str(out, "{\n  \"comment\": \"Imported; rows that are new or cost something else.\",\n"
                 "  \"models\": [\n");
    r = convert(&im, root, e);
    buf_str(out, "\n  ]\n}\n");
    if (r == 0 && (counted.read == counted.skipped))
        r = err_set(e, ERR_INVALID,
                    "no model with a price: neither LiteLLM's list nor genai-prices'");
    if (r == 0 && out->failed)
        r = err_set(e, ERR_MEMORY, "no memory for the imported table");
    if (r == 0)
        *report = counted;
    for (size_t i = 0; i < im.names.n; i++)
        free(im.names.at[i]);
    free(im.names.at);
    json_decref(root);
    return r;
}
