/* SPDX-License-Identifier: MIT */
/* bench_count VOCABDIR ENCODING FILE…: for each file, the nanoseconds of CPU that counting it
 * takes, in messages of about 4 KB, with a tokenizer that has seen none of it, and the number of
 * tokens. */
#include "measure.h"
#include "meter/tokenizer.h"

#define MESSAGE 4096

/* Messages end where a line does, so that no character is cut. */
static int64_t count(struct tokenizer *t, enum encoding enc, const char *p, size_t n)
{
    int64_t sum = 0;

    while (n) {
        const char *end = n > MESSAGE ? memchr(p + MESSAGE, '\n', n - MESSAGE) : NULL;
        size_t some = end ? (size_t)(end + 1 - p) : n;
        sum += tokenizer_count(t, enc, (struct span){p, some});
        p += some;
        n -= some;
    }
    return sum;
}

/* Counts n texts of a short and a long random word. */
static void wear(struct tokenizer *t, enum encoding enc, int n)
{
    uint32_t seed = 1;
    char text[34];

    while (n--) {
        for (size_t i = 0; i < sizeof text; i++, seed = seed * 1664525 + 1013904223)
            text[i] = (char)(i == 8 ? ' ' : 'a' + (seed >> 24) % 26);
        tokenizer_count(t, enc, (struct span){text, sizeof text});
    }
}

static int bench(const struct vocabs *v, enum encoding enc, const char *path)
{
    struct tokenizer *t = tokenizer_create(v);
    size_t n = 0;
    char *text = read_file(path, &n);
    int64_t start, tokens;

    if (!t || !text) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return 1;
    }
    wear(t, ENC_R50K, 20000); /* its memory has served another vocabulary */
    start = cpu_ns();
    tokens = count(t, enc, text, n);
    printf("%lld %lld\n", (long long)(cpu_ns() - start), (long long)tokens);
    tokenizer_destroy(t);
    free(text);
    return 0;
}

int main(int argc, char **argv)
{
    struct tokenizer *t;
    struct vocabs *v;
    enum encoding enc;
    struct err e = {0};
    int status = 0;

    if (argc < 4 || !encoding_from_name(span_of(argv[2]), &enc) ||
        vocabs_open(argv[1], &v, &e) < 0) {
        fprintf(stderr, "usage: %s VOCABDIR ENCODING FILE… %s\n", argv[0], e.msg);
        return 1;
    }
    t = tokenizer_create(v);
    if (!t)
        return 1;
    wear(t, enc, 200000); /* the vocabulary's pages are in memory, as in a daemon that is running */
    tokenizer_destroy(t);
    for (int i = 3; i < argc && status == 0; i++)
        status = bench(v, enc, argv[i]);
    vocabs_close(v);
    return status;
}
