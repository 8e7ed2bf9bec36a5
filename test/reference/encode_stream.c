/* SPDX-License-Identifier: MIT */
/* Token ids for check_tokens.mjs. On stdin: u32 encoding, u32 n, n bytes, again and again; on stdout, for
 * each: u32 count, then as many u32 ids. Each count is asked for twice more, through tokenizer_count(),
 * cold and from the piece cache, and a difference ends the program. */
#include <stdio.h>
#include <stdlib.h>

#include "meter/tokenizer.h"

static bool read_all(void *p, size_t n)
{
    return fread(p, 1, n, stdin) == n;
}

static int answer(struct tokenizer *t, enum encoding enc, struct span text, uint32_t *ids, size_t max)
{
    int64_t n = tokenizer_encode(t, enc, text, ids, max);
    uint32_t count = (uint32_t)n;

    for (int i = 0; i < 2; i++)
        if (tokenizer_count(t, enc, text) != n) {
            fprintf(stderr, "encoding and counting differ: %.*s\n", SPAN_FMT(text));
            return -1;
        }
    if (n < 0 || (size_t)n > max)
        return -1;
    fwrite(&count, sizeof count, 1, stdout);
    fwrite(ids, sizeof *ids, count, stdout);
    fflush(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    struct vocabs *vocabs;
    struct tokenizer *t;
    struct err e;
    uint32_t head[2], *ids = NULL;
    char *text = NULL;
    int status = 0;

    if (argc != 2 || vocabs_open(argv[1], &vocabs, &e) < 0) {
        fprintf(stderr, "%s\n", argc == 2 ? e.msg : "usage: encode_stream VOCABDIR");
        return 1;
    }
    t = tokenizer_create(vocabs);
    while (t && status == 0 && read_all(head, sizeof head)) {
        char *bigger = realloc(text, head[1] + 1);
        uint32_t *more = realloc(ids, (head[1] * 3 + 1) * sizeof *ids);
        text = bigger ? bigger : text;
        ids = more ? more : ids;
        if (!bigger || !more || !read_all(text, head[1]))
            status = 1;
        else if (answer(t, (enum encoding)head[0], (struct span){text, head[1]}, ids,
                        head[1] * 3u + 1) < 0)
            status = 1;
    }
    free(text);
    free(ids);
    tokenizer_destroy(t);
    vocabs_close(vocabs);
    return status;
}
