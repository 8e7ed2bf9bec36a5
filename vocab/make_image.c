/* SPDX-License-Identifier: MIT */
/* make_image RULE NAME.merges NAME.vocab: the build's own tool that makes a vocabulary image. */
#include <stdio.h>

#include "meter/vocab_build.h"

static int read_file(const char *path, struct buf *out, struct err *e)
{
    FILE *f = fopen(path, "rb");
    char block[65536];
    size_t n;

    if (!f)
        return err_set(e, ERR_IO, "%s: cannot be opened", path);
    while ((n = fread(block, 1, sizeof block, f)) > 0)
        buf_add(out, block, n);
    if (ferror(f) | fclose(f) || out->failed)
        return err_set(e, ERR_IO, "%s: cannot be read", path);
    return 0;
}

/* Beside it at first: a program may have the old image mapped. */
static int write_file(const char *path, const struct buf *data, struct err *e)
{
    char beside[4096];
    FILE *f;

    snprintf(beside, sizeof beside, "%s.new", path);
    f = fopen(beside, "wb");
    if (!f)
        return err_set(e, ERR_IO, "%s: cannot be made", beside);
    if ((fwrite(data->p, 1, data->n, f) != data->n) | (fclose(f) != 0) | (rename(beside, path) != 0))
        return err_set(e, ERR_IO, "%s: cannot be written", path);
    return 0;
}

static int run(const char *rule, const char *from, const char *to, struct err *e)
{
    static const char *const rules[] = {"o200k", "cl100k", "r50k"};
    struct vocab_use use = {.rule = SPLIT_PATTERN};
    struct vocab_source source = {0};
    struct buf file, image;
    int status;

    for (unsigned i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strcmp(rule, rules[i]) == 0)
            use.rule = (enum split_rule)i;
    if (use.rule == SPLIT_PATTERN)
        return err_set(e, ERR_INVALID, "no such rule: %s", rule);
    buf_init(&file, 0);
    buf_init(&image, 0);
    status = read_file(from, &file, e);
    if (status == 0)
        status = vocab_source_merges(buf_all(&file), &source, e);
    if (status == 0)
        status = vocab_build(&source, &use, &image, e);
    if (status == 0)
        status = write_file(to, &image, e);
    vocab_source_finish(&source);
    buf_finish(&file);
    buf_finish(&image);
    return status;
}

int main(int argc, char **argv)
{
    struct err e;

    if (argc != 4) {
        fprintf(stderr, "usage: %s RULE NAME.merges NAME.vocab\n", argv[0]);
        return 64;
    }
    if (run(argv[1], argv[2], argv[3], &e) < 0) {
        fprintf(stderr, "%s: %s: %s\n", argv[0], argv[2], e.msg);
        return 1;
    }
    return 0;
}
