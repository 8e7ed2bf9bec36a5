/* SPDX-License-Identifier: MIT */
#include "meter/tokenizer.h"

#include <stdlib.h>

#include "meter/bpe.h"
#include "meter/joints.h"
#include "meter/piece_cache.h"
#include "meter/split.h"
#include "meter/text.h"
#include "meter/vocabs.h"

#define BATCH     64      /* pieces whose look-ups are under way at the same time */
#define KEEP_TEXT 1048576 /* bytes of cleaned text that a thread keeps */

struct tokenizer {
    const struct vocabs *vocabs;
    struct piece_cache *cache;
    struct split_pcre *pcre[VOCABS_MAX]; /* made on first use */
    struct buf clean;
    struct bpe bpe;
};

/* Text that is being taken apart. */
struct job {
    struct tokenizer *t;
    const struct vocab *v;
    unsigned image;
    const char *text;
    size_t n, from;
};

struct tokenizer *tokenizer_create(const struct vocabs *v)
{
    struct tokenizer *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    t->vocabs = v;
    t->cache = aligned_alloc(64, sizeof *t->cache);
    if (!t->cache) {
        free(t);
        return NULL;
    }
    memset(t->cache, 0, sizeof *t->cache);
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
    free(t->cache);
    free(t);
}

static bool job_start(struct job *j, struct tokenizer *t, enum encoding enc, struct span text)
{
    size_t valid = text_valid_prefix(text);

    *j = (struct job){.t = t, .image = vocabs_image(enc)};
    j->v = &t->vocabs->image[j->image];
    if (valid < text.n) {
        buf_clear(&t->clean);
        text_clean(text, &t->clean);
        if (t->clean.failed)
            return false;
        text = buf_all(&t->clean);
    }
    j->text = text.p;
    j->n = text.n;
    return true;
}

static void job_end(struct job *j)
{
    bpe_trim(&j->t->bpe);
    if (j->t->clean.cap > KEEP_TEXT)
        buf_finish(&j->t->clean);
}

static size_t split_by_pattern(struct job *j, size_t *ends)
{
    struct split_pcre **s = &j->t->pcre[j->image];
    const char *ours = split_pattern_of(j->v->h->rule);
    struct err e;

    if (!*s &&
        split_pcre_create(ours ? span_of(ours) : vocab_section(j->v, VOCAB_PATTERN), s, &e) < 0)
        return 0;
    return split_pcre_next(*s, j->text, j->n, j->from, ends, BATCH);
}

/* The ends of the next pieces; 0 only at the end of the text, and before it when memory ran out. */
static size_t split(struct job *j, size_t *ends)
{
    switch (j->v->h->rule) {
    case SPLIT_O200K:
        return split_o200k(j->text, j->n, j->from, ends, BATCH);
    case SPLIT_CL100K:
        return split_cl100k(j->text, j->n, j->from, ends, BATCH);
    default:
        return split_by_pattern(j, ends);
    }
}

struct look_up {
    struct piece_key key;
    uint64_t hash;
    struct piece_key *slot; /* NULL: not a short piece */
    size_t from, n;
};

/* Starts the look-ups of k pieces. */
static void prepare(struct job *j, const size_t *ends, size_t k, struct look_up *look)
{
    size_t from = j->from;

    for (size_t i = 0; i < k; i++) {
        struct look_up *l = &look[i];
        l->from = from;
        l->n = ends[i] - from;
        l->slot = NULL;
        if (l->n <= VOCAB_SHORT) {
            l->key = piece_key(j->text + from, l->n, j->n - from);
            l->hash = piece_hash(l->key);
            l->slot = piece_cache_slot(j->t->cache, l->hash);
            __builtin_prefetch(l->slot);
        }
        from = ends[i];
    }
}

static int64_t count_short(struct job *j, const char *p, size_t n, struct piece_key key,
                           uint64_t hash, struct piece_key *slot)
{
    int64_t count = vocab_short_slot(j->v, key, hash) >= 0 ? 1 : bpe_merge(&j->t->bpe, j->v, p, n);

    if (count > 0)
        piece_cache_put(slot, key, j->image, (unsigned)count);
    return count;
}

/* A part of a long piece, which merging cannot leave. */
static int64_t count_part(struct job *j, const char *p, size_t n)
{
    struct piece_key key;
    struct piece_key *slot;
    uint64_t hash;
    unsigned known;

    if (n > VOCAB_SHORT)
        return vocab_find(j->v, p, n) != VOCAB_NONE ? 1 : bpe_merge(&j->t->bpe, j->v, p, n);
    key = piece_key(p, n, (size_t)(j->text + j->n - p));
    hash = piece_hash(key);
    slot = piece_cache_slot(j->t->cache, hash);
    known = piece_cache_get(slot, key, j->image);
    return known ? known : count_short(j, p, n, key, hash, slot);
}

static int64_t count_cut(struct job *j, const char *p, size_t n)
{
    int64_t sum = 0, some;

    if (!(j->v->h->flags & VOCAB_MERGED))
        return count_part(j, p, n);
    while (n) {
        size_t cut = joint_cut(j->v, p, n);
        some = count_part(j, p, cut);
        if (some < 0)
            return -1;
        sum += some;
        p += cut;
        n -= cut;
    }
    return sum;
}

static int64_t count_long(struct job *j, const char *p, size_t n)
{
    struct wide_key key, *slot;
    unsigned known;
    int64_t count;

    if (n > PIECE_WIDE)
        return count_cut(j, p, n);
    key = wide_key(p, n, j->image);
    slot = wide_slot(j->t->cache, &key);
    known = wide_get(slot, &key);
    if (known)
        return known;
    count = count_cut(j, p, n);
    if (count > 0)
        wide_put(slot, &key, (unsigned)count);
    return count;
}

/* The tokens of k pieces: what the cache knows at once, the others when their lines have come. */
static int64_t count_batch(struct job *j, const size_t *ends, size_t k)
{
    struct look_up look[BATCH];
    unsigned char missed[BATCH];
    size_t misses = 0;
    int64_t sum = 0;

    prepare(j, ends, k, look);
    for (size_t i = 0; i < k; i++) {
        const struct look_up *l = &look[i];
        unsigned known = l->slot ? piece_cache_get(l->slot, l->key, j->image) : 0;
        sum += known;
        if (known)
            continue;
        missed[misses++] = (unsigned char)i;
        if (l->slot)
            __builtin_prefetch(&j->v->shorts[l->hash & (j->v->h->lines - 1)]);
    }
    for (size_t i = 0; i < misses; i++) {
        const struct look_up *l = &look[missed[i]];
        const char *p = j->text + l->from;
        int64_t count =
            l->slot ? count_short(j, p, l->n, l->key, l->hash, l->slot) : count_long(j, p, l->n);
        if (count < 0)
            return -1;
        sum += count;
    }
    return sum;
}

int64_t tokenizer_count(struct tokenizer *t, enum encoding enc, struct span text)
{
    size_t ends[BATCH], k;
    int64_t sum = 0, some;
    struct job j;

    if (!job_start(&j, t, enc, text))
        return -1;
    while (j.from < j.n && sum >= 0) {
        k = split(&j, ends);
        some = k ? count_batch(&j, ends, k) : -1;
        sum = some < 0 ? -1 : sum + some;
        j.from = k ? ends[k - 1] : j.n;
    }
    job_end(&j);
    return sum;
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
        k = split(&j, ends);
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
