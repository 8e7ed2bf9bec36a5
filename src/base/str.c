/* SPDX-License-Identifier: MIT */
#include "base/str.h"

#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

bool span_in_nocase(struct span s, const struct span *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (span_eq_nocase(s, list[i]))
            return true;
    return false;
}

bool span_starts(struct span s, struct span prefix)
{
    return s.n >= prefix.n && memcmp(s.p, prefix.p, prefix.n) == 0;
}

bool span_ends(struct span s, struct span suffix)
{
    return s.n >= suffix.n && memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct span span_trim(struct span s)
{
    while (s.n && is_blank(s.p[0]))
        s = span_skip(s, 1);
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct span span_skip(struct span s, size_t n)
{
    return (struct span){n ? s.p + n : s.p, s.n - n};
}

bool span_cut(struct span s, char c, struct span *head, struct span *tail)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;

    if (!at) {
        *head = s;
        *tail = span_skip(s, s.n);
        return false;
    }
    *head = (struct span){s.p, (size_t)(at - s.p)};
    *tail = span_skip(s, head->n + 1);
    return true;
}

bool span_to_int64(struct span s, long long *out)
{
    long long v = 0;

    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || v > (LLONG_MAX - 9) / 10)
            return false;
        v = v * 10 + (s.p[i] - '0');
    }
    *out = v;
    return true;
}

void str_copy(char *to, size_t size, struct span s)
{
    size_t n = s.n < size ? s.n : size - 1;

    if (n)
        memcpy(to, s.p, n);
    to[n] = '\0';
}

char *str_decimal(char *to, uint64_t v, int least)
{
    char digits[20], *first = digits + sizeof digits;
    size_t n;

    for (; v || least > 0; v /= 10, least--)
        *--first = (char)('0' + v % 10);
    n = (size_t)(digits + sizeof digits - first);
    memcpy(to, first, n);
    to[n] = '\0';
    return to + n;
}

char *str_hex(char *to, const void *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *b = bytes;

    for (size_t i = 0; i < n; i++) {
        *to++ = digits[b[i] >> 4];
        *to++ = digits[b[i] & 15];
    }
    *to = '\0';
    return to;
}

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_finish(struct buf *b)
{
    free(b->p);
    *b = (struct buf){.max = b->max};
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->failed = false;
}

/* Room for n more bytes and the NUL. */
static bool reserve(struct buf *b, size_t n)
{
    size_t cap = b->cap ? b->cap : 128;
    char *p;

    if (b->failed || n >= SIZE_MAX / 2 - b->n || (b->max && b->n + n > b->max))
        return !(b->failed = true);
    if (b->n + n < b->cap)
        return true;
    while (cap <= b->n + n)
        cap *= 2;
    p = realloc(b->p, cap);
    if (!p)
        return !(b->failed = true);
    b->p = p;
    b->cap = cap;
    return true;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    if (!reserve(b, n))
        return;
    if (n)
        memcpy(b->p + b->n, p, n);
    b->n += n;
    b->p[b->n] = '\0';
}

void buf_span(struct buf *b, struct span s)
{
    buf_add(b, s.p, s.n);
}

void buf_str(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 || !reserve(b, (size_t)n)) {
        b->failed = true;
        return;
    }
    va_start(ap, fmt);
    vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
}
