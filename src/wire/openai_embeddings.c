/* SPDX-License-Identifier: MIT */
#include "parse.h"

/* Embeddings and the legacy completions: their input is a text, tokens, or a list of either. */

static const char *const known_embeddings[] = {
    "dimensions", "encoding_format", "input", "model", "stream", "user", NULL};

static const char *const known_completions[] = {"best_of",
                                                "echo",
                                                "frequency_penalty",
                                                "logit_bias",
                                                "logprobs",
                                                "max_tokens",
                                                "model",
                                                "n",
                                                "presence_penalty",
                                                "prompt",
                                                "seed",
                                                "stop",
                                                "stream",
                                                "stream_options",
                                                "suffix",
                                                "temperature",
                                                "top_p",
                                                "user",
                                                NULL};

/* How many integers a list starts with. */
static size_t leading_ints(const json_t *list)
{
    size_t n = 0;

    while (n < json_array_size(list) && json_is_integer(json_array_get(list, n)))
        n++;
    return n;
}

static int add_tokens(struct parse *p, struct message *m, const json_t *list, const char *key)
{
    struct part *part;

    if (leading_ints(list) != json_array_size(list))
        return refuse(p->r, REFUSE_BAD_VALUE, key, "\"%s\" mixes token ids with something else",
                      key);
    part = parse_add_part(p, m, PART_TOKENS, (struct span){NULL, 0});
    if (!part)
        return -1;
    part->ntokens = (int64_t)json_array_size(list);
    return 0;
}

static int add_input(struct parse *p, struct message *m, const json_t *input, const char *key)
{
    if (json_is_string(input))
        return parse_add_part(p, m, PART_TEXT, json_span(input)) ? 0 : -1;
    if (json_is_array(input))
        return add_tokens(p, m, input, key);
    parse_mark_unbounded(p); /* such as another provider's image to embed */
    return parse_unknown(p, m, input);
}

/* All inputs become the parts of one message: each is counted by itself, without any frame. */
static int parse_inputs(struct parse *p, const json_t *input, const char *key)
{
    struct message *m = parse_add_message(p, SPAN("user"));
    const json_t *one;
    size_t i;

    if (!m)
        return -1;
    if (json_is_string(input) || leading_ints(input) > 0)
        return add_input(p, m, input, key);
    if (!json_is_array(input))
        return refuse(p->r, REFUSE_BAD_VALUE, key, "\"%s\" must be a string or a list", key);
    json_array_foreach(input, i, one) if (add_input(p, m, one, key)) return -1;
    return 0;
}

static int parse_embeddings(struct parse *p)
{
    const json_t *input = json_object_get(p->q->root, "input");

    p->q->generates = false;
    if (!input)
        return refuse(p->r, REFUSE_BAD_VALUE, "input", "\"input\" is missing; send what to embed");
    return parse_inputs(p, input, "input");
}

/* The upstream's own defaults: 16 tokens, and a prompt of one token. */
static int parse_completions(struct parse *p)
{
    const json_t *prompt = json_object_get(p->q->root, "prompt");
    json_t *start = NULL;
    int64_t best_of = 1;
    int failed;

    p->q->output_limit = 16;
    p->q->limit_key = "max_tokens";
    if (!prompt || json_is_null(prompt))
        prompt = start = json_pack("[i]", 0);
    failed = parse_inputs(p, prompt, "prompt") || parse_limit(p, "max_tokens") ||
             parse_int(p, "n", 1, 128, &p->q->n) || parse_int(p, "best_of", 1, 128, &best_of) ||
             parse_stream_options(p);
    json_decref(start);
    if (failed)
        return -1;
    if (best_of > p->q->n)
        p->q->n = best_of; /* so many are generated and billed, n of them are returned */
    if (p->q->prompt.messages[0].nparts > 1)
        p->q->n *= p->q->prompt.messages[0].nparts;
    if (json_is_string(json_object_get(p->q->root, "suffix")) &&
        !parse_add_part(p, &p->q->prompt.messages[0], PART_TEXT, json_member(p->q->root, "suffix")))
        return -1;
    return 0;
}

const struct endpoint endpoint_embeddings = {parse_embeddings, known_embeddings};
const struct endpoint endpoint_completions = {parse_completions, known_completions};
