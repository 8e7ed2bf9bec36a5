/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "meter/count.h"
#include "wire/request.h"

/*
 * Counts recorded requests and compares with what was billed: prints how good that is as Markdown,
 * and with -v each request on standard error. Ends 1 when a goal is missed.
 *
 *   counts [-v] VOCABULARIES openai|anthropic RECORDINGS
 */

/* Recordings from before 2025-04-01 carry a hidden prefix that OpenAI has since dropped. */
#define PREFIX_DROPPED 1743465600

enum kind { TEXT, THINKING, TOOLS, HISTORY, SCHEMA, MEDIA, HIDDEN, KINDS };

static const char *const kind_names[] = {
    [TEXT] = "text",
    [THINKING] = "text, with thoughts or a budget to think in",
    [TOOLS] = "tools",
    [HISTORY] = "tools, calls and results",
    [SCHEMA] = "output schema",
    [MEDIA] = "images by URL, files",
    [HIDDEN] = "the provider's own tools, its store, betas",
};

struct score {
    int rows, equal;
    int exact, exact_equal; /* of those that the method calls exact */
    int above;              /* billed above the bound */
    double error;           /* summed, relative */
};

static void stop(const char *what)
{
    fprintf(stderr, "counts: %s\n", what);
    exit(2);
}

static enum api api_of(const json_t *row)
{
    const char *api = json_string_value(json_object_get(row, "api"));

    if (!api)
        return API_MESSAGES;
    return strcmp(api, "responses") == 0 ? API_RESPONSES : API_CHAT;
}

static int64_t billed(const json_t *row)
{
    static const char *const kinds[] = {"input_tokens", "cache_creation_input_tokens",
                                        "cache_read_input_tokens"};
    const json_t *usage = json_object_get(row, "usage");
    int64_t sum = 0;

    if (!usage)
        return json_integer_value(json_object_get(row, "input_tokens"));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        sum += json_integer_value(json_object_get(usage, kinds[i]));
    return sum;
}

static bool has_part(const struct prompt *p, enum part_kind kind)
{
    for (int i = 0; i < p->nmessages; i++)
        for (int k = 0; k < p->messages[i].nparts; k++)
            if (p->messages[i].parts[k].kind == kind)
                return true;
    return false;
}

/* Anthropic requests with MCP servers were recorded without the servers. */
static bool is_incomplete(const json_t *row)
{
    const char *source = json_string_value(json_object_get(row, "source"));

    return source && json_object_get(row, "usage") && strstr(source, "mcp");
}

static enum kind kind_of(const struct request *q, bool incomplete)
{
    const struct prompt *p = &q->prompt;

    if (incomplete)
        return HIDDEN;

    if (p->media)
        return MEDIA;
    if (q->unbounded || p->opaque)
        return HIDDEN;
    if (has_part(p, PART_TOOL_CALL) || has_part(p, PART_TOOL_RESULT))
        return HISTORY;
    if (p->schema.n)
        return SCHEMA;
    if (p->ntools)
        return TOOLS;
    return p->thinking || has_part(p, PART_THINKING) ? THINKING : TEXT;
}

static void add(struct score *s, const struct count *c, int64_t actual, bool bounded)
{
    s->rows++;
    s->equal += c->tokens == actual;
    s->exact += c->method == COUNT_EXACT;
    s->exact_equal += c->method == COUNT_EXACT && c->tokens == actual;
    s->above += bounded && actual > c->bound;
    s->error += (double)llabs(c->tokens - actual) / (double)actual;
}

static void replay(json_t *row, int number, struct tokenizer *t, struct score *scores, bool verbose)
{
    struct json_limits limits = JSON_LIMITS;
    json_t *body = json_object_get(row, "request");
    int64_t actual = billed(row);
    struct arena a;
    struct request q;
    struct refusal r;
    struct count c;
    enum kind kind;
    char *text;

    json_object_set(body, "model", json_object_get(row, "model"));
    text = json_dumps(body, JSON_COMPACT);
    arena_init(&a, 64u << 20);
    if (!text || request_parse(api_of(row), span_of(text), &limits, &a, &q, &r) ||
        count_prompt(&q.prompt, tokenizer_counter(t), &c))
        stop("a recorded request cannot be counted");
    kind = kind_of(&q, is_incomplete(row));
    add(&scores[kind], &c, actual, !q.unbounded && !is_incomplete(row));
    if (verbose)
        fprintf(stderr,
                "%d%s %.*s: %" PRId64 " counted, %" PRId64 " billed (%+" PRId64
                "), %s, at most %" PRId64 ", %s\n",
                number, q.unbounded ? " unbounded" : "", SPAN_FMT(q.model), c.tokens, actual,
                c.tokens - actual, count_method_name(c.method), c.bound, kind_names[kind]);
    request_forget(&q);
    arena_finish(&a);
    free(text);
}

static int replay_all(FILE *f, struct tokenizer *t, struct score *scores, bool verbose)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    int number = 0, left_out = 0;

    while ((n = getline(&line, &room, f)) > 0) {
        json_t *row = json_loadb(line, (size_t)n, 0, NULL);
        const json_t *created = json_object_get(row, "created");
        if (!row)
            stop("a line of the recordings is not JSON");
        if (created && json_integer_value(created) < PREFIX_DROPPED)
            left_out++;
        else
            replay(row, number, t, scores, verbose);
        number++;
        json_decref(row);
    }
    free(line);
    return left_out;
}

static struct score sum_of(const struct score *scores, int first, int end)
{
    struct score all = {0};

    for (int i = first; i < end; i++) {
        all.rows += scores[i].rows;
        all.equal += scores[i].equal;
        all.exact += scores[i].exact;
        all.exact_equal += scores[i].exact_equal;
        all.above += scores[i].above;
        all.error += scores[i].error;
    }
    return all;
}

static void print_row(const char *name, const struct score *s)
{
    if (s->rows)
        printf("| %s | %d | %d | %d of %d | %.2f %% | %d |\n", name, s->rows, s->equal,
               s->exact_equal, s->exact, 100 * s->error / s->rows, s->above);
}

/* Whether a goal is reached, and a sentence for it. */
static bool goal(bool reached, const char *what)
{
    printf("- %s: %s\n", what, reached ? "reached" : "**missed**");
    return reached;
}

static bool judge_openai(const struct score *all)
{
    bool good =
        goal(all->equal * 100 >= all->rows * 85, "at least 85 % of the requests exactly equal");

    good &= goal(all->exact_equal == all->exact, "every count that calls itself exact is equal");
    good &= goal(all->above == 0, "nothing that has a bound was billed above it");
    return goal(all->error <= 0.02 * all->rows, "mean absolute error at most 2 %") && good;
}

static bool judge_anthropic(const struct score *scores)
{
    struct score text = sum_of(scores, TEXT, THINKING + 1), all = sum_of(scores, TEXT, KINDS);
    bool good = goal(text.error <= 0.08 * text.rows, "mean absolute error of texts at most 8 %");

    return goal(all.above == 0, "nothing that has a bound was billed above it") && good;
}

int main(int argc, char **argv)
{
    bool verbose = argc == 5 && strcmp(argv[1], "-v") == 0, openai, good;
    struct score scores[KINDS] = {0}, all;
    char **args = argv + verbose;
    struct vocabs *vocabs;
    struct tokenizer *t;
    struct err e;
    FILE *f;
    int left_out;

    if (argc - verbose != 4)
        stop("usage: counts [-v] VOCABULARIES openai|anthropic RECORDINGS");
    openai = strcmp(args[2], "openai") == 0;
    f = fopen(args[3], "r");
    if (!f || vocabs_open(args[1], &vocabs, &e))
        stop(f ? e.msg : "cannot read the recordings");
    t = tokenizer_create(vocabs);
    left_out = replay_all(f, t, scores, verbose);
    fclose(f);
    printf(
        "| %s | requests | equal | equal of those called exact | mean absolute error | above the "
        "bound |\n|-|-|-|-|-|-|\n",
        openai ? "OpenAI" : "Anthropic");
    for (int i = 0; i < KINDS; i++)
        print_row(kind_names[i], &scores[i]);
    all = sum_of(scores, TEXT, openai ? KINDS : MEDIA);
    print_row(openai ? "all" : "all that can be counted", &all);
    printf("\n");
    if (left_out)
        printf("Left out: %d from before April 2025. ", left_out);
    printf("Goals:\n\n");
    good = openai ? judge_openai(&all) : judge_anthropic(scores);
    tokenizer_destroy(t);
    vocabs_close(vocabs);
    return !good;
}
