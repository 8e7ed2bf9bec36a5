/* SPDX-License-Identifier: MIT */
#include "meter/vocab_build.h"

#include <stdlib.h>

/*
 * Reads a rank file: each line a token in base64, a space and its rank, which is its number. The
 * merge that makes a token is found by merging its bytes until two parts are left; a token whose
 * bytes get stuck before that can only stand for a whole piece.
 */

#define LONGEST 1024 /* bytes of a token */

struct line {
    uint32_t rank;
    struct span text; /* base64 */
};

struct ranks {
    struct line *lines;
    size_t n;
    uint32_t *table; /* hash table of ranks by the tokens' bytes; VOCAB_NONE: empty */
    uint32_t mask;
    struct vocab_source s;
    struct buf bytes;
};

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool decode(struct span text, struct buf *out)
{
    uint32_t bits = 0;
    int have = 0;

    while (text.n && text.p[text.n - 1] == '=')
        text.n--;
    for (size_t i = 0; i < text.n; i++) {
        int v = base64_value(text.p[i]);
        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
        have += 6;
        if (have >= 8) {
            have -= 8;
            buf_char(out, (char)(bits >> have));
        }
    }
    return have < 6 && text.n;
}

static int by_rank(const void *a, const void *b)
{
    const struct line *x = a, *y = b;

    return (x->rank > y->rank) - (x->rank < y->rank);
}

static int read_lines(struct ranks *r, struct span file, struct err *e)
{
    size_t cap = 0, number = 0;
    struct span line, number_text;

    while (file.n) {
        struct line l;
        long long rank;

        number++;
        span_cut(file, '\n', &line, &file);
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (!line.n)
            continue;
        if (!span_cut(line, ' ', &l.text, &number_text) || !span_to_int64(number_text, &rank) ||
            rank >= VOCAB_NONE)
            return err_set(e, ERR_INVALID, "line %zu is not a token in base64 and its rank",
                           number);
        if (r->n == cap) {
            struct line *more = realloc(r->lines, (cap = cap ? cap * 2 : 4096) * sizeof *more);
            if (!more)
                return err_set(e, ERR_MEMORY, "no memory for a vocabulary");
            r->lines = more;
        }
        l.rank = (uint32_t)rank;
        r->lines[r->n++] = l;
    }
    if (!r->n)
        return err_set(e, ERR_INVALID, "there is no token in it");
    qsort(r->lines, r->n, sizeof *r->lines, by_rank);
    return 0;
}

static uint32_t *slot_of(const struct ranks *r, const char *p, size_t n)
{
    const struct vocab_source *s = &r->s;
    uint32_t i = (uint32_t)long_hash(p, n) & r->mask;

    for (;; i = (i + 1) & r->mask) {
        uint32_t t = r->table[i];
        if (t == VOCAB_NONE)
            return &r->table[i];
        if (s->at[t + 1] - s->at[t] == n && memcmp(r->bytes.p + s->at[t], p, n) == 0)
            return &r->table[i];
    }
}

static bool allocate(struct ranks *r)
{
    uint32_t size = 16;

    while (size < 2 * r->n)
        size *= 2;
    r->mask = size - 1;
    r->s.ntokens = r->lines[r->n - 1].rank + 1;
    r->table = malloc(size * sizeof *r->table);
    r->s.at = calloc((size_t)r->s.ntokens + 1, sizeof *r->s.at);
    r->s.left = malloc(r->s.ntokens * sizeof *r->s.left);
    r->s.right = malloc(r->s.ntokens * sizeof *r->s.right);
    if (!r->table || !r->s.at || !r->s.left || !r->s.right)
        return false;
    for (uint32_t i = 0; i < size; i++)
        r->table[i] = VOCAB_NONE;
    for (uint32_t i = 0; i < r->s.ntokens; i++)
        r->s.left[i] = r->s.right[i] = VOCAB_NONE;
    return true;
}

static int fill(struct ranks *r, struct err *e)
{
    uint32_t next = 0; /* the first rank whose place is not yet known */

    for (size_t i = 0; i < r->n; i++) {
        uint32_t rank = r->lines[i].rank, *slot;
        size_t from = r->bytes.n;

        if (i && rank == r->lines[i - 1].rank)
            return err_set(e, ERR_INVALID, "two tokens have the rank %u", rank);
        if (!decode(r->lines[i].text, &r->bytes) || r->bytes.n - from > LONGEST)
            return err_set(e, ERR_INVALID, "the token of rank %u is not base64 of 1 to %d bytes",
                           rank, LONGEST);
        if (r->bytes.failed)
            return err_set(e, ERR_MEMORY, "no memory for a vocabulary");
        for (; next <= rank; next++)
            r->s.at[next] = (uint32_t)from;
        r->s.at[rank + 1] = (uint32_t)r->bytes.n;
        slot = slot_of(r, r->bytes.p + from, r->bytes.n - from);
        if (*slot != VOCAB_NONE)
            return err_set(e, ERR_INVALID, "the tokens of rank %u and %u are the same", *slot,
                           rank);
        *slot = rank;
    }
    return 0;
}

/* Merges the token's bytes as text would be merged; ends[] are those of its parts. */
static void find_merge(struct ranks *r, uint32_t token)
{
    const char *p = r->bytes.p + r->s.at[token];
    size_t n = r->s.at[token + 1] - r->s.at[token], parts = n;
    uint16_t ends[LONGEST + 1];

    for (size_t i = 0; i <= n; i++)
        ends[i] = (uint16_t)i;
    while (parts > 2) {
        uint32_t least = VOCAB_NONE;
        size_t at = 0;
        for (size_t i = 0; i + 2 <= parts; i++) {
            uint32_t rank = *slot_of(r, p + ends[i], (size_t)(ends[i + 2] - ends[i]));
            if (rank < least) {
                least = rank;
                at = i;
            }
        }
        if (least == VOCAB_NONE)
            return;
        memmove(&ends[at + 1], &ends[at + 2], (parts - at - 1) * sizeof *ends);
        parts--;
    }
    r->s.left[token] = *slot_of(r, p, ends[1]);
    r->s.right[token] = *slot_of(r, p + ends[1], (size_t)(ends[2] - ends[1]));
}

int vocab_source_ranks(struct span file, struct vocab_source *out, struct err *e)
{
    struct ranks r = {0};
    int status;

    buf_init(&r.bytes, UINT32_MAX);
    status = read_lines(&r, file, e);
    if (status == 0 && !allocate(&r))
        status = err_set(e, ERR_MEMORY, "no memory for a vocabulary");
    if (status == 0)
        status = fill(&r, e);
    for (uint32_t i = 0; status == 0 && i < r.s.ntokens; i++)
        if (r.s.at[i + 1] - r.s.at[i] > 1)
            find_merge(&r, i);
    free(r.lines);
    free(r.table);
    r.s.bytes = r.bytes.p;
    if (status) {
        vocab_source_finish(&r.s);
        return -1;
    }
    *out = r.s;
    return 0;
}
