/* SPDX-License-Identifier: MIT */
#include "meter/joints.h"
#include "tokenizing.h"

/*
 * Counting without ids. A piece's count is looked for in the thread's cache, then in the
 * vocabulary, and only then are its bytes merged. The look-ups of a batch of pieces are started
 * together, so that their cache lines come at the same time.
 */

struct look_up {
    struct piece_key key;
    uint64_t hash;
    struct piece_key *slot; /* NULL: not a short piece */
    const char *p;
    size_t n;
};

static int64_t count_short(struct job *j, const char *p, size_t n, struct piece_key key,
                           uint64_t hash, struct piece_key *slot)
{
    int64_t count = vocab_short_slot(j->v, key, hash) >= 0 ? 1 : bpe_merge(&j->t->bpe, j->v, p, n);

    if (count > 0)
        piece_cache_put(slot, key, j->image, (unsigned)count);
    return count;
}

static int64_t count_merged(struct job *j, const char *p, size_t n)
{
    return vocab_find(j->v, p, n) != VOCAB_NONE ? 1 : bpe_merge(&j->t->bpe, j->v, p, n);
}

static int64_t count_wide(struct job *j, const char *p, size_t n)
{
    struct wide_key key = wide_key(p, n, j->image), *slot = wide_slot(j->t->cache, &key);
    unsigned known = wide_get(slot, &key);
    int64_t count;

    if (known)
        return known;
    count = count_merged(j, p, n);
    if (count > 0)
        wide_put(slot, &key, (unsigned)count);
    return count;
}

/* A part of a long piece, which merging cannot leave. */
static int64_t count_part(struct job *j, const char *p, size_t n)
{
    struct piece_key key, *slot;
    uint64_t hash;
    unsigned known;

    if (n > PIECE_WIDE)
        return count_merged(j, p, n);
    if (n > VOCAB_SHORT)
        return count_wide(j, p, n);
    key = piece_key(p, n, (size_t)(j->text + j->n - p));
    hash = piece_hash(key);
    slot = piece_cache_slot(j->t->cache, hash);
    known = piece_cache_get(slot, key, j->image);
    return known ? known : count_short(j, p, n, key, hash, slot);
}

/* A piece cut at its joints. Not inlined: the loop over other pieces needs the registers. */
static __attribute__((noinline)) int64_t count_cut(struct job *j, const char *p, size_t n)
{
    int64_t sum = 0, some;

    while (n) {
        struct joint_run r = joint_run(j->v, p, n);
        size_t cut = r.n * 3;

        sum += r.count;
        for (uint64_t first = r.held >> 1 & ~r.held; first; first &= first - 1) {
            unsigned at = (unsigned)__builtin_ctzll(first);
            unsigned more = (unsigned)__builtin_ctzll(~(r.held >> (at + 1)));
            some = count_part(j, p + at * 3, (more + 1) * 3);
            if (some < 0)
                return -1;
            sum += some;
        }
        if (!cut) {
            cut = joint_cut(j->v, p, n);
            some = count_part(j, p, cut);
            if (some < 0)
                return -1;
            sum += some;
        }
        p += cut;
        n -= cut;
    }
    return sum;
}

/* Whether the piece that ends here is cut: what ends in a three-byte character. */
static inline bool is_cut(const struct job *j, size_t end)
{
    return end >= 3 && is_triple(j->text + end - 3);
}

/* Counts those of k pieces that are cut, and starts the look-ups of the others; returns how many
 * these are. *sum is -1 when memory ran out, and nobody is left. Compiled once for either value of
 * cuts, because plain text need not pay for the question. */
static inline __attribute__((always_inline)) size_t
prepare(struct job *j, bool cuts, const size_t *ends, size_t k, struct look_up *look, int64_t *sum)
{
    size_t from = j->from, n = 0;

    *sum = 0;
    for (size_t i = 0; i < k; from = ends[i++]) {
        struct look_up *l = &look[n];
        l->p = j->text + from;
        l->n = ends[i] - from;
        if (cuts && is_cut(j, ends[i])) {
            int64_t some = count_cut(j, l->p, l->n);
            if (some < 0) {
                *sum = -1;
                return 0;
            }
            *sum += some;
            continue;
        }
        l->slot = NULL;
        if (l->n <= VOCAB_SHORT) {
            l->key = piece_key(l->p, l->n, j->n - from);
            l->hash = piece_hash(l->key);
            l->slot = piece_cache_slot(j->t->cache, l->hash);
            __builtin_prefetch(l->slot);
        }
        n++;
    }
    return n;
}

/* The tokens of k pieces: what the cache knows at once, the others when their lines have come. */
static int64_t count_batch(struct job *j, const size_t *ends, size_t k)
{
    struct look_up look[BATCH];
    unsigned char missed[BATCH];
    int64_t sum;
    size_t misses = 0, n = j->cuts ? prepare(j, true, ends, k, look, &sum)
                                   : prepare(j, false, ends, k, look, &sum);

    for (size_t i = 0; i < n; i++) {
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
        int64_t count = l->slot ? count_short(j, l->p, l->n, l->key, l->hash, l->slot)
                                : count_part(j, l->p, l->n);
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
        k = job_split(&j, ends);
        some = k ? count_batch(&j, ends, k) : -1;
        sum = some < 0 ? -1 : sum + some;
        j.from = k ? ends[k - 1] : j.n;
    }
    job_end(&j);
    return sum;
}
