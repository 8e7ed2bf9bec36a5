/* SPDX-License-Identifier: MIT */
#include "meter/vocab_build.h"

/* Patterns that are one of ours go to the splitters made for them. */
static enum split_rule rule_of(struct span pattern)
{
    for (int rule = 0; rule < SPLIT_PATTERN; rule++)
        if (span_eq(pattern, span_of(split_pattern_of((enum split_rule)rule))))
            return (enum split_rule)rule;
    return SPLIT_PATTERN;
}

/* "a*, b" to a line each. */
static int model_lines(struct span models, struct buf *out, struct err *e)
{
    struct span glob;

    while (models.n) {
        span_cut(models, ',', &glob, &models);
        glob = span_trim(glob);
        for (size_t i = 0; i < glob.n; i++)
            if ((unsigned char)glob.p[i] <= ' ')
                return err_set(e, ERR_INVALID, "a model's name has no spaces in it");
        if (!glob.n)
            continue;
        buf_span(out, glob);
        buf_char(out, '\n');
    }
    if (!out->n)
        return err_set(e, ERR_INVALID, "no model is named that the vocabulary is for");
    return out->failed ? err_set(e, ERR_MEMORY, "no memory for a vocabulary") : 0;
}

static int check_pattern(struct span pattern, struct err *e)
{
    struct split_pcre *s;

    if (!pattern.n)
        return err_set(e, ERR_INVALID, "the pattern is empty");
    if (split_pcre_create(pattern, &s, e) < 0)
        return -1;
    split_pcre_destroy(s);
    return 0;
}

int vocab_import(struct span ranks, struct span pattern, struct span models, struct buf *image,
                 struct err *e)
{
    struct vocab_use use = {.rule = rule_of(pattern), .pattern = pattern};
    struct vocab_source source;
    struct buf lines;
    int status;

    buf_init(&lines, 0);
    status = check_pattern(pattern, e);
    if (status == 0)
        status = model_lines(models, &lines, e);
    if (status == 0)
        status = vocab_source_ranks(ranks, &source, e);
    if (status == 0) {
        use.models = buf_all(&lines);
        status = vocab_build(&source, &use, image, e);
        vocab_source_finish(&source);
    }
    buf_finish(&lines);
    return status;
}
