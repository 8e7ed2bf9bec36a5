/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "meter/tokenizer.h"
#include "meter/vocab_build.h"

/* ---- tokencap vocab import ---- */

enum { PATTERN, MODELS, NAME, OUTPUT };

const struct flag vocab_import_flags[] = {
    [PATTERN] =
        {"pattern", "P",
         "The regular expression that splits text before merging, as the model's makers give "
         "it; @FILE reads it from a file; o200k_base, cl100k_base and r50k_base stand for "
         "the patterns of these."},
    [MODELS] = {"models", "GLOBS",
                "The models it is for: names with * and ?, commas between them."},
    [NAME] = {"name", "NAME", "What to call the encoding; the file's own name when absent."},
    [OUTPUT] = {"output", "FILE", "Where to write; else into the folder that the daemon reads."},
    {NULL, NULL, NULL},
};

static int read_pattern(const char *given, struct buf *out, struct err *e)
{
    enum encoding enc;

    if (*given == '@') {
        if (input_read(given + 1, out, e) < 0)
            return -1;
        while (out->n && (out->p[out->n - 1] == '\n' || out->p[out->n - 1] == '\r'))
            out->n--;
        return 0;
    }
    if (encoding_from_name(span_of(given), &enc))
        buf_str(out, split_pattern_of(enc == ENC_CL100K                    ? SPLIT_CL100K
                                      : enc == ENC_P50K || enc == ENC_R50K ? SPLIT_R50K
                                                                           : SPLIT_O200K));
    else
        buf_str(out, given);
    return 0;
}

/* The name that was given, or that of the rank file without folder and ending. */
static struct span name_of(const struct invocation *in)
{
    const char *path = in->operands[0], *slash = strrchr(path, '/'), *dot;
    struct span name = span_of(in->values[NAME] ? in->values[NAME] : slash ? slash + 1 : path);

    dot = in->values[NAME] ? NULL : memrchr(name.p, '.', name.n);
    if (dot && dot > name.p)
        name.n = (size_t)(dot - name.p);
    return name;
}

/* It becomes a file's name and an encoding's. */
static int check_name(struct span name, struct err *e)
{
    enum encoding enc;
    bool good = name.n > 0 && name.n <= 100 && *name.p != '.';

    for (size_t i = 0; i < name.n; i++)
        good = good && ((unsigned char)name.p[i] > ' ' && name.p[i] != '/' && name.p[i] != 0x7f);
    if (!good || encoding_from_name(name, &enc))
        return err_set(e, ERR_USAGE,
                       "an imported vocabulary cannot be called \"%.*s\"; give --name",
                       SPAN_FMT(name));
    return 0;
}

static int make_folders(char *path, struct err *e)
{
    for (char *p = path + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            return err_set(e, ERR_IO, "%s cannot be made: %s", path, strerror(errno));
        *p = '/';
    }
    return 0;
}

static int deliver(const struct invocation *in, struct span name, const struct buf *image,
                   struct err *e)
{
    char *path = NULL;
    int r = 0;

    if (in->values[OUTPUT])
        return write_whole(in->values[OUTPUT], buf_all(image), e);
    if (asprintf(&path, "%s/%.*s.vocab", own_vocab_dir(), SPAN_FMT(name)) < 0)
        return err_set(e, ERR_MEMORY, "no memory");
    r = make_folders(path, e);
    if (r == 0)
        r = write_whole(path, buf_all(image), e);
    if (r == 0)
        fprintf(stderr, "tokencap: wrote %s; a daemon takes it when it is started again\n", path);
    free(path);
    return r;
}

static int convert(const struct invocation *in, struct span ranks, struct buf *image, struct err *e)
{
    struct buf pattern;
    struct vocab v;
    int r;

    buf_init(&pattern, 0);
    r = read_pattern(in->values[PATTERN], &pattern, e);
    if (r == 0)
        r = vocab_import(ranks, buf_all(&pattern), span_of(in->values[MODELS]), image, e);
    if (r == 0)
        r = vocab_of_image(image->p, image->n, "the image", &v, e);
    if (r == 0)
        fprintf(stderr, "tokencap: %u tokens, the longest of %u bytes\n", v.h->ntokens,
                v.h->longest);
    buf_finish(&pattern);
    return r;
}

int cmd_vocab_import(const struct invocation *in, struct err *e)
{
    struct span name = name_of(in);
    struct buf ranks, image;
    int r;

    if (!in->values[PATTERN] || !in->values[MODELS])
        return err_set(e, ERR_USAGE, "--pattern and --models are needed");
    if (!in->values[OUTPUT] && check_name(name, e) < 0)
        return -1;
    buf_init(&ranks, 0);
    buf_init(&image, 0);
    r = input_read(in->operands[0], &ranks, e);
    if (r == 0)
        r = convert(in, buf_all(&ranks), &image, e);
    if (r == 0)
        r = deliver(in, name, &image, e);
    buf_finish(&ranks);
    buf_finish(&image);
    return r;
}

/* ---- tokencap vocab list ---- */

enum { JSON };

const struct flag vocab_list_flags[] = {
    [JSON] = {"json", NULL, "Print JSON."},
    {NULL, NULL, NULL},
};

int cmd_vocab_list(const struct invocation *in, struct err *e)
{
    static const struct column columns[] = {{"ENCODING", "encoding", COLUMN_TEXT},
                                            {"MODELS", "models", COLUMN_TEXT}};
    struct vocabs *v;
    struct table t;
    int r;

    if (open_vocabs(&v, e) < 0)
        return -1;
    table_init(&t, columns, 2);
    for (unsigned enc = 0; enc < vocabs_count(v); enc++) {
        struct span globs = vocabs_models(v, (enum encoding)enc), glob;
        struct buf models;

        buf_init(&models, 0);
        while (globs.n) {
            span_cut(globs, '\n', &glob, &globs);
            if (glob.n)
                buf_printf(&models, "%s%.*s", models.n ? ", " : "", SPAN_FMT(glob));
        }
        table_add(&t, span_of(vocabs_encoding_name(v, (enum encoding)enc)));
        table_add(&t, models.n ? buf_all(&models) : SPAN(""));
        buf_finish(&models);
    }
    r = finish_table(&t, in, JSON, e);
    vocabs_close(v);
    return r;
}
