/* SPDX-License-Identifier: MIT */
#include <jansson.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "meter/family.h"
#include "proxy/options.h"
#include "wire/forecast.h"

enum { API, STRICT, JSONL };

const struct flag estimate_flags[] = {
    [API] = {"api", "NAME",
             "chat.completions, messages, responses, embeddings or completions; else told from "
             "the body."},
    [STRICT] = {"strict", NULL, "Hold the most that it can cost, as a strict budget does."},
    [JSONL] = {"jsonl", NULL, "Each input line is a request body; print one line for each."},
    {NULL, NULL, NULL},
};

static const char *const api_names[APIS] = {
    [API_CHAT] = "chat.completions", [API_RESPONSES] = "responses",     [API_MESSAGES] = "messages",
    [API_EMBEDDINGS] = "embeddings", [API_COMPLETIONS] = "completions",
};

struct estimating {
    struct vocabs *vocabs;
    struct tokenizer *tokenizer;
    struct price_table *prices;
    struct arena arena;
    int64_t default_max_tokens;
    int api; /* -1: told from each body */
    bool strict;
};

static int api_from_name(const char *name, int *out, struct err *e)
{
    for (int i = 0; i < APIS; i++) {
        if (strcmp(name, api_names[i]) == 0) {
            *out = i;
            return 0;
        }
    }
    return err_set(e, ERR_USAGE, "there is no API \"%.80s\"; tokencap estimate --help lists them",
                   name);
}

/* The daemon's option of that name, from the same variable. */
static int read_default_max_tokens(int64_t *out, struct err *e)
{
    const struct option_row *o = &option_rows[OPTION_default_max_tokens];
    const char *text = env_value(o->env);
    struct option_value v;

    if (option_parse(o, span_of(text ? text : o->dflt), &v, e) < 0)
        return err_prefix(e, "environment variable %s", o->env);
    *out = v.number;
    return 0;
}

static int begin(const struct invocation *in, struct estimating *t, struct err *e)
{
    *t = (struct estimating){.api = -1, .strict = given(in, STRICT)};
    if (given(in, API) && api_from_name(in->values[API], &t->api, e) < 0)
        return -1;
    if (read_default_max_tokens(&t->default_max_tokens, e) < 0 || open_prices(&t->prices, e) < 0)
        return -1;
    if (open_vocabs(&t->vocabs, e) < 0) {
        price_free(t->prices);
        return -1;
    }
    t->tokenizer = tokenizer_create(t->vocabs);
    if (!t->tokenizer) {
        vocabs_close(t->vocabs);
        price_free(t->prices);
        return err_set(e, ERR_MEMORY, "no memory");
    }
    arena_init(&t->arena, 512 << 20);
    return 0;
}

static void end(struct estimating *t)
{
    arena_finish(&t->arena);
    tokenizer_destroy(t->tokenizer);
    vocabs_close(t->vocabs);
    price_free(t->prices);
}

static const char *text_of(const json_t *root, const char *key)
{
    const char *text = json_string_value(json_object_get(root, key));

    return text ? text : "";
}

/* Which endpoint a body was made for: by the member that carries its input, then by its model. */
static enum api guess_api(const json_t *root)
{
    const char *model = text_of(root, "model");

    if (json_object_get(root, "messages"))
        return family_is_claude(family_of_model(span_of(model))) ? API_MESSAGES : API_CHAT;
    if (json_object_get(root, "prompt"))
        return API_COMPLETIONS;
    if (json_object_get(root, "input"))
        return strstr(model, "embed") ? API_EMBEDDINGS : API_RESPONSES;
    return API_CHAT;
}

static int choose_api(const struct estimating *t, struct span body, enum api *out, struct err *e)
{
    json_t *root;

    if (t->api >= 0) {
        *out = (enum api)t->api;
        return 0;
    }
    if (json_read(body, &JSON_LIMITS, &root, e) != JSON_OK)
        return -1;
    *out = guess_api(root);
    json_decref(root);
    return 0;
}

static int make_forecast(struct estimating *t, const struct request *q, struct forecast *f,
                         struct err *e)
{
    const char *provider = q->prompt.api == API_MESSAGES ? "anthropic" : "openai";
    int64_t now = clock_wall_ms();
    struct price price = price_find(t->prices, provider, q->model);

    *f = (struct forecast){.provider = provider, .model = q->model, .rule = price.rule};
    f->facts = price_facts(price, now);
    if (count_prompt(&q->prompt, tokenizer_counter(t->tokenizer), &f->count) < 0)
        return err_set(e, ERR_MEMORY, "no memory to count this request");
    if (forecast_predict(q, &f->count, price, NULL, t->default_max_tokens, now, &f->estimate, e) < 0)
        return -1;
    f->hold = t->strict ? f->estimate.maximum : f->estimate.cost;
    return 0;
}

/* The forecast of one body, appended as JSON. */
static int forecast_body(struct estimating *t, struct span body, struct buf *out, struct err *e)
{
    struct refusal r = {0};
    struct forecast f;
    struct request q;
    struct jsonw w;
    enum api api;
    int result;

    arena_reset(&t->arena);
    if (choose_api(t, body, &api, e) < 0)
        return -1;
    if (request_parse(api, body, &JSON_LIMITS, &t->arena, &q, &r) < 0)
        return err_set(e, ERR_INVALID, "%s", r.message);
    result = make_forecast(t, &q, &f, e);
    if (result == 0) {
        jsonw_init(&w, out);
        forecast_write(&w, &f);
    }
    request_forget(&q);
    return result;
}

static int estimate_file(struct estimating *t, const char *path, struct err *e)
{
    struct buf body, out;
    int r;

    buf_init(&body, 0);
    buf_init(&out, 0);
    r = input_read(path, &body, e);
    if (r == 0)
        r = forecast_body(t, buf_all(&body), &out, e);
    if (r == 0)
        puts(out.p);
    buf_finish(&body);
    buf_finish(&out);
    return r;
}

static int estimate_lines(struct estimating *t, const char *path, bool *any_bad, struct err *e)
{
    struct lines lines;
    struct span line;
    struct buf out;
    int r;

    if (lines_open(&lines, path, e) < 0)
        return -1;
    buf_init(&out, 0);
    while ((r = lines_next(&lines, &line, e)) > 0) {
        buf_clear(&out);
        if (forecast_body(t, line, &out, e) == 0) {
            puts(out.p);
            continue;
        }
        print_line_error(e->msg);
        *any_bad = true;
    }
    buf_finish(&out);
    lines_close(&lines);
    return r;
}

int cmd_estimate(const struct invocation *in, struct err *e)
{
    const char *path = in->noperands ? in->operands[0] : NULL;
    struct estimating t;
    bool any_bad = false;
    int r;

    if (begin(in, &t, e) < 0)
        return -1;
    r = given(in, JSONL) ? estimate_lines(&t, path, &any_bad, e) : estimate_file(&t, path, e);
    end(&t);
    return r < 0 ? -1 : any_bad;
}
