/* SPDX-License-Identifier: MIT */
#include "meter/vocabs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "meter/split.h"

static const char *const files[IMAGES] = {
    [IMAGE_O200K] = "o200k_base.vocab",
    [IMAGE_CL100K] = "cl100k_base.vocab",
    [IMAGE_P50K] = "p50k_base.vocab",
    [IMAGE_R50K] = "r50k_base.vocab",
};

#define SUFFIX ".vocab"

int vocabs_open(const char *dir, struct vocabs **out, struct err *e)
{
    struct vocabs *v = calloc(1, sizeof *v);
    char path[4096];

    if (!v)
        return err_set(e, ERR_MEMORY, "no memory for the vocabularies");
    for (v->n = 0; v->n < IMAGES; v->n++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[v->n]);
        if (vocab_open(path, &v->image[v->n], e) < 0) {
            vocabs_close(v);
            return -1;
        }
    }
    *out = v;
    return 0;
}

void vocabs_close(struct vocabs *v)
{
    if (!v)
        return;
    for (unsigned i = 0; i < v->n; i++) {
        vocab_close(&v->image[i]);
        free(v->name[i]);
    }
    free(v);
}

/* Users' files come from elsewhere: all of one is looked at before it is used. */
static int check(const struct vocab *v, const char *path, struct err *e)
{
    struct split_pcre *s;

    if (!vocab_intact(v))
        return err_set(e, ERR_CORRUPT, "%s: damaged: its checksum is wrong; import it again", path);
    if (v->h->rule != SPLIT_PATTERN)
        return 0;
    if (split_pcre_create(vocab_section(v, VOCAB_PATTERN), &s, e) < 0)
        return err_prefix(e, "%s", path);
    split_pcre_destroy(s);
    return 0;
}

int vocabs_add(struct vocabs *v, const char *path, struct err *e)
{
    const char *base = strrchr(path, '/');
    struct span name = span_of(base ? base + 1 : path);
    struct vocab image;
    char *copy;

    if (v->n == VOCABS_MAX)
        return err_set(e, ERR_LIMIT, "%s: there are %d vocabularies already, the most there can be",
                       path, VOCABS_MAX - IMAGES);
    if (vocab_open(path, &image, e) < 0)
        return -1;
    if (check(&image, path, e) < 0) {
        vocab_close(&image);
        return -1;
    }
    if (span_ends(name, SPAN(SUFFIX)))
        name.n -= sizeof SUFFIX - 1;
    copy = strndup(name.p, name.n);
    if (!copy) {
        vocab_close(&image);
        return err_set(e, ERR_MEMORY, "no memory for the vocabularies");
    }
    v->image[v->n] = image;
    v->name[v->n++] = copy;
    return 0;
}

static int is_vocab(const struct dirent *d)
{
    return *d->d_name != '.' && span_ends(span_of(d->d_name), SPAN(SUFFIX));
}

int vocabs_add_folder(struct vocabs *v, const char *dir, struct err *e)
{
    struct dirent **list;
    int n = scandir(dir, &list, is_vocab, alphasort), status = 0;
    char path[4096];

    if (n < 0)
        return errno == ENOENT ? 0 : err_set(e, ERR_IO, "%s: %s", dir, strerror(errno));
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, list[i]->d_name);
        if (status == 0)
            status = vocabs_add(v, path, e);
        free(list[i]);
    }
    free(list);
    return status;
}

unsigned vocabs_count(const struct vocabs *v)
{
    return ENCODINGS + v->n - IMAGES;
}

const char *vocabs_encoding_name(const struct vocabs *v, enum encoding enc)
{
    return enc < ENCODINGS ? encoding_name(enc) : v->name[vocabs_image(enc)];
}

struct span vocabs_models(const struct vocabs *v, enum encoding enc)
{
    return enc < ENCODINGS ? SPAN("") : vocab_section(&v->image[vocabs_image(enc)], VOCAB_MODELS);
}

bool vocabs_encoding_from_name(const struct vocabs *v, struct span name, enum encoding *out)
{
    for (unsigned enc = ENCODINGS; enc < vocabs_count(v); enc++)
        if (span_eq(name, span_of(vocabs_encoding_name(v, (enum encoding)enc)))) {
            *out = (enum encoding)enc;
            return true;
        }
    return encoding_from_name(name, out);
}

/* Whether a glob of * and ? is all of name. On a mismatch the last * takes one character more. */
static bool glob_fits(struct span glob, struct span name)
{
    size_t g = 0, n = 0, star = SIZE_MAX, from = 0;

    while (n < name.n) {
        if (g < glob.n && glob.p[g] == '*') {
            star = g++;
            from = n;
        } else if (g < glob.n && (glob.p[g] == '?' || glob.p[g] == name.p[n])) {
            g++;
            n++;
        } else if (star != SIZE_MAX) {
            g = star + 1;
            n = ++from;
        } else {
            return false;
        }
    }
    while (g < glob.n && glob.p[g] == '*')
        g++;
    return g == glob.n;
}

enum encoding vocabs_encoding_of_model(const struct vocabs *v, struct span model, bool *known)
{
    for (unsigned enc = ENCODINGS; v && enc < vocabs_count(v); enc++) {
        struct span globs = vocabs_models(v, (enum encoding)enc), glob;
        while (globs.n) {
            span_cut(globs, '\n', &glob, &globs);
            if (!glob.n || !glob_fits(glob, model))
                continue;
            *known = true;
            return (enum encoding)enc;
        }
    }
    return encoding_of_model(model, known);
}
