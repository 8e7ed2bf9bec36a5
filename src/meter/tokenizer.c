/* SPDX-License-Identifier: MIT */
#include "meter/tokenizer.h"

#include <stdlib.h>

#include "meter/text.h"
#include "tokenizing.h"

#define KEEP_TEXT 1048576 /* bytes of cleaned text that a thread keeps */

/* Memory from calloc() costs nothing until it is used, which most of a cache is not for long. */
static bool create_cache(struct tokenizer *t)
{
    const size_t align = _Alignof(struct piece_cache);
    char *p = t->cache_memory = calloc(1, sizeof *t->cache + align - 1);

    if (p)
        t->cache = (struct piece_cache *)(p + (-(uintptr_t)p & (align - 1)));
    return p != NULL;
}

struct tokenizer *tokenizer_create(const struct vocabs *v)
{
    struct tokenizer *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    t->vocabs = v;
    if (!create_cache(t)) {
        free(t);
        return NULL;
    }
    buf_init(&t->clean, 0);
    bpe_init(&t->bpe);
    return t;
}

void tokenizer_destroy(struct tokenizer *t)
{
    if (!t)
        return;
    for (int i = 0; i < VOCABS_MAX; i++)
        split_pcre_destroy(t->pcre[i]);
    bpe_finish(&t->bpe);
    buf_finish(&t->clean);
    free(t->cache_memory);
    free(t);
}

bool job_start(struct job *j, struct tokenizer *t, enum encoding enc, struct span text)
{
    size_t ascii = text_ascii_prefix(text);

    *j = (struct job){.t = t, .image = vocabs_image(enc)};
    j->v = &t->vocabs->image[j->image];
    j->cuts = ascii < text.n && j->v->h->flags & VOCAB_MERGED;
    if (text_valid_prefix(span_skip(text, ascii)) < text.n - ascii) {
        buf_clear(&t->clean);
        text_clean(text, &t->clean);
        if (t->clean.failed) {
            buf_finish(&t->clean);
            return false;
        }
        text = buf_all(&t->clean);
    }
    j->text = text.p;
    j->n = text.n;
    return true;
}

void job_end(struct job *j)
{
    bpe_trim(&j->t->bpe);
    if (j->t->clean.cap > KEEP_TEXT)
        buf_finish(&j->t->clean);
}

static size_t split_by_pattern(struct job *j, size_t *ends)
{
    struct split_pcre **s = &j->t->pcre[j->image];
    struct err e;

    if (!*s && split_pcre_create(vocab_section(j->v, VOCAB_PATTERN), s, &e) < 0)
        return 0;
    return split_pcre_next(*s, j->text, j->n, j->from, ends, BATCH);
}

size_t job_split(struct job *j, size_t *ends)
{
    switch (j->v->h->rule) {
    case SPLIT_O200K:
        return split_o200k(j->text, j->n, j->from, ends, BATCH);
    case SPLIT_CL100K:
        return split_cl100k(j->text, j->n, j->from, ends, BATCH);
    case SPLIT_R50K:
        return split_r50k(j->text, j->n, j->from, ends, BATCH);
    default:
        return split_by_pattern(j, ends);
    }
}

/* The ids of one piece into ids[at…max), and how many they are. */
static int64_t encode_piece(struct job *j, const char *p, size_t n, uint32_t *ids, size_t at,
                            size_t max)
{
    uint32_t token = vocab_find(j->v, p, n);
    int64_t count;

    if (token != VOCAB_NONE) {
        if (at < max)
            ids[at] = token;
        return 1;
    }
    count = bpe_merge(&j->t->bpe, j->v, p, n);
    for (int64_t i = 0; i < count && at < max; i++)
        ids[at++] = j->t->bpe.tokens[i];
    return count;
}

int64_t tokenizer_encode(struct tokenizer *t, enum encoding enc, struct span text, uint32_t *ids,
                         size_t max)
{
    size_t ends[BATCH], k;
    int64_t sum = 0, some;
    struct job j;

    if (!job_start(&j, t, enc, text))
        return -1;
    while (j.from < j.n && sum >= 0) {
        k = job_split(&j, ends);
        if (!k)
            sum = -1;
        for (size_t i = 0; i < k && sum >= 0; i++) {
            some = encode_piece(&j, j.text + j.from, ends[i] - j.from, ids, (size_t)sum, max);
            sum = some < 0 ? -1 : sum + some;
            j.from = ends[i];
        }
    }
    job_end(&j);
    return sum;
}

static int64_t counter(void *ctx, enum encoding enc, struct span text)
{
    return tokenizer_count(ctx, enc, text);
}

struct text_counter tokenizer_counter(struct tokenizer *t)
{
    return (struct text_counter){counter, t, t->vocabs};
}
