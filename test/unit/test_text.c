/* SPDX-License-Identifier: MIT */
/* Validation and cleaning against the plain definition in base/utf8. */
#include "vocab_fixture.h"

#include <stdlib.h>

#include "base/utf8.h"
#include "meter/text.h"

static size_t plain_prefix(struct span s)
{
    size_t i = 0, n;

    while (i < s.n && (n = utf8_valid_len(span_skip(s, i))))
        i += n;
    return i;
}

/* At the end of an allocation, so that a sanitizer sees what reads past it. */
static void compare(const unsigned char *p, size_t n)
{
    char *copy = malloc(n ? n : 1);
    struct span s = {copy, n};

    memcpy(copy, p, n);
    if (text_valid_prefix(s) != plain_prefix(s))
        fail_msg("%zu bytes: valid up to %zu, not %zu", n, plain_prefix(s), text_valid_prefix(s));
    free(copy);
}

/* Every sequence of four bytes at which something changes, at every place of a block of sixteen. */
static void telling_sequences(void **state)
{
    static const unsigned char bytes[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                          0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
                                          0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
    enum { N = sizeof bytes };
    unsigned char text[64];

    (void)state;
    for (unsigned i = 0; i < N * N * N * N; i++) {
        unsigned at = i % 33, k = i;
        memset(text, 'x', sizeof text);
        for (int b = 0; b < 4; b++, k /= N)
            text[at + (unsigned)b] = bytes[k % N];
        compare(text, 37);
        compare(text, at + 4); /* and at the very end */
    }
}

static void all_code_points(void **state)
{
    char text[64];

    (void)state;
    for (uint32_t cp = 0; cp < 0x110000; cp++) {
        size_t n = put_utf8(text, cp);
        bool surrogate = cp >= 0xd800 && cp < 0xe000;
        memset(text + n, 'y', 40);
        if (text_valid_prefix((struct span){text, n + 40}) != (surrogate ? 0 : n + 40))
            fail_msg("U+%04X", cp);
    }
}

static void random_bytes(void **state)
{
    uint64_t seed = 4;
    unsigned char text[200];
    struct buf out;

    (void)state;
    buf_init(&out, 0);
    for (int i = 0; i < 50000; i++) {
        size_t n = dice(&seed) % sizeof text;
        for (size_t k = 0; k < n; k++)
            text[k] =
                (unsigned char)(dice(&seed) % 3 ? dice(&seed) % 128 : 0x80 + dice(&seed) % 128);
        compare(text, n);
        buf_clear(&out);
        text_clean((struct span){(const char *)text, n}, &out);
        assert_true(out.n <= 3 * n && text_valid_prefix(buf_all(&out)) == out.n);
    }
    buf_finish(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(telling_sequences),
        cmocka_unit_test(all_code_points),
        cmocka_unit_test(random_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
