/* SPDX-License-Identifier: MIT */
#include "meter/vocab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "meter/split.h"

#define BYTES(n) ((n) <= 0 ? 0 : (n) >= 8 ? UINT64_MAX : (UINT64_C(1) << ((n) & 7) * 8) - 1)
#define MASKS(n)                                                                                   \
    {                                                                                              \
        BYTES(n), BYTES((n)-8)                                                                     \
    }

const uint64_t piece_mask[VOCAB_SHORT + 1][2] = {
    MASKS(0), MASKS(1), MASKS(2),  MASKS(3),  MASKS(4),  MASKS(5),  MASKS(6),  MASKS(7),
    MASKS(8), MASKS(9), MASKS(10), MASKS(11), MASKS(12), MASKS(13), MASKS(14),
};

uint64_t long_hash(const char *p, size_t n)
{
    return XXH3_64bits(p, n);
}

static bool power_of_two(uint32_t n)
{
    return n && !(n & (n - 1));
}

/* Whether the sections lie inside the image and hold what the header says. */
static bool sections_fit(const struct vocab_header *h)
{
    const uint64_t need[VOCAB_SECTIONS] = {
        [VOCAB_TOKENS] = ((uint64_t)h->ntokens + 1) * sizeof(struct vocab_token),
        [VOCAB_SHORTS] = (uint64_t)h->lines * sizeof(struct vocab_line),
        [VOCAB_SHORTIDS] = (uint64_t)h->lines * 4 * sizeof(uint32_t),
        [VOCAB_LONGS] = (uint64_t)h->longs * sizeof(uint32_t),
        [VOCAB_FILTER] = (uint64_t)h->filter * sizeof(uint64_t),
        [VOCAB_PAIRS] = ((uint64_t)h->pairs + 1) * sizeof(uint64_t),
        [VOCAB_BIGRAMS] = 65536 * sizeof(uint32_t),
        [VOCAB_TRIE] = (uint64_t)h->nodes * sizeof(struct vocab_node),
        [VOCAB_JOINTS] = (uint64_t)h->joints * sizeof(uint64_t),
        [VOCAB_TRIPLES] = 65536 / 32 * sizeof(uint64_t),
    };

    if (!power_of_two(h->lines) || !power_of_two(h->longs) || !power_of_two(h->filter) ||
        !power_of_two(h->pairs) || !power_of_two(h->joints))
        return false;
    if (h->ntokens >= VOCAB_NONE || h->nodes < 256 || h->rule > SPLIT_PATTERN)
        return false;
    for (int i = 0; i < VOCAB_SECTIONS; i++) {
        if (h->at[i] % VOCAB_PAGE || h->at[i] > h->size || h->len[i] > h->size - h->at[i])
            return false;
        if (need[i] && h->len[i] != need[i])
            return false;
    }
    return true;
}

static const void *section(const struct vocab_header *h, enum vocab_section s)
{
    return (const char *)h + h->at[s];
}

int vocab_of_image(const void *image, size_t size, const char *path, struct vocab *v, struct err *e)
{
    const struct vocab_header *h = image;

    if (size < sizeof *h || memcmp(h->magic, VOCAB_MAGIC, sizeof h->magic) != 0)
        return err_set(e, ERR_CORRUPT, "%s: not a vocabulary image", path);
    if (h->endian != VOCAB_ENDIAN || h->version != VOCAB_VERSION)
        return err_set(e, ERR_CORRUPT,
                       "%s: made by another version or for another machine; make it again", path);
    if (h->size != size || !sections_fit(h))
        return err_set(e, ERR_CORRUPT, "%s: damaged: %zu bytes, should be %llu", path, size,
                       (unsigned long long)h->size);
    v->h = h;
    v->tokens = section(h, VOCAB_TOKENS);
    v->bytes = section(h, VOCAB_BYTES);
    v->shorts = section(h, VOCAB_SHORTS);
    v->short_ids = section(h, VOCAB_SHORTIDS);
    v->longs = section(h, VOCAB_LONGS);
    v->filter = section(h, VOCAB_FILTER);
    v->pairs = section(h, VOCAB_PAIRS);
    v->bigrams = section(h, VOCAB_BIGRAMS);
    v->trie = section(h, VOCAB_TRIE);
    v->joints = section(h, VOCAB_JOINTS);
    v->triple_counts = section(h, VOCAB_TRIPLES);
    return 0;
}

int vocab_open(const char *path, struct vocab *v, struct err *e)
{
    struct stat st;
    void *image;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                       strerror(errno));
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0) {
        close(fd);
        return err_set(e, ERR_CORRUPT, "%s: not a vocabulary image", path);
    }
    image = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (image == MAP_FAILED)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    if (vocab_of_image(image, (size_t)st.st_size, path, v, e) < 0) {
        munmap(image, (size_t)st.st_size);
        return -1;
    }
    return 0;
}

void vocab_close(struct vocab *v)
{
    if (v->h)
        munmap((void *)(uintptr_t)v->h, v->h->size);
    v->h = NULL;
}

bool vocab_intact(const struct vocab *v)
{
    return XXH3_64bits(v->h + 1, v->h->size - sizeof *v->h) == v->h->checksum;
}

uint32_t vocab_pair_search(const struct vocab *v, uint64_t want, uint32_t slot)
{
    uint32_t mask = v->h->pairs - 1;

    for (slot &= mask;; slot = (slot + 1) & mask) {
        uint64_t found = v->pairs[slot];
        if ((found ^ want) >> 21 == 0 || found == UINT64_MAX)
            return (uint32_t)found & VOCAB_NONE;
    }
}

uint32_t vocab_find(const struct vocab *v, const char *p, size_t n)
{
    uint32_t mask = v->h->longs - 1;

    if (n <= VOCAB_SHORT) {
        struct piece_key k = piece_key(p, n, n);
        int64_t slot = vocab_short_slot(v, k, piece_hash(k));
        return slot < 0 ? VOCAB_NONE : v->short_ids[slot];
    }
    if (n > v->h->longest)
        return VOCAB_NONE;
    for (uint32_t i = (uint32_t)long_hash(p, n) & mask;; i = (i + 1) & mask) {
        uint32_t token = v->longs[i];
        if (token == VOCAB_NONE)
            return VOCAB_NONE;
        if (vocab_len(v, token) == n && memcmp(v->bytes + v->tokens[token].at, p, n) == 0)
            return token;
    }
}

uint32_t vocab_longest(const struct vocab *v, const char *p, size_t n)
{
    const struct vocab_node *node = v->trie;
    uint32_t best = VOCAB_NONE;

    for (size_t i = 0; i < n && node->children; i++) {
        unsigned char c = (unsigned char)p[i];
        node = &v->trie[node->children ^ c];
        if (node->entry >> VOCAB_TOKEN_BITS != c + 1u)
            break;
        if ((node->entry & VOCAB_NONE) != VOCAB_NONE)
            best = node->entry & VOCAB_NONE;
    }
    return best;
}
