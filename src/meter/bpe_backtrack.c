/* SPDX-License-Identifier: MIT */
#include "meter/bpe.h"

#include <stdlib.h>

/*
 * Merging without merging. A row of tokens is what merging makes of their bytes exactly when every
 * two neighbours are what merging makes of theirs. So the row is built from the left: the longest
 * token that may stand beside its left neighbour is tried, then the shorter ones; at a dead end the
 * last token is taken back and the place is marked, never to be tried again, which keeps the work
 * linear.
 *
 * Needs VOCAB_ORDERED. After Hendrik van Antwerpen and Alexander Neubeck's description of GitHub's
 * bpe.
 */

/* Whether merging left's and right's bytes together leaves these two tokens. The merges that made
 * them are undone, the latest first; a pair of parts that meet at the border and that would have
 * been merged with each other before `limit` says no. Of equal merges the left one comes first. */
static bool side_by_side(const struct vocab *v, uint32_t left, uint32_t right)
{
    uint32_t limit = VOCAB_NONE;

    for (;;) {
        uint32_t both = vocab_pair(v, left, right), part;

        if (both < limit)
            return false;
        if (left > right) {
            limit = left;
            part = v->tokens[left].right;
            if (part != VOCAB_NONE) {
                left = part;
                continue;
            }
            limit = right + 1;
            part = v->tokens[right].left;
            if (part == VOCAB_NONE)
                return true;
            right = part;
        } else {
            limit = right + 1;
            part = v->tokens[right].left;
            if (part != VOCAB_NONE) {
                right = part;
                continue;
            }
            limit = left;
            part = v->tokens[left].right;
            if (part == VOCAB_NONE)
                return true;
            left = part;
        }
    }
}

/* The same, remembering answers. */
static bool valid(struct bpe *b, const struct vocab *v, uint32_t left, uint32_t right)
{
    uint64_t key = (uint64_t)left << 22 | (uint64_t)right << 1;
    uint64_t *slot = &b->memo[pair_hash(left, right) % BPE_MEMO];

    if ((*slot & ~UINT64_C(1)) != key)
        *slot = key | side_by_side(v, left, right);
    return *slot & 1;
}

static bool prepare(struct bpe *b, const struct vocab *v, size_t n)
{
    size_t words = n / 64 + 1;

    if (b->memo_of != v) {
        memset(b->memo, 0xff, sizeof b->memo);
        b->memo_of = v;
    }
    if (words > b->open_words) {
        uint64_t *p = realloc(b->open, words * sizeof *p);
        if (!p)
            return false;
        b->open = p;
        b->open_words = words;
    }
    memset(b->open, 0xff, words * sizeof *b->open);
    return bpe_reserve(b, n / 4 + 4);
}

int64_t bpe_backtrack(struct bpe *b, const struct vocab *v, const char *p, size_t n)
{
    size_t pos = 0, count = 0;
    uint32_t token = vocab_longest(v, p, n);

    if (!prepare(b, v, n))
        return -1;
    while (pos < n) {
        size_t end = pos + vocab_len(v, token);

        if (b->open[end / 64] >> (end % 64) & 1 &&
            (!count || valid(b, v, b->tokens[count - 1], token))) {
            if (count == b->cap && !bpe_reserve(b, count + 1))
                return -1;
            b->tokens[count++] = token;
            pos = end;
            token = vocab_longest(v, p + pos, n - pos);
        } else if (v->tokens[token].prefix != VOCAB_NONE) {
            token = v->tokens[token].prefix;
        } else {
            b->open[pos / 64] &= ~(UINT64_C(1) << (pos % 64));
            token = b->tokens[--count]; /* its end is marked now: its prefixes are next */
            pos -= vocab_len(v, token);
        }
    }
    return (int64_t)count;
}
