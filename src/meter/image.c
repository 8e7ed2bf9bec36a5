/* SPDX-License-Identifier: MIT */
#include "meter/image.h"

#include <stdint.h>

/* Bytes behind base64, decoded one at a time where they are wanted: headers are short. */
struct bytes {
    struct span base64;
    bool bad; /* something was read that is not there; sticky */
};

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

static unsigned byte_at(struct bytes *b, size_t i)
{
    size_t at = i / 3 * 4 + i % 3;
    int first, second;

    if (i > b->base64.n || at + 1 >= b->base64.n) {
        b->bad = true;
        return 0;
    }
    first = digit(b->base64.p[at]);
    second = digit(b->base64.p[at + 1]);
    if (first < 0 || second < 0) {
        b->bad = true;
        return 0;
    }
    return ((unsigned)first << (2 + 2 * (i % 3)) | (unsigned)second >> (4 - 2 * (i % 3))) & 0xff;
}

static bool has(struct bytes *b, size_t at, struct span literal)
{
    for (size_t i = 0; i < literal.n; i++)
        if (byte_at(b, at + i) != (unsigned char)literal.p[i])
            return false;
    return !b->bad;
}

static unsigned big(struct bytes *b, size_t at, int n)
{
    unsigned v = 0;

    for (int i = 0; i < n; i++)
        v = v << 8 | byte_at(b, at + (size_t)i);
    return v;
}

static unsigned little(struct bytes *b, size_t at, int n)
{
    unsigned v = 0;

    for (int i = n; i-- > 0;)
        v = v << 8 | byte_at(b, at + (size_t)i);
    return v;
}

struct size {
    unsigned w, h;
};

/* W3C PNG §11.2.2: the first chunk is IHDR. */
static bool png_size(struct bytes *b, struct size *s)
{
    if (!has(b, 0, SPAN("\x89PNG\r\n\x1a\n")) || !has(b, 12, SPAN("IHDR")))
        return false;
    *s = (struct size){big(b, 16, 4), big(b, 20, 4)};
    return true;
}

static bool gif_size(struct bytes *b, struct size *s)
{
    if (!has(b, 0, SPAN("GIF87a")) && !has(b, 0, SPAN("GIF89a")))
        return false;
    *s = (struct size){little(b, 6, 2), little(b, 8, 2)};
    return true;
}

/* RFC 9649: the first chunk is VP8, VP8L or VP8X; each has its own place for the canvas size. */
static bool webp_size(struct bytes *b, struct size *s)
{
    unsigned bits;

    if (!has(b, 0, SPAN("RIFF")) || !has(b, 8, SPAN("WEBPVP8")))
        return false;
    switch (byte_at(b, 15)) {
    case ' ':
        *s = (struct size){little(b, 26, 2) & 0x3fff, little(b, 28, 2) & 0x3fff};
        return has(b, 23, SPAN("\x9d\x01\x2a"));
    case 'L':
        bits = little(b, 21, 4);
        *s = (struct size){(bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1};
        return byte_at(b, 20) == 0x2f;
    case 'X':
        *s = (struct size){little(b, 24, 3) + 1, little(b, 27, 3) + 1};
        return true;
    }
    return false;
}

#define JPEG_SEGMENTS_MAX 1000

/* ITU-T T.81 annex B: segments up to the first frame header. */
static bool jpeg_size(struct bytes *b, struct size *s)
{
    size_t at = 2;

    if (!has(b, 0, SPAN("\xff\xd8")))
        return false;
    for (int i = 0; i < JPEG_SEGMENTS_MAX && !b->bad; i++) {
        unsigned marker = byte_at(b, at + 1);
        if (byte_at(b, at) != 0xff)
            return false;
        if (marker == 0xff) { /* padding */
            at++;
            continue;
        }
        if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
            marker != 0xcc) {
            *s = (struct size){big(b, at + 7, 2), big(b, at + 5, 2)};
            return true;
        }
        if (marker == 0xd9 || marker == 0xda) /* the image's end, or its data without a frame */
            return false;
        at += marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7) ? 2 : 2 + big(b, at + 2, 2);
    }
    return false;
}

bool image_size(struct span base64, int *width, int *height)
{
    static bool (*const formats[])(struct bytes *, struct size *) = {png_size, jpeg_size, gif_size,
                                                                     webp_size};
    struct size s;

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct bytes b = {.base64 = base64};
        if (!formats[i](&b, &s) || b.bad)
            continue;
        if (s.w == 0 || s.h == 0 || s.w > INT32_MAX || s.h > INT32_MAX)
            return false;
        *width = (int)s.w;
        *height = (int)s.h;
        return true;
    }
    return false;
}

void image_size_of_url(struct span url, int *width, int *height)
{
    struct span head, data;

    *width = *height = 0;
    if (url.n > 5 && span_eq_nocase((struct span){url.p, 5}, SPAN("data:")) &&
        span_cut(url, ',', &head, &data) && span_ends(head, SPAN(";base64")))
        image_size(data, width, height);
}
