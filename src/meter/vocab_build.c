/* SPDX-License-Identifier: MIT */
#include "meter/vocab_build.h"

#include <stdlib.h>
#include <xxhash.h>

#include "meter/joints.h"

#define JOINTS  8192         /* words of bitmap: sparse, 2 % are set, for the largest vocabulary */
#define TRIPLES (65536 / 32) /* words of two bits a code point */

/* The tables of an image while they are made. */
struct tables {
    const struct vocab_source *s;
    struct vocab_header h;
    struct vocab_token *tokens;
    struct vocab_line *shorts;
    uint32_t *short_ids, *longs, *bigrams;
    uint64_t *filter, *pairs, *joints, *triple_counts;
    struct vocab_node *trie;
};

static struct span text(const struct vocab_source *s, uint32_t t)
{
    return (struct span){s->bytes + s->at[t], s->at[t + 1] - s->at[t]};
}

static bool merged(const struct vocab_source *s, uint32_t t)
{
    return s->left[t] != VOCAB_NONE;
}

/* The least power of two of which n entries fill at most `percent`. */
static uint32_t table_size(uint64_t n, unsigned percent)
{
    uint32_t size = 1;

    while ((uint64_t)size * percent < n * 100)
        size *= 2;
    return size;
}

/* What the sizes of the tables follow from, and which shortcuts hold. */
static int survey(struct tables *t, struct err *e)
{
    const struct vocab_source *s = t->s;
    struct vocab_header *h = &t->h;
    uint32_t shorts = 0, longs = 0, pairs = 0;

    memcpy(h->magic, VOCAB_MAGIC, sizeof h->magic);
    h->endian = VOCAB_ENDIAN;
    h->version = VOCAB_VERSION;
    h->ntokens = s->ntokens;
    h->flags = VOCAB_ORDERED | VOCAB_MERGED;
    h->joints = JOINTS;
    memset(h->byte_token, 0xff, sizeof h->byte_token);
    for (uint32_t i = 0; i < s->ntokens; i++) {
        struct span x = text(s, i);
        if (x.n == 1)
            h->byte_token[(unsigned char)x.p[0]] = i;
        if (merged(s, i) && (s->left[i] > i || s->right[i] > i))
            h->flags &= ~VOCAB_ORDERED;
        if (x.n > 1 && !merged(s, i))
            h->flags &= ~VOCAB_MERGED;
        if (x.n > h->longest)
            h->longest = (uint32_t)x.n;
        shorts += x.n && x.n <= VOCAB_SHORT;
        longs += x.n > VOCAB_SHORT;
        pairs += merged(s, i);
    }
    for (int c = 0; c < 256; c++)
        if (h->byte_token[c] == UINT32_MAX)
            return err_set(e, ERR_INVALID, "the vocabulary has no token for the single byte %d", c);
    h->lines = table_size((shorts + 3) / 4, 75);
    h->longs = table_size(longs + 1, 50);
    h->filter = table_size(pairs * UINT64_C(8) / 64 + 1, 100); /* some 8 bits a pair */
    h->pairs = table_size(pairs + 1, 50);
    return 0;
}

static bool allocate(struct tables *t)
{
    const struct vocab_header *h = &t->h;

    t->tokens = calloc((size_t)h->ntokens + 1, sizeof *t->tokens);
    t->shorts = calloc(h->lines, sizeof *t->shorts);
    t->short_ids = calloc((size_t)h->lines * 4, sizeof *t->short_ids);
    t->longs = malloc(h->longs * sizeof *t->longs);
    t->filter = calloc(h->filter, sizeof *t->filter);
    t->pairs = malloc((h->pairs + 1) * sizeof *t->pairs);
    t->joints = calloc(h->joints, sizeof *t->joints);
    t->triple_counts = calloc(TRIPLES, sizeof *t->triple_counts);
    t->bigrams = malloc(65536 * sizeof *t->bigrams);
    return t->tokens && t->shorts && t->short_ids && t->longs && t->filter && t->pairs &&
           t->joints && t->triple_counts && t->bigrams;
}

static void add_short(struct tables *t, uint32_t token, struct span x)
{
    struct piece_key k = piece_key(x.p, x.n, x.n);
    uint32_t mask = t->h.lines - 1, i = (uint32_t)piece_hash(k) & mask;

    for (;; i = (i + 1) & mask)
        for (int j = 0; j < 4; j++)
            if (!t->shorts[i].key[j].hi) {
                t->shorts[i].key[j] = k;
                t->short_ids[i * 4 + (uint32_t)j] = token;
                return;
            }
}

static void add_long(struct tables *t, uint32_t token, struct span x)
{
    uint32_t mask = t->h.longs - 1, i = (uint32_t)long_hash(x.p, x.n) & mask;

    while (t->longs[i] != VOCAB_NONE)
        i = (i + 1) & mask;
    t->longs[i] = token;
}

static void add_pair(struct tables *t, uint32_t token, uint32_t left, uint32_t right)
{
    uint64_t hash = pair_hash(left, right);
    uint32_t mask = t->h.pairs - 1, i = (uint32_t)hash & mask;

    t->filter[(hash >> 38) & (t->h.filter - 1)] |= UINT64_C(1) << (hash >> 32 & 63);
    while (t->pairs[i] != UINT64_MAX)
        i = (i + 1) & mask;
    t->pairs[i] = (uint64_t)left << 42 | (uint64_t)right << 21 | token;
}

static void list_joint(struct tables *t, uint32_t left, uint32_t right)
{
    uint32_t hash = joint_hash(left, right);

    t->joints[(hash >> 6) & (t->h.joints - 1)] |= UINT64_C(1) << (hash & 63);
}

/* Lists every meeting of two three-byte characters in a token, whole or in part. */
static void add_joints(struct tables *t, struct span x)
{
    const char *p = x.p;

    for (size_t i = 1; i < x.n; i++) {
        bool whole_left = i >= 3 && is_triple(p + i - 3), whole_right = x.n - i >= 3;
        uint32_t last = (unsigned char)p[i - 1], first = p[i] & 15;

        if (!is_triple(p + i) || last < 0x80 || last >= 0xc0)
            continue;
        if (!whole_left || !whole_right)
            t->h.joint_parts[first] |= UINT64_C(1) << (last & 63);
        list_joint(t, whole_left ? triple_char(p + i - 3) : JOINT_LAST(last),
                   whole_right ? triple_char(p + i) : JOINT_FIRST(first << 12));
    }
}

static bool is_bigram(const struct tables *t, const unsigned char *p)
{
    return t->bigrams[p[0] << 8 | p[1]] != VOCAB_NONE;
}

/* Three bytes are one token; or two of them are, and nothing merges with the third; or none are. */
static void count_triples(struct tables *t)
{
    const struct vocab v = {.h = &t->h, .shorts = t->shorts};

    for (uint32_t c = 0x800; c < 0x10000; c++) {
        unsigned char p[3] = {0xe0 | c >> 12, 0x80 | (c >> 6 & 63), 0x80 | (c & 63)};
        struct piece_key key = piece_key((const char *)p, sizeof p, sizeof p);
        uint64_t count = is_bigram(t, p) || is_bigram(t, p + 1) ? 2 : 3;

        if (vocab_short_slot(&v, key, piece_hash(key)) >= 0)
            count = 1;
        t->triple_counts[c / 32] |= count << (c % 32 * 2);
    }
}

/* Tokens in order of number, so that the commonest, which come first, have the shortest searches.
 */
static void fill(struct tables *t)
{
    const struct vocab_source *s = t->s;
    const struct vocab trie = {.trie = t->trie};

    for (size_t i = 0; i < t->h.longs; i++)
        t->longs[i] = VOCAB_NONE;
    memset(t->pairs, 0xff, t->h.pairs * sizeof *t->pairs);
    for (size_t i = 0; i < 65536; i++)
        t->bigrams[i] = VOCAB_NONE;
    for (uint32_t i = 0; i < s->ntokens; i++) {
        struct span x = text(s, i);
        t->tokens[i] = (struct vocab_token){s->at[i], s->left[i], s->right[i], VOCAB_NONE};
        if (!x.n)
            continue;
        t->tokens[i].prefix = vocab_longest(&trie, x.p, x.n - 1);
        if (x.n <= VOCAB_SHORT)
            add_short(t, i, x);
        else
            add_long(t, i, x);
        add_joints(t, x);
        if (merged(s, i))
            add_pair(t, i, s->left[i], s->right[i]);
        if (merged(s, i) && x.n == 2)
            t->bigrams[(unsigned char)x.p[0] << 8 | (unsigned char)x.p[1]] = i;
    }
    t->pairs[t->h.pairs] = t->pairs[0];
    count_triples(t);
    t->tokens[s->ntokens] =
        (struct vocab_token){s->at[s->ntokens], VOCAB_NONE, VOCAB_NONE, VOCAB_NONE};
}

static void pad(struct buf *out, size_t start)
{
    static const char zeros[VOCAB_PAGE];

    buf_add(out, zeros, (size_t) - (out->n - start) % VOCAB_PAGE);
}

static int assemble(struct tables *t, const struct vocab_use *use, struct buf *out, struct err *e)
{
    struct vocab_header *h = &t->h;
    const size_t start = out->n;
    const struct {
        const void *p;
        size_t n;
    } parts[VOCAB_SECTIONS] = {
        [VOCAB_TOKENS] = {t->tokens, ((size_t)h->ntokens + 1) * sizeof *t->tokens},
        [VOCAB_BYTES] = {t->s->bytes, t->s->at[h->ntokens]},
        [VOCAB_SHORTS] = {t->shorts, h->lines * sizeof *t->shorts},
        [VOCAB_SHORTIDS] = {t->short_ids, (size_t)h->lines * 4 * sizeof *t->short_ids},
        [VOCAB_LONGS] = {t->longs, h->longs * sizeof *t->longs},
        [VOCAB_FILTER] = {t->filter, h->filter * sizeof *t->filter},
        [VOCAB_PAIRS] = {t->pairs, ((size_t)h->pairs + 1) * sizeof *t->pairs},
        [VOCAB_BIGRAMS] = {t->bigrams, 65536 * sizeof *t->bigrams},
        [VOCAB_TRIE] = {t->trie, h->nodes * sizeof *t->trie},
        [VOCAB_JOINTS] = {t->joints, h->joints * sizeof *t->joints},
        [VOCAB_TRIPLES] = {t->triple_counts, TRIPLES * sizeof *t->triple_counts},
        [VOCAB_PATTERN] = {use->pattern.p, use->pattern.n},
        [VOCAB_MODELS] = {use->models.p, use->models.n},
    };

    h->rule = use->rule;
    buf_add(out, h, sizeof *h);
    for (int i = 0; i < VOCAB_SECTIONS; i++) {
        pad(out, start);
        h->at[i] = out->n - start;
        h->len[i] = parts[i].n;
        buf_add(out, parts[i].p, parts[i].n);
    }
    pad(out, start);
    if (out->failed)
        return err_set(e, ERR_MEMORY, "no memory for a vocabulary");
    h->size = out->n - start;
    h->checksum = XXH3_64bits(out->p + start + sizeof *h, h->size - sizeof *h);
    memcpy(out->p + start, h, sizeof *h);
    return 0;
}

int vocab_build(const struct vocab_source *s, const struct vocab_use *use, struct buf *out,
                struct err *e)
{
    struct tables t = {.s = s};
    int status = survey(&t, e);

    if (status == 0)
        status = vocab_trie_build(s, &t.trie, &t.h.nodes, e);
    if (status == 0 && !allocate(&t))
        status = err_set(e, ERR_MEMORY, "no memory for a vocabulary");
    if (status == 0) {
        fill(&t);
        status = assemble(&t, use, out, e);
    }
    free(t.tokens);
    free(t.shorts);
    free(t.short_ids);
    free(t.longs);
    free(t.joints);
    free(t.triple_counts);
    free(t.filter);
    free(t.pairs);
    free(t.bigrams);
    free(t.trie);
    return status;
}
