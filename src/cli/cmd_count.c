/* SPDX-License-Identifier: MIT */
#include <jansson.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "meter/count.h"
#include "meter/family.h"

enum { ENCODING, MODEL, IDS, JSONL };

const struct flag count_flags[] = {
    [ENCODING] = {"encoding", "NAME",
                  "o200k_base (the default), o200k_harmony, cl100k_base, p50k_base, r50k_base, or the name of an imported vocabulary."},
    [MODEL] = {"model", "ID", "Count as this model does."},
    [IDS] = {"ids", NULL, "Print the token ids instead of their number."},
    [JSONL] = {"jsonl", NULL, "Each input line is {\"text\":\"...\"}; print one line for each."},
    {NULL, NULL, NULL},
};

struct counting {
    struct vocabs *vocabs;
    struct tokenizer *tokenizer;
    enum encoding encoding;
    struct span
        model; /* of a family without a vocabulary of its own, whose text is counted by ratio */
    bool ids;
};

static int choose_encoding(const struct invocation *in, struct counting *c, struct err *e)
{
    const char *name = in->values[ENCODING];
    bool known = true;

    c->encoding = ENC_O200K;
    if (name && given(in, MODEL))
        return err_set(e, ERR_USAGE, "--encoding and --model exclude each other");
    if (name && !vocabs_encoding_from_name(c->vocabs, span_of(name), &c->encoding))
        return err_set(e, ERR_USAGE,
                       "there is no encoding \"%.80s\"; tokencap count --help lists them", name);
    if (!given(in, MODEL))
        return 0;
    c->encoding = vocabs_encoding_of_model(c->vocabs, span_of(in->values[MODEL]), &known);
    if (c->encoding < ENCODINGS && family_is_claude(family_of_model(span_of(in->values[MODEL])))) {
        c->model = span_of(in->values[MODEL]);
        if (c->ids)
            return err_set(e, ERR_USAGE, "the token ids of Claude models are not public");
        return 0;
    }
    if (!known)
        fprintf(stderr, "tokencap: no encoding is known for %s; counted as %s\n", in->values[MODEL],
                vocabs_encoding_name(c->vocabs, c->encoding));
    return 0;
}

static int begin(const struct invocation *in, struct counting *c, struct err *e)
{
    *c = (struct counting){.ids = given(in, IDS)};
    if (open_vocabs(&c->vocabs, e) < 0)
        return -1;
    if (choose_encoding(in, c, e) == 0) {
        c->tokenizer = tokenizer_create(c->vocabs);
        if (c->tokenizer)
            return 0;
        err_set(e, ERR_MEMORY, "no memory");
    }
    vocabs_close(c->vocabs);
    return -1;
}

static void end(struct counting *c)
{
    tokenizer_destroy(c->tokenizer);
    vocabs_close(c->vocabs);
}

/* A text as the only part of a message, of which the text alone is wanted. */
static int64_t count_by_ratio(struct counting *c, struct span text)
{
    struct part part = {.kind = PART_TEXT, .text = text};
    struct message message = {.role = SPAN("user"), .parts = &part, .nparts = 1};
    struct prompt prompt = {
        .api = API_MESSAGES, .model = c->model, .messages = &message, .nmessages = 1};
    struct count count;

    return count_prompt(&prompt, tokenizer_counter(c->tokenizer), &count) < 0 ? -1 : count.text;
}

static int print_ids(struct counting *c, struct span text, struct err *e)
{
    size_t max = 3 * text.n + 1; /* a byte is a token at worst, a bad one three */
    uint32_t *ids = malloc(max * sizeof *ids);
    int64_t n = ids ? tokenizer_encode(c->tokenizer, c->encoding, text, ids, max) : -1;

    for (int64_t i = 0; i < n; i++)
        printf("%s%u", i ? " " : "", ids[i]);
    if (n >= 0)
        putchar('\n');
    free(ids);
    return n < 0 ? err_set(e, ERR_MEMORY, "no memory to count %zu bytes", text.n) : 0;
}

static int print_count(struct counting *c, struct span text, struct err *e)
{
    int64_t n;

    if (c->ids)
        return print_ids(c, text, e);
    n = c->model.n ? count_by_ratio(c, text) : tokenizer_count(c->tokenizer, c->encoding, text);
    if (n < 0)
        return err_set(e, ERR_MEMORY, "no memory to count %zu bytes", text.n);
    printf("%lld\n", (long long)n);
    return 0;
}

static int count_file(struct counting *c, const char *path, struct err *e)
{
    struct buf text;
    int r;

    buf_init(&text, 0);
    r = input_read(path, &text, e);
    if (r == 0)
        r = print_count(c, buf_all(&text), e);
    buf_finish(&text);
    return r;
}

/* One line's text; *root owns it. */
static int read_text(struct span line, struct buf *mended, json_t **root, struct span *text,
                     struct err *e)
{
    json_error_t bad;
    json_t *member;

    buf_clear(mended);
    mend_json(line, mended);
    if (mended->failed)
        return err_set(e, ERR_MEMORY, "no memory");
    *root = json_loadb(mended->n ? mended->p : "", mended->n,
                       JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &bad);
    if (!*root)
        return err_set(e, ERR_INVALID, "not JSON: %s (at byte %d)", bad.text, bad.position);
    member = json_object_get(*root, "text");
    if (!json_is_string(member))
        return err_set(e, ERR_INVALID,
                       json_is_object(*root) ? "there is no \"text\" that is a string"
                                             : "not an object");
    *text = (struct span){json_string_value(member), json_string_length(member)};
    return 0;
}

static int count_lines(struct counting *c, const char *path, bool *any_bad, struct err *e)
{
    struct lines lines;
    struct span line, text;
    struct buf mended;
    int r;

    if (lines_open(&lines, path, e) < 0)
        return -1;
    buf_init(&mended, 0);
    while ((r = lines_next(&lines, &line, e)) > 0) {
        json_t *root = NULL;

        if (read_text(line, &mended, &root, &text, e) < 0) {
            print_line_error(e->msg);
            *any_bad = true;
        } else if (print_count(c, text, e) < 0) {
            r = -1;
        }
        json_decref(root);
        if (r < 0)
            break;
    }
    buf_finish(&mended);
    lines_close(&lines);
    return r;
}

int cmd_count(const struct invocation *in, struct err *e)
{
    static char *from_stdin[] = {NULL};
    char **paths = in->noperands ? in->operands : from_stdin;
    int npaths = in->noperands ? in->noperands : 1, r = 0;
    bool any_bad = false;
    struct counting c;

    if (begin(in, &c, e) < 0)
        return -1;
    for (int i = 0; i < npaths && r == 0; i++)
        r = given(in, JSONL) ? count_lines(&c, paths[i], &any_bad, e) : count_file(&c, paths[i], e);
    end(&c);
    return r < 0 ? -1 : any_bad;
}
