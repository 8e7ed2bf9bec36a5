/* SPDX-License-Identifier: MIT */
/* Vocabularies that users bring. */
#include "vocab_fixture.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "meter/vocab_build.h"

static void base64(struct span s, struct buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < s.n; i += 3) {
        uint32_t v = 0;
        for (size_t k = 0; k < 3; k++)
            v = v << 8 | (i + k < s.n ? (unsigned char)s.p[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            buf_char(out, i + k > s.n ? '=' : digits[v >> (18 - 6 * k) & 63]);
    }
}

static void add_line(struct buf *out, struct span token, unsigned rank)
{
    base64(token, out);
    buf_printf(out, " %u\n", rank);
}

/* An image in a file of a new folder, whose name is returned. */
static char *write_image(const struct buf *image, const char *name)
{
    static char dir[64];
    char path[128];
    FILE *f;

    strcpy(dir, "/tmp/tokencap-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(image->p, 1, image->n, f), image->n);
    fclose(f);
    return dir;
}

static void remove_folder(const char *dir, const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    unlink(path);
    rmdir(dir);
}

/* One of our own vocabularies, brought as a rank file, counts as it does without that. */
static void the_same_by_import(void **state)
{
    struct vocabs *v = open_vocabs();
    const struct vocab *ours = &v->image[IMAGE_CL100K];
    struct buf ranks, image;
    struct tokenizer *t;
    struct err e;
    enum encoding enc;
    uint64_t seed = 6;
    char text[2000], *dir;
    bool known;

    (void)state;
    buf_init(&ranks, 0);
    buf_init(&image, 0);
    for (uint32_t i = ours->h->ntokens; i-- > 0;) /* the order of lines does not matter */
        add_line(&ranks, vocab_text(ours, i), i);
    /* A pattern that means the same, but is not the one that has a splitter of its own. */
    if (vocab_import(buf_all(&ranks),
                     SPAN("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
                          "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"),
                     SPAN("llama-3*, meta/llama-3?"), &image, &e) < 0)
        fail_msg("%s", e.msg);
    dir = write_image(&image, "llama3.vocab");
    assert_int_equal(vocabs_add_folder(v, dir, &e), 0);
    assert_int_equal(vocabs_add_folder(v, "/nonexistent", &e), 0);
    assert_int_equal(vocabs_count(v), ENCODINGS + 1);
    assert_true(vocabs_encoding_from_name(v, SPAN("llama3"), &enc));
    assert_int_equal(enc, ENCODINGS);
    assert_string_equal(vocabs_encoding_name(v, enc), "llama3");
    assert_int_equal(vocabs_encoding_of_model(v, SPAN("llama-3.3-70b"), &known), enc);
    assert_true(known);
    assert_int_equal(vocabs_encoding_of_model(v, SPAN("meta/llama-3x"), &known), enc);
    assert_int_equal(vocabs_encoding_of_model(v, SPAN("meta/llama-3xx"), &known), ENC_O200K);
    assert_false(known);
    assert_int_equal(vocabs_encoding_of_model(v, SPAN("gpt-4"), &known), ENC_CL100K);
    assert_true(vocabs_image(enc) == IMAGES && v->image[IMAGES].h->flags == ours->h->flags);
    t = tokenizer_create(v);
    for (int i = 0; i < 3000; i++) {
        size_t n = 0;
        for (uint32_t k = dice(&seed) % 12 + 1; k; k--) {
            struct span x = vocab_text(ours, dice(&seed) % ours->h->ntokens);
            memcpy(text + n, x.p, x.n);
            n += x.n;
        }
        struct span s = {text, n};
        assert_int_equal(tokenizer_count(t, enc, s), tokenizer_count(t, ENC_CL100K, s));
        assert_int_equal(tokenizer_encode(t, enc, s, NULL, 0), tokenizer_count(t, enc, s));
    }
    tokenizer_destroy(t);
    vocabs_close(v);
    remove_folder(dir, "llama3.vocab");
    buf_finish(&ranks);
    buf_finish(&image);
}

/* A vocabulary that breaks what the fast ways rely on: later parts in earlier tokens, and a token
 * that merging cannot make. */
static const char *const odd[] = {"abc", "ab", "cd",   "bcd",    "abcd",
                                  "xyz", "bb", "bbbb", "\u4e2d", "\xb8\xad"};
#define ODD (sizeof odd / sizeof *odd)

static unsigned odd_rank(struct span s)
{
    for (unsigned i = 0; i < ODD; i++)
        if (span_eq(s, span_of(odd[i])))
            return i;
    return s.n == 1 ? 300u + (unsigned char)*s.p : UINT32_MAX;
}

/* Merging as it is defined, on the ranks of strings. */
static size_t define(const char *p, size_t n, unsigned *ids)
{
    size_t ends[128], parts = n;

    if (odd_rank((struct span){p, n}) != UINT32_MAX) {
        *ids = odd_rank((struct span){p, n});
        return 1;
    }
    for (size_t i = 0; i <= n; i++)
        ends[i] = i;
    for (;;) {
        unsigned least = UINT32_MAX;
        size_t at = 0;
        for (size_t i = 0; i + 2 <= parts; i++) {
            unsigned rank = odd_rank((struct span){p + ends[i], ends[i + 2] - ends[i]});
            if (rank < least) {
                least = rank;
                at = i;
            }
        }
        if (least == UINT32_MAX)
            break;
        memmove(&ends[at + 1], &ends[at + 2], (parts - at - 1) * sizeof *ends);
        parts--;
    }
    for (size_t i = 0; i < parts; i++)
        ids[i] = odd_rank((struct span){p + ends[i], ends[i + 1] - ends[i]});
    return parts;
}

static void odd_vocabulary(void **state)
{
    struct vocabs *v = open_vocabs();
    struct buf ranks, image;
    struct tokenizer *t;
    struct err e;
    uint64_t seed = 8;
    char text[128], *dir;

    (void)state;
    buf_init(&ranks, 0);
    buf_init(&image, 0);
    for (unsigned i = 0; i < ODD; i++)
        add_line(&ranks, span_of(odd[i]), i);
    for (unsigned c = 0; c < 256; c++)
        add_line(&ranks, (struct span){(char[]){(char)c}, 1}, 300 + c);
    if (vocab_import(buf_all(&ranks), SPAN("[^ ]+| +"), SPAN("odd"), &image, &e) < 0)
        fail_msg("%s", e.msg);
    dir = write_image(&image, "odd.vocab");
    assert_int_equal(vocabs_add_folder(v, dir, &e), 0);
    assert_int_equal(v->image[IMAGES].h->flags, 0);
    t = tokenizer_create(v);
    for (int i = 0; i < 20000; i++) {
        size_t n = 0, want;
        unsigned ids[128], got[128];
        for (uint32_t k = dice(&seed) % (i % 8 ? 12 : 60) + 1; k; k--)
            n += put_utf8(text + n,
                          (uint32_t[]){'a', 'b', 'c', 'd', 'x', 'y', 'z', 0x4e2d}[dice(&seed) % 8]);
        want = define(text, n, ids);
        assert_int_equal(tokenizer_encode(t, ENCODINGS, (struct span){text, n}, got, 128), want);
        assert_memory_equal(ids, got, want * sizeof *ids);
        assert_int_equal(tokenizer_count(t, ENCODINGS, (struct span){text, n}), want);
    }
    tokenizer_destroy(t);
    vocabs_close(v);

    /* A byte that fell over is noticed. */
    remove_folder(dir, "odd.vocab");
    image.p[image.n - VOCAB_PAGE] ^= 1;
    dir = write_image(&image, "odd.vocab");
    v = open_vocabs();
    assert_int_equal(vocabs_add_folder(v, dir, &e), -1);
    assert_int_equal(e.code, ERR_CORRUPT);
    assert_non_null(strstr(e.msg, "odd.vocab"));
    vocabs_close(v);
    remove_folder(dir, "odd.vocab");
    buf_finish(&ranks);
    buf_finish(&image);
}

static void refuse(const char *ranks, const char *pattern, const char *models, const char *why)
{
    struct buf image;
    struct err e = {0};

    buf_init(&image, 0);
    assert_int_equal(vocab_import(span_of(ranks), span_of(pattern), span_of(models), &image, &e),
                     -1);
    if (!strstr(e.msg, why))
        fail_msg("\"%s\" does not say \"%s\"", e.msg, why);
    assert_int_equal(image.n, 0);
    buf_finish(&image);
}

static void bad_input(void **state)
{
    (void)state;
    refuse("YQ== 0\n", "", "m", "pattern is empty");
    refuse("YQ== 0\n", "(", "m", "not understood");
    refuse("YQ== 0\n", "\\p{Han}", "m", "\\p{Han}");
    refuse("YQ== 0\n", ".", " , ", "no model");
    refuse("YQ== 0\n", ".", "a b", "no spaces");
    refuse("", ".", "m", "no token");
    refuse("YQ== 0\nYg==\n", ".", "m", "line 2");
    refuse("YQ== 0\nYg== x\n", ".", "m", "line 2");
    refuse("YQ== 0\nYg== 99999999\n", ".", "m", "line 2");
    refuse("YQ== 0\nY!== 1\n", ".", "m", "rank 1");
    refuse("YQ== 0\n== 1\n", ".", "m", "rank 1");
    refuse("YQ== 7\nYg== 7\n", ".", "m", "the rank 7");
    refuse("YQ== 0\nYQ== 1\n", ".", "m", "the same");
    refuse("YQ== 0\r\nYg== 1\r\n", ".", "m", "single byte 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_by_import),
        cmocka_unit_test(odd_vocabulary),
        cmocka_unit_test(bad_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
