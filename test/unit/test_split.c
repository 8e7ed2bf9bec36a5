/* SPDX-License-Identifier: MIT */
/* The hand-written splitters against the encodings' own patterns, run by PCRE2. */
#include "vocab_fixture.h"

#include <stdlib.h>

#include "meter/split.h"
#include "meter/unicode.h"

static struct split_pcre *pcre[SPLIT_PATTERN];

static int setup(void **state)
{
    (void)state;
    for (int rule = 0; rule < SPLIT_PATTERN; rule++) {
        struct err e;
        if (split_pcre_create(span_of(split_pattern_of((enum split_rule)rule)), &pcre[rule], &e) <
            0)
            fail_msg("%s", e.msg);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int rule = 0; rule < SPLIT_PATTERN; rule++)
        split_pcre_destroy(pcre[rule]);
    return 0;
}

static size_t by_hand(enum split_rule rule, const char *p, size_t n, size_t from, size_t *ends,
                      size_t max)
{
    static size_t (*const split[])(const char *, size_t, size_t, size_t *, size_t) = {
        split_o200k, split_cl100k, split_r50k};

    return split[rule](p, n, from, ends, max);
}

/* The text lies at the very end of an allocation, so that reading past it shows under a sanitizer.
 */
static void compare(const char *text, size_t n)
{
    char *p = malloc(n ? n : 1);

    memcpy(p, text, n);
    for (int rule = 0; rule < SPLIT_PATTERN; rule++) {
        size_t a[512], b[512];
        size_t na = by_hand((enum split_rule)rule, p, n, 0, a, 512);
        size_t nb = split_pcre_next(pcre[rule], p, n, 0, b, 512);
        if (na != nb || memcmp(a, b, na * sizeof *a) != 0)
            fail_msg("rule %d splits otherwise than its pattern: \"%.*s\"", rule, (int)n, p);
        assert_true(na == 512 || (n ? a[na - 1] == n : na == 0));
    }
    free(p);
}

static size_t in_contexts(char *out, uint32_t cp)
{
    static const char *const contexts[] = {
        "* a*b A* *B", "!*! **a 1*1", "'* '*s *'s", "*\n* \n \n *A", "  * ", "A*a\t*/\n/", "*"};
    size_t n = 0;

    for (size_t i = 0; i < sizeof contexts / sizeof *contexts; i++)
        for (const char *c = contexts[i]; *c; c++)
            n += *c == '*' ? put_utf8(out + n, cp) : put_utf8(out + n, (unsigned char)*c);
    return n;
}

/* Code points of one block of the table differ from those of an equal block in nothing that a
 * splitter looks at: all up to U+3400, then the first block of each kind. */
static void every_kind_of_code_point(void **state)
{
    static unsigned char seen[65536];
    char text[512];

    (void)state;
    for (uint32_t cp = 0; cp < UNICODE_END; cp++) {
        unsigned char *known = &seen[unicode_index[cp >> 6]];
        if ((cp & ~0x7ffu) == 0xd800 || (cp >= 0x3400 && *known))
            continue;
        compare(text, in_contexts(text, cp));
        *known |= (cp & 63) == 63 && cp >= 0x3400;
    }
}

static void strings_of_telling_characters(void **state)
{
    static const uint32_t alphabet[] = {
        'a',  'B',    's',    'S',    't',    'l',     'r',    'e',      '\'',   '\'',    ' ',
        ' ',  '\n',   '\r',   '\t',   '/',    '!',     '1',    '9',      0x2019, 0x17f,   0xe9,
        0xc9, 0x1c5,  0x2b0,  0x4e2d, 0x301,  0x903,   0x20dd, 0xbd,     0x664,  0x2160,  0x85,
        0xa0, 0x3000, 0xfeff, 0x180e, 0x200d, 0x1f600, 0x378,  0x10ffff, 0xfffd, 0x1d400, 0xff41,
    };
    uint64_t seed = 1;
    char text[256];

    (void)state;
    for (int i = 0; i < 60000; i++) {
        size_t n = 0, length = dice(&seed) % 40;
        for (size_t k = 0; k < length; k++)
            n += put_utf8(text + n, alphabet[dice(&seed) % (sizeof alphabet / sizeof *alphabet)]);
        compare(text, n);
    }
}

/* Long enough for what works on many bytes at once; ASCII, but for one text in four. */
static void long_strings(void **state)
{
    static const char *const alphabets[] = {
        "aB ",
        "aBc dE'",
        "a'sStTlLrReEvVmMdD ",
        "ab \n",
        "a \n\t\r",
        "a!/\n",
        "aA1 !'\n/",
        "0123456789 .,-",
        " \n\t!",
        "!/\n\r -='",
        "aaaaaaaaaaaaaaaaaaaB ",
        "aaa's'll'tx ",
        "{}[]\":, \n0aB",
        "\x01\x1c\x7f\x0b\x0c a!",
    };
    uint64_t seed = 7;
    char text[1200];

    (void)state;
    for (int i = 0; i < 40000; i++) {
        const char *alphabet = alphabets[dice(&seed) % (sizeof alphabets / sizeof *alphabets)];
        size_t n = 0, length = 40 + dice(&seed) % 260, kinds = strlen(alphabet);
        for (size_t k = 0; k < length; k++) {
            uint32_t odd = i % 4 ? 1 : dice(&seed) % 24;
            n += put_utf8(text + n, odd ? (unsigned char)alphabet[dice(&seed) % kinds]
                                        : 0xa0 + dice(&seed) % 0x2000);
        }
        compare(text, n);
    }
}

static void expect(enum split_rule rule, const char *text, const char *pieces)
{
    size_t ends[64], from = 0, n = by_hand(rule, text, strlen(text), 0, ends, 64);
    char got[256] = "";

    for (size_t i = 0; i < n; i++) {
        strncat(got, text + from, ends[i] - from);
        strcat(got, i + 1 < n ? "|" : "");
        from = ends[i];
    }
    assert_string_equal(got, pieces);
}

static void known_splits(void **state)
{
    (void)state;
    expect(SPLIT_O200K, "Hello World's fooBar", "Hello| World's| foo|Bar");
    expect(SPLIT_CL100K, "Hello World's fooBar", "Hello| World|'s| fooBar");
    expect(SPLIT_O200K, "\u4e2dA", "\u4e2d|A");
    expect(SPLIT_O200K, "\u4e2dAb", "\u4e2dAb");
    expect(SPLIT_O200K, "it'\u017f HTTPServer", "it'\u017f| HTTPServer");
    expect(SPLIT_O200K, "a  \n  b  ", "a|  \n| | b|  ");
    expect(SPLIT_O200K, "1234567 //\n/x", "123|456|7| //\n/|x");
    expect(SPLIT_CL100K, "1234567 //\n/x", "123|456|7| //\n|/x");
    expect(SPLIT_R50K, "it's IT'S 1234  \n x", "it|'s| IT|'|S| 1234|  \n| x");
    expect(SPLIT_O200K, "e\u0301t\u00e9", "e\u0301t\u00e9");
    expect(SPLIT_CL100K, "e\u0301t\u00e9", "e|\u0301t\u00e9");
}

/* Resuming at any piece gives the same pieces. */
static void in_small_steps(void **state)
{
    const char *text = "The quick  brown\n\nfox's 12345 caf\u00e9 \u4e2d\u6587!  ";
    size_t n = strlen(text), all[64], count;

    (void)state;
    for (int rule = 0; rule < SPLIT_PATTERN; rule++) {
        size_t from = 0, end, k = 0;
        count = split_pcre_next(pcre[rule], text, n, 0, all, 64);
        for (; from < n; from = end) {
            assert_int_equal(split_pcre_next(pcre[rule], text, n, from, &end, 1), 1);
            assert_int_equal(end, all[k]);
            assert_int_equal(by_hand((enum split_rule)rule, text, n, from, &end, 1), 1);
            assert_int_equal(end, all[k++]);
        }
        assert_int_equal(k, count);
    }
}

static void patterns_of_others(void **state)
{
    struct split_pcre *s = NULL;
    size_t ends[16];
    struct err e;

    (void)state;
    /* What the pattern leaves out is a piece of its own. */
    assert_int_equal(split_pcre_create(SPAN("\\p{Lu}+|[^\\P{Nd}1]+|\\pL"), &s, &e), 0);
    assert_int_equal(split_pcre_next(s, "AB--1223c", 9, 0, ends, 16), 4);
    assert_int_equal(ends[0], 2);
    assert_int_equal(ends[1], 5);
    assert_int_equal(ends[2], 8);
    split_pcre_destroy(s);
    s = NULL;
    assert_int_equal(split_pcre_create(SPAN("\\p{Klingon}+"), &s, &e), -1);
    assert_non_null(strstr(e.msg, "Klingon"));
    assert_int_equal(split_pcre_create(SPAN("(a"), &s, &e), -1);
    assert_null(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_splits),
        cmocka_unit_test(every_kind_of_code_point),
        cmocka_unit_test(strings_of_telling_characters),
        cmocka_unit_test(long_strings),
        cmocka_unit_test(in_small_steps),
        cmocka_unit_test(patterns_of_others),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
