/* SPDX-License-Identifier: MIT */
#include "buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void out_of_memory(void)
{
    fputs("tokencap-sim: out of memory\n", stderr);
    abort();
}

void *sim_alloc(size_t size)
{
    void *p = calloc(1, size ? size : 1);

    if (!p)
        out_of_memory();
    return p;
}

char *sim_strdup(const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        out_of_memory();
    return copy;
}

void buf_finish(struct buf *b)
{
    free(b->bytes);
    *b = (struct buf){0};
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->bytes)
        b->bytes[0] = '\0';
}

char *buf_reserve(struct buf *b, size_t more)
{
    size_t need = b->len + more + 1;

    if (need > b->cap) {
        size_t cap = b->cap ? b->cap : 256;

        while (cap < need)
            cap *= 2;
        b->bytes = realloc(b->bytes, cap);
        if (!b->bytes)
            out_of_memory();
        b->cap = cap;
    }
    return b->bytes + b->len;
}

void buf_add(struct buf *b, const void *bytes, size_t len)
{
    char *to = buf_reserve(b, len);

    if (len)
        memcpy(to, bytes, len);
    b->len += len;
    b->bytes[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    int len;

    buf_reserve(b, 256);
    va_start(args, format);
    len = vsnprintf(b->bytes + b->len, b->cap - b->len, format, args);
    va_end(args);
    if ((size_t)len >= b->cap - b->len) {
        buf_reserve(b, (size_t)len);
        va_start(args, format);
        vsnprintf(b->bytes + b->len, b->cap - b->len, format, args);
        va_end(args);
    }
    b->len += (size_t)len;
}

void buf_json(struct buf *b, const char *text, size_t len)
{
    size_t plain = 0;

    buf_add(b, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(b, text + plain, i - plain);
        plain = i + 1;
        if (c == '"' || c == '\\')
            buf_printf(b, "\\%c", c);
        else if (c == '\n')
            buf_add(b, "\\n", 2);
        else
            buf_printf(b, "\\u%04x", c);
    }
    buf_add(b, text + plain, len - plain);
    buf_add(b, "\"", 1);
}

void buf_json_latin1(struct buf *b, const char *text, size_t len)
{
    struct buf wide = {0};

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x80)
            buf_add(&wide, &text[i], 1);
        else
            buf_add(&wide, (char[]){(char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f))}, 2);
    }
    buf_json(b, wide.bytes ? wide.bytes : "", wide.len);
    buf_finish(&wide);
}

bool is_utf8(const void *bytes, size_t len)
{
    const unsigned char *p = bytes, *end = p + len;

    while (p < end) {
        unsigned c = *p++, more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
        unsigned low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
        unsigned high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;

        if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || more > (size_t)(end - p))
            return false;
        if (more && (*p < low || *p > high))
            return false;
        for (unsigned i = 1; i < more; i++) {
            if ((p[i] & 0xc0) != 0x80)
                return false;
        }
        p += more;
    }
    return true;
}

void buf_base64(struct buf *b, const void *bytes, size_t len)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = bytes;
    char *to = buf_reserve(b, (len + 2) / 3 * 4);

    for (size_t i = 0; i < len; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16;

        v |= i + 1 < len ? (uint32_t)p[i + 1] << 8 : 0;
        v |= i + 2 < len ? p[i + 2] : 0;
        *to++ = digit[v >> 18];
        *to++ = digit[v >> 12 & 63];
        *to++ = i + 1 < len ? digit[v >> 6 & 63] : '=';
        *to++ = i + 2 < len ? digit[v & 63] : '=';
    }
    b->len += (len + 2) / 3 * 4;
    b->bytes[b->len] = '\0';
}
