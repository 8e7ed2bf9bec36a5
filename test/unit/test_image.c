/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four that it needs */
#include <cmocka.h>

#include "meter/image.h"

static void encode(struct span bytes, struct buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    buf_init(out, 0);
    for (size_t i = 0; i < bytes.n; i += 3) {
        uint32_t v = 0;
        for (size_t k = 0; k < 3; k++)
            v = v << 8 | (i + k < bytes.n ? (unsigned char)bytes.p[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            buf_char(out, i + k <= bytes.n ? digits[v >> (18 - 6 * k) & 63] : '=');
    }
}

static void test_sizes(void **state)
{
    static const struct {
        struct span bytes;
        int width, height; /* 0: not to be read */
    } rows[] = {
        {SPAN("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x04\0\0\0\x02\xff\x08\x02\0\0\0"), 1024, 767},
        {SPAN("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xff\xff\xff\0\0\x02\xff\x08\x02\0\0\0"), 0, 0},
        {SPAN("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\0\0\0\x02\xff\x08\x02\0\0\0"), 0, 0},
        {SPAN("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x04"), 0, 0},
        {SPAN("\x89PNG\r\n\x1a\n\0\0\0\x04gAMA\0\0\x04\0\0\0\x02\xff"), 0, 0},
        {SPAN("GIF89a\x40\x01\xc8\0\xf7\0\0"), 320, 200},
        {SPAN("GIF87a\x40\x01\xc8\0\xf7\0\0"), 320, 200},
        {SPAN("GIF88a\x40\x01\xc8\0\xf7\0\0"), 0, 0},
        {SPAN("RIFF\x24\0\0\0WEBPVP8 \x18\0\0\0\x30\x01\0\x9d\x01\x2a\x26\x02\x70\x41"), 550, 368},
        {SPAN("RIFF\x24\0\0\0WEBPVP8L\x18\0\0\0\x2f\x25\xc2\x5b\0"), 550, 368},
        {SPAN("RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0\x25\x02\0\x6f\x01\0"), 550, 368},
        {SPAN("RIFF\x24\0\0\0WEBPVP8Z\x0a\0\0\0\x10\0\0\0\x25\x02\0\x6f\x01\0"), 0, 0},
        {SPAN("RIFF\x24\0\0\0WAVEfmt "), 0, 0},
        {SPAN("\xff\xd8\xff\xe0\0\x04JF\xff\xff\xfe\0\x02\xff\xc2\0\x0b\x08\x01\x70\x02\x26\x03"),
         550, 368},
        {SPAN("\xff\xd8\xff\xc4\0\x04\xff\xc0\xff\xc1\0\x0b\x08\x01\x70\x02\x26\x03"), 550, 368},
        {SPAN("\xff\xd8\xff\xe0\xff\xff\xff\xc0"), 0, 0},
        {SPAN("\xff\xd8\xff\xda\0\x04"), 0, 0},
        {SPAN("\xff\xd8\0"), 0, 0},
        {SPAN("not an image at all, just text"), 0, 0},
        {SPAN(""), 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int width = 0, height = 0;
        struct buf b;
        encode(rows[i].bytes, &b);
        if (image_size(buf_all(&b), &width, &height) != (rows[i].width > 0) ||
            width != rows[i].width || height != rows[i].height)
            fail_msg("row %zu: %d x %d", i, width, height);
        buf_finish(&b);
    }
}

static void test_urls(void **state)
{
    static const struct {
        const char *url;
        int width;
    } rows[] = {
        {"data:image/gif;base64,R0lGODlhQAHIAPcAAA==", 320},
        {"DATA:image/gif;x=y;base64,R0lGODlhQAHIAPcAAA", 320},
        {"data:image/gif;base64,R0lGODlhQAHIAA", 320},
        {"data:image/gif;base64,R0lGODlhQAHIAA*", 320},
        {"data:image/gif;base64,R0lGODl*QAHIAPcAAA==", 0},
        {"data:image/gif,R0lGODlhQAHIAPcAAA==", 0},
        {"data:image/gif;base64", 0},
        {"data:", 0},
        {"https://example.org/a;base64,R0lGODlhQAHIAPcAAA==", 0},
        {"", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int width = -1, height = -1;
        image_size_of_url(span_of(rows[i].url), &width, &height);
        if (width != rows[i].width || (width == 0) != (height == 0))
            fail_msg("%s: %d x %d", rows[i].url, width, height);
    }
}

/* A JPEG of nothing but tiny segments. */
static void test_bounded(void **state)
{
    struct buf bytes, b;
    int width = 0, height = 0;

    (void)state;
    buf_init(&bytes, 0);
    buf_str(&bytes, "\xff\xd8");
    for (int i = 0; i < 5000; i++)
        buf_add(&bytes, "\xff\xe1\0\x02", 4);
    buf_add(&bytes, "\xff\xc0\0\x0b\x08\x01\x70\x02\x26\x03", 10);
    encode(buf_all(&bytes), &b);
    assert_false(image_size(buf_all(&b), &width, &height));
    buf_finish(&bytes);
    buf_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
