/* SPDX-License-Identifier: MIT */
#ifndef METER_VOCAB_H
#define METER_VOCAB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/*
 * A vocabulary image: everything that merging needs, in one pointer-free file that is mapped and
 * used as it lies there, its pages shared by all processes. vocab_build.c writes it, vocab.c opens
 * it, bpe.c reads it. It has the byte order of the machine it was made on, and says so.
 */

#define VOCAB_MAGIC      "tokencap vocab\n"
#define VOCAB_ENDIAN     0x01020304u
#define VOCAB_VERSION    2u
#define VOCAB_TOKEN_BITS 21
#define VOCAB_NONE       0x1fffffu /* no token; every token's number is below it */
#define VOCAB_SHORT      14        /* the longest piece that fits a piece_key */
#define VOCAB_PAGE       4096u     /* sections start at multiples of it */

/* The sections of an image, in the order in which they lie there. */
enum vocab_section {
    VOCAB_TOKENS,   /* struct vocab_token [ntokens + 1]; the last one only ends the bytes */
    VOCAB_BYTES,    /* the tokens' bytes, one after another */
    VOCAB_SHORTS,   /* struct vocab_line [lines]: tokens of at most VOCAB_SHORT bytes by content */
    VOCAB_SHORTIDS, /* uint32_t [lines * 4]: their numbers */
    VOCAB_LONGS,    /* uint32_t [longs]: hash table of the longer ones' numbers */
    VOCAB_FILTER,   /* uint64_t [filter]: bitmap by hash, 0: no such pair */
    VOCAB_PAIRS, /* uint64_t [pairs + 1]: hash table left, right -> merged; the last is the first */
    VOCAB_BIGRAMS, /* uint32_t [65536]: two bytes -> their merged token */
    VOCAB_TRIE,    /* struct vocab_node [nodes]: longest token at a place */
    VOCAB_JOINTS,  /* uint64_t [joints]: bitmap by hash of meetings of characters (joints.h) */
    VOCAB_TRIPLES, /* uint64_t [2048]: two bits a code point of three bytes, its tokens */
    VOCAB_PATTERN, /* the splitting pattern, when rule says so */
    VOCAB_MODELS,  /* globs of model names, a line each */
    VOCAB_SECTIONS
};

struct vocab_token {
    uint32_t at;   /* where its bytes are */
    uint32_t left; /* the two tokens it is merged from; VOCAB_NONE for a byte, and for a token that
                      merging never makes */
    uint32_t right;
    uint32_t prefix; /* the longest shorter token that it starts with, VOCAB_NONE for none */
};

/* Content and length (in the last byte) of a short piece; the byte before the length is free for
 * those who store keys, and 0 here. All zero: none. */
struct piece_key {
    uint64_t lo, hi;
};

struct vocab_line {
    struct piece_key key[4];
};

/* A node of a double-array trie. Its child by byte c is node (children ^ c), if that one's label is
 * c; no two nodes have the same `children`, so the label is all there is to check. */
struct vocab_node {
    uint32_t children; /* 0: none */
    uint32_t entry;    /* label << 21 | token that ends here or VOCAB_NONE; a label is a byte + 1 */
};

#define VOCAB_LABEL(byte) (((uint32_t)(byte) + 1) << VOCAB_TOKEN_BITS)

/* Vocabularies of which a shortcut holds say so. */
#define VOCAB_ORDERED 1u /* every merge makes a token later than both its parts */
#define VOCAB_MERGED  2u /* merging makes every token from its bytes */

struct vocab_header {
    char magic[16];
    uint32_t endian, version;
    uint32_t ntokens, flags;
    uint32_t rule; /* enum split_rule */
    uint32_t lines, longs, filter, pairs, nodes,
        joints; /* sizes of tables; powers of two but nodes */
    uint32_t byte_token[256];
    uint64_t joint_parts[16]; /* by the low half of a first byte, a bit for each last byte: some
                                 token has them beside each other */
    uint32_t longest;  /* bytes of the longest token */
    uint64_t size;     /* of the whole image */
    uint64_t checksum; /* of everything behind the header */
    uint64_t at[VOCAB_SECTIONS], len[VOCAB_SECTIONS];
};

struct vocab {
    const struct vocab_header *h; /* the mapping */
    const struct vocab_token *tokens;
    const char *bytes;
    const struct vocab_line *shorts;
    const uint32_t *short_ids;
    const uint32_t *longs;
    const uint64_t *filter;
    const uint64_t *pairs;
    const uint32_t *bigrams;
    const struct vocab_node *trie;
    const uint64_t *joints, *triple_counts;
};

/* Maps an image and checks its header and its size, which costs microseconds. */
int vocab_open(const char *path, struct vocab *v, struct err *e) MUST_CHECK;
void vocab_close(struct vocab *v);

/* Points v into an image in memory, which it borrows; path is for messages. */
int vocab_of_image(const void *image, size_t size, const char *path, struct vocab *v,
                   struct err *e) MUST_CHECK;

/* Compares the checksum, which reads the whole image. */
bool vocab_intact(const struct vocab *v);

/* A section that is text. */
static inline struct span vocab_section(const struct vocab *v, enum vocab_section s)
{
    return (struct span){(const char *)v->h + v->h->at[s], v->h->len[s]};
}

static inline uint32_t vocab_len(const struct vocab *v, uint32_t token)
{
    return v->tokens[token + 1].at - v->tokens[token].at;
}

static inline struct span vocab_text(const struct vocab *v, uint32_t token)
{
    return (struct span){v->bytes + v->tokens[token].at, vocab_len(v, token)};
}

/* ---- Keys and hashes: the same for the writer and the reader. ---- */

extern const uint64_t piece_mask[VOCAB_SHORT + 1][2]; /* keeps the first n bytes of lo and hi */

static inline uint64_t load64(const char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

/* p[0..n), n <= VOCAB_SHORT, of which `room` >= n bytes may be read. */
static inline struct piece_key piece_key(const char *p, size_t n, size_t room)
{
    struct piece_key k;
    char copy[16];

    if (room < sizeof copy) {
        memset(copy, 0, sizeof copy);
        memcpy(copy, p, n);
        p = copy;
    }
    k.lo = load64(p) & piece_mask[n][0];
    k.hi = (load64(p + 8) & piece_mask[n][1]) | (uint64_t)n << 56;
    return k;
}

static inline uint64_t piece_hash(struct piece_key k)
{
    unsigned __int128 m = (unsigned __int128)(k.lo ^ UINT64_C(0x9e3779b97f4a7c15)) *
                          (k.hi ^ UINT64_C(0xd1b54a32d192ed03));

    return (uint64_t)(m >> 64) ^ (uint64_t)m;
}

/* Its high half is for the filter, its low half for the table. */
static inline uint64_t pair_hash(uint32_t left, uint32_t right)
{
    uint64_t m = ((uint64_t)left << 32 | right) * UINT64_C(0x9e3779b97f4a7c15);

    return m ^ m >> 32;
}

uint64_t long_hash(const char *p, size_t n);

/* ---- Look-ups: VOCAB_NONE when there is none. ---- */

uint32_t vocab_pair_search(const struct vocab *v, uint64_t want, uint32_t slot);

/*
 * What two tokens merge to. Most pairs merge to nothing, which a filter small enough for a core's
 * own cache says of nine in ten of them; those look at slot 0, which is always near. Nothing here
 * branches on what it finds, because that cannot be foretold, until both slots looked at are
 * another pair's.
 */
static inline uint32_t vocab_pair(const struct vocab *v, uint32_t left, uint32_t right)
{
    uint64_t hash = pair_hash(left, right), want = (uint64_t)left << 42 | (uint64_t)right << 21;
    uint64_t listed = v->filter[(hash >> 38) & (v->h->filter - 1)] >> (hash >> 32 & 63) & 1;
    uint32_t slot = (uint32_t)hash & (v->h->pairs - 1) & (uint32_t)-listed;
    uint64_t a = v->pairs[slot], b = v->pairs[slot + 1];
    uint64_t found = UINT64_MAX;

    found = (b ^ want) >> 21 ? found : b;
    found = (a ^ want) >> 21 ? found : a;
    if (__builtin_expect(listed & (found == UINT64_MAX) & (a != UINT64_MAX) & (b != UINT64_MAX), 0))
        return vocab_pair_search(v, want, slot + 2);
    return (uint32_t)found & VOCAB_NONE;
}

/* The slot of a short piece among the short tokens, or -1. */
static inline int64_t vocab_short_slot(const struct vocab *v, struct piece_key k, uint64_t hash)
{
    uint32_t mask = v->h->lines - 1;

    for (uint32_t i = (uint32_t)hash & mask;; i = (i + 1) & mask) {
        const struct vocab_line *line = &v->shorts[i];
        for (int j = 0; j < 4; j++)
            if (line->key[j].lo == k.lo && line->key[j].hi == k.hi)
                return (int64_t)i * 4 + j;
        if (!line->key[3].hi)
            return -1;
    }
}

/* The token that is exactly these bytes. */
uint32_t vocab_find(const struct vocab *v, const char *p, size_t n);

/* The longest token that p[0..n) starts with, of those that merging makes. */
uint32_t vocab_longest(const struct vocab *v, const char *p, size_t n);

#endif
