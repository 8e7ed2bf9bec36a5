/* SPDX-License-Identifier: MIT */
/* hostile VOCABDIR: seconds of CPU for 1, 2, 4 and 8 MB of every hostile shape in every encoding,
 * the slowest ten as rows of a table. Ends 1 when a MB takes more than 0.3 s, or when time is not
 * linear. */
#include "../../unit/hostile.h"
#include "measure.h"
#include "meter/tokenizer.h"

#define MB    1048576
#define SIZES 4
#define MOST  0.3 /* seconds a MB */

struct row {
    const char *shape;
    enum encoding enc;
    double seconds[SIZES];
};

static double cpu(void)
{
    return (double)cpu_ns() / 1e9;
}

static struct row measure(struct tokenizer *t, enum encoding enc, const char *shape)
{
    struct row r = {shape, enc, {0}};
    char *text = hostile(shape, (size_t)MB << (SIZES - 1));

    for (int i = 0; text && i < SIZES; i++) {
        double start = cpu();
        if (tokenizer_count(t, enc, (struct span){text, (size_t)MB << i}) <= 0)
            exit(1);
        r.seconds[i] = cpu() - start;
    }
    free(text);
    return r;
}

static int slower(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    return (x->seconds[3] < y->seconds[3]) - (x->seconds[3] > y->seconds[3]);
}

static void print(const struct row *r)
{
    printf("| %s | `", encoding_name(r->enc));
    for (const char *c = r->shape; *c; c++)
        printf(*c > ' ' && *c < 0x7f ? "%c" : "\\x%02x", (unsigned char)*c);
    printf("` |");
    for (int i = 0; i < SIZES; i++)
        printf(" %.3f |", r->seconds[i]);
    printf(" %.0f |\n", 8 * MB / 1e6 / r->seconds[3]);
}

int main(int argc, char **argv)
{
    static struct row rows[HOSTILE_SHAPES * ENCODINGS];
    struct tokenizer *t = NULL;
    struct vocabs *v;
    struct err e = {0};
    size_t n = 0;
    int bad = 0;

    if (argc != 2 || vocabs_open(argv[1], &v, &e) < 0 || !(t = tokenizer_create(v))) {
        fprintf(stderr, "usage: %s VOCABDIR %s\n", argv[0], e.msg);
        return 1;
    }
    for (int enc = 0; enc < ENCODINGS; enc++)
        for (size_t i = 0; enc != ENC_O200K_HARMONY && i < HOSTILE_SHAPES; i++)
            rows[n++] = measure(t, (enum encoding)enc, hostile_shapes[i]);
    qsort(rows, n, sizeof *rows, slower);
    puts("| encoding | shape | 1 MB | 2 MB | 4 MB | 8 MB | MB/s |\n|---|---|---|---|---|---|---|");
    for (size_t i = 0; i < n; i++) {
        const double *s = rows[i].seconds;
        bool failed = s[0] > MOST || s[3] / 8 > MOST || s[3] > 20 * s[0] + 0.1;
        if (i < 10 || failed)
            print(&rows[i]);
        bad |= failed;
    }
    tokenizer_destroy(t);
    vocabs_close(v);
    return bad;
}
