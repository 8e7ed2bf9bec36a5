/* SPDX-License-Identifier: MIT */
#include "meter/vocab_build.h"

#include <stdlib.h>

#define MERGES_MAGIC  "tokencap merges\n"
#define MERGES_HEADER 56
#define MERGES_NONE   0xffffffu

static int no_memory(struct err *e)
{
    return err_set(e, ERR_MEMORY, "no memory for a vocabulary");
}

void vocab_source_finish(struct vocab_source *s)
{
    free(s->at);
    free(s->bytes);
    free(s->left);
    free(s->right);
    *s = (struct vocab_source){0};
}

static int allocate(struct vocab_source *s, uint32_t ntokens, struct err *e)
{
    *s = (struct vocab_source){.ntokens = ntokens};
    s->at = calloc((size_t)ntokens + 1, sizeof *s->at);
    s->left = malloc(((size_t)ntokens + 1) * sizeof *s->left);
    s->right = malloc(((size_t)ntokens + 1) * sizeof *s->right);
    if (!s->at || !s->left || !s->right) {
        vocab_source_finish(s);
        return no_memory(e);
    }
    for (uint32_t i = 0; i < ntokens; i++)
        s->left[i] = s->right[i] = VOCAB_NONE;
    return 0;
}

static uint32_t u24(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}

/* Writes the bytes of token i behind those of the earlier ones, of which it is made. */
static bool spell(struct vocab_source *s, uint32_t i, uint32_t left, uint32_t right,
                  struct buf *bytes)
{
    size_t n;

    if (right == MERGES_NONE) {
        if (left != MERGES_NONE)
            buf_char(bytes, (char)left);
        return left == MERGES_NONE || left < 256;
    }
    if (left >= i || right >= i)
        return false;
    s->left[i] = left;
    s->right[i] = right;
    for (int half = 0; half < 2; half++) {
        uint32_t part = half ? right : left;
        char copy[256];
        n = s->at[part + 1] - s->at[part];
        if (!n || n > sizeof copy)
            return false;
        memcpy(copy, bytes->p + s->at[part], n); /* the buffer may move while it grows */
        buf_add(bytes, copy, n);
    }
    return true;
}

int vocab_source_merges(struct span file, struct vocab_source *out, struct err *e)
{
    const unsigned char *p = (const unsigned char *)file.p;
    struct vocab_source s;
    struct buf bytes;
    uint32_t n;

    if (file.n < MERGES_HEADER || memcmp(p, MERGES_MAGIC, 16) != 0 || u24(p + 16) != 1 || p[23])
        return err_set(e, ERR_CORRUPT, "not a merges file");
    n = u24(p + 20);
    if (n >= VOCAB_NONE || file.n != MERGES_HEADER + (size_t)n * 6)
        return err_set(e, ERR_CORRUPT, "a merges file of the wrong size");
    if (allocate(&s, n, e) < 0)
        return -1;
    buf_init(&bytes, UINT32_MAX);
    for (uint32_t i = 0; i < n; i++) {
        const unsigned char *pair = p + MERGES_HEADER + (size_t)i * 6;
        if (bytes.failed)
            break;
        if (!spell(&s, i, u24(pair), u24(pair + 3), &bytes)) {
            buf_finish(&bytes);
            vocab_source_finish(&s);
            return err_set(e, ERR_CORRUPT, "token %u of a merges file is damaged", i);
        }
        s.at[i + 1] = (uint32_t)bytes.n;
    }
    if (bytes.failed) {
        buf_finish(&bytes);
        vocab_source_finish(&s);
        return no_memory(e);
    }
    s.bytes = bytes.p;
    *out = s;
    return 0;
}
