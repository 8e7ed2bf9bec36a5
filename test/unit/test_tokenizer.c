/* SPDX-License-Identifier: MIT */
#include "hostile.h"
#include "patience.h"
#include "tokenizer_fixture.h"

#include "base/clock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

struct vector {
    enum encoding enc;
    const char *text;
    int n;
    uint32_t ids[16];
};

/* Published with the encodings, or made with their reference implementation. */
static const struct vector vectors[] = {
    {ENC_O200K, "", 0, {0}},
    {ENC_O200K, "hello world", 2, {24912, 2375}},
    {ENC_O200K_HARMONY, "hello world", 2, {24912, 2375}},
    {ENC_CL100K, "hello world", 2, {15339, 1917}},
    {ENC_R50K, "hello world", 2, {31373, 995}},
    {ENC_P50K, "hello world", 2, {31373, 995}},
    {ENC_O200K, "antidisestablishmentarianism", 6, {493, 129901, 376, 160388, 21203, 2367}},
    {ENC_CL100K, "antidisestablishmentarianism", 6, {519, 85342, 34500, 479, 8997, 2191}},
    {ENC_R50K, "antidisestablishmentarianism", 5, {415, 29207, 44390, 3699, 1042}},
};

static void published_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const struct vector *v = &vectors[i];
        uint32_t ids[64];
        struct span text = span_of(v->text);

        assert_int_equal(tokenizer_encode(tokenizer, v->enc, text, ids, 64), v->n);
        assert_memory_equal(ids, v->ids, (size_t)v->n * sizeof *ids);
        assert_int_equal(tokenizer_count(tokenizer, v->enc, text), v->n);
    }
}

static void counts(void **state)
{
    const struct span greeting = SPAN("こんにちは、世界！お元気ですか？");

    (void)state;
    assert_int_equal(tokenizer_count(tokenizer, ENC_O200K, greeting), 10);
    assert_int_equal(tokenizer_count(tokenizer, ENC_CL100K, greeting), 12);
    assert_int_equal(tokenizer_count(tokenizer, ENC_P50K, greeting), 26);
    assert_int_equal(tokenizer_count(tokenizer, ENC_O200K, SPAN("<|endoftext|>")), 7);
    assert_int_equal(tokenizer_count(tokenizer, ENC_O200K, (struct span){NULL, 0}), 0);
    assert_int_equal(tokenizer_count(tokenizer, ENC_O200K, (struct span){"\0\0", 2}), 1);
}

static void no_more_ids_than_asked(void **state)
{
    uint32_t ids[3] = {7, 7, 7};

    (void)state;
    assert_int_equal(
        tokenizer_encode(tokenizer, ENC_O200K, SPAN("antidisestablishmentarianism"), ids, 2), 6);
    assert_int_equal(ids[1], 129901);
    assert_int_equal(ids[2], 7);
    assert_int_equal(tokenizer_encode(tokenizer, ENC_O200K, SPAN("hello world"), NULL, 0), 2);
}

/* Each maximal ill-formed subpart is one U+FFFD. */
static void invalid_utf8(void **state)
{
    static const struct {
        const char *raw, *clean;
    } rows[] = {
        {"\xff", "\xef\xbf\xbd"},
        {"a\xc3", "a\xef\xbf\xbd"},
        {"\xe4\xb8 x", "\xef\xbf\xbd x"},
        {"\xf0\x9f\x98!", "\xef\xbf\xbd!"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xc0\x80 ok", "\xef\xbf\xbd\xef\xbf\xbd ok"},
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xe4\xb8\xe4\xb8\xad", "\xef\xbf\xbd\xe4\xb8\xad"},
        {"\xe1\x80\x41", "\xef\xbf\xbd\x41"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int enc = 0; enc < ENCODINGS; enc++) {
            uint32_t a[32], b[32];
            int64_t n =
                tokenizer_encode(tokenizer, (enum encoding)enc, span_of(rows[i].raw), a, 32);
            int64_t m =
                tokenizer_encode(tokenizer, (enum encoding)enc, span_of(rows[i].clean), b, 32);
            assert_int_equal(n, m);
            assert_memory_equal(a, b, (size_t)n * sizeof *a);
            assert_int_equal(tokenizer_count(tokenizer, (enum encoding)enc, span_of(rows[i].raw)),
                             n);
        }
}

/* Counting, cold and warm, and encoding agree; encodings sharing one thread's cache do not mix. */
static void counting_is_encoding(void **state)
{
    uint64_t seed = 3;
    char text[400];

    (void)state;
    for (int i = 0; i < 20000; i++) {
        size_t n = 0, length = dice(&seed) % 90;
        for (size_t k = 0; k < length; k++)
            n += put_utf8(text + n, dice(&seed) % 8 ? 'a' + dice(&seed) % 26 : dice(&seed) % 0x800);
        for (int enc = 0; enc < ENCODINGS; enc += 1 + (i % 2)) {
            struct span s = {text, n};
            int64_t want = tokenizer_encode(tokenizer, (enum encoding)enc, s, NULL, 0);
            assert_int_equal(tokenizer_count(tokenizer, (enum encoding)enc, s), want);
            assert_int_equal(tokenizer_count(tokenizer, (enum encoding)enc, s), want);
        }
    }
}

static void models(void **state)
{
    static const struct {
        const char *model;
        enum encoding enc;
        bool known;
    } rows[] = {
        {"gpt-4o", ENC_O200K, true},
        {"gpt-4o-mini-2024-07-18", ENC_O200K, true},
        {"gpt-4", ENC_CL100K, true},
        {"gpt-4-0613", ENC_CL100K, true},
        {"gpt-4.1-nano", ENC_O200K, true},
        {"gpt-5.6-sol", ENC_O200K, true},
        {"gpt-oss-120b", ENC_O200K_HARMONY, true},
        {"gpt-3.5-turbo-0125", ENC_CL100K, true},
        {"text-embedding-3-small", ENC_CL100K, true},
        {"text-davinci-003", ENC_P50K, true},
        {"davinci", ENC_R50K, true},
        {"davinci-002", ENC_CL100K, true},
        {"ft:gpt-4o-mini:org::id", ENC_O200K, true},
        {"ft:gpt-4-0613:org", ENC_CL100K, true},
        {"ft:gpt-4.1-mini:org", ENC_O200K, true},
        {"openai/gpt-4", ENC_CL100K, true},
        {"gpt-6.1-luna", ENC_O200K, false},
        {"claude-opus-5", ENC_O200K, false},
        {"", ENC_O200K, false},
        {"gpt-4x", ENC_O200K, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool known;
        assert_int_equal(encoding_of_model(span_of(rows[i].model), &known), rows[i].enc);
        assert_int_equal(known, rows[i].known);
    }
    for (int enc = 0; enc < ENCODINGS; enc++) {
        enum encoding back;
        assert_true(encoding_from_name(span_of(encoding_name((enum encoding)enc)), &back));
        assert_int_equal(back, enc);
    }
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Time grows with length, not with its square: four times the text, at most ten times the time. */
static void hostile_texts_take_linear_time(void **state)
{
    const size_t small = 1 << 17;

    (void)state;
    for (size_t i = 0; i < HOSTILE_SHAPES; i++)
        for (int enc = ENC_O200K; enc <= ENC_P50K; enc++) {
            char *text = hostile(hostile_shapes[i], small * 4);
            double t0 = seconds(), t1, t2;

            assert_true(tokenizer_count(tokenizer, (enum encoding)enc, (struct span){text, small}) >
                        0);
            t1 = seconds();
            assert_true(
                tokenizer_count(tokenizer, (enum encoding)enc, (struct span){text, small * 4}) > 0);
            t2 = seconds();
            if (t2 - t1 > 10 * (t1 - t0) + 0.05)
                fail_msg("%s on \"%s\": %.3f s, four times as long: %.3f s",
                         encoding_name((enum encoding)enc), hostile_shapes[i], t1 - t0, t2 - t1);
            free(text);
        }
}

/* The most that a body can be: counted right, and in a time that says nothing is quadratic. */
static void texts_of_32_mib(void **state)
{
    static const struct {
        struct span line,
            clean; /* a line is split off from the next; the second is what it counts as */
    } rows[] = {
        {SPAN("hello world\n"), SPAN("hello world\n")},
        {SPAN("a\0b\n"), SPAN("a\0b\n")},
        {SPAN("a\xff\xe4\xb8z\n"), SPAN("a\xef\xbf\xbd\xef\xbf\xbdz\n")},
        {SPAN("\xe4\xb8\xad\xe6\x96\x87\n"), SPAN("\xe4\xb8\xad\xe6\x96\x87\n")},
    };
    static const enum encoding encodings[] = {ENC_O200K, ENC_CL100K, ENC_R50K};
    const size_t most = 32u << 20;
    char *text = malloc(most);

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct span line = rows[i].line;
        size_t lines = most / line.n;
        int64_t start = clock_mono_ns();

        for (size_t k = 0; k < lines; k++)
            memcpy(text + k * line.n, line.p, line.n);
        for (size_t k = 0; k < sizeof encodings / sizeof *encodings; k++)
            assert_int_equal(
                tokenizer_count(tokenizer, encodings[k], (struct span){text, lines * line.n}),
                (int64_t)lines * tokenizer_count(tokenizer, encodings[k], rows[i].clean));
        if (clock_mono_ns() - start > PATIENCE(60))
            fail_msg("row %zu took %lld ms", i, (long long)(clock_mono_ns() - start) / 1000000);
    }
    free(text);
}

/* Copies a good image cut, or with one byte changed, into a folder of its own and opens that. */
static void open_damaged(long size, long at, const char *what)
{
    char dir[] = "/tmp/tokencap-test-XXXXXX", path[4200], good[4200], *data;
    struct vocabs *v = NULL;
    struct stat st;
    struct err e;
    int fd;

    assert_non_null(mkdtemp(dir));
    snprintf(good, sizeof good, "%s/o200k_base.vocab", vocab_dir());
    snprintf(path, sizeof path, "%s/o200k_base.vocab", dir);
    assert_int_equal(stat(good, &st), 0);
    data = malloc((size_t)st.st_size);
    fd = open(good, O_RDONLY);
    assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
    close(fd);
    if (at >= 0)
        data[at] ^= 0x40;
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    size = size < 0 ? st.st_size + size : size;
    assert_int_equal(write(fd, data, (size_t)size), size);
    close(fd);
    free(data);
    assert_int_equal(vocabs_open(dir, &v, &e), -1);
    assert_null(v);
    if (!strstr(e.msg, "o200k_base.vocab") || !strstr(e.msg, what))
        fail_msg("a strange message: %s", e.msg);
    unlink(path);
    rmdir(dir);
}

/* All processes read the same pages of a vocabulary, which is mapped where it lies. */
static void vocabularies_are_shared(void **state)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4400];
    int shared = 0;

    (void)state;
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps))
        if (strstr(line, "/vocab/")) {
            assert_non_null(strstr(line, " r--s "));
            shared++;
        }
    fclose(maps);
    assert_int_equal(shared, IMAGES);
}

static void damaged_vocabularies(void **state)
{
    struct vocabs *v = NULL;
    struct err e;

    (void)state;
    open_damaged(0, -1, "not a vocabulary");
    open_damaged(100, -1, "not a vocabulary");
    open_damaged(-4096, -1, "damaged");
    open_damaged(-1, 3, "not a vocabulary");
    open_damaged(-1, 20, "another version");
    assert_int_equal(vocabs_open("/nonexistent", &v, &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_non_null(strstr(e.msg, "/nonexistent/o200k_base.vocab"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),
        cmocka_unit_test(counts),
        cmocka_unit_test(no_more_ids_than_asked),
        cmocka_unit_test(invalid_utf8),
        cmocka_unit_test(counting_is_encoding),
        cmocka_unit_test(models),
        cmocka_unit_test(hostile_texts_take_linear_time),
        cmocka_unit_test(texts_of_32_mib),
        cmocka_unit_test(vocabularies_are_shared),
        cmocka_unit_test(damaged_vocabularies),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
