/* SPDX-License-Identifier: MIT */
#include "meter/text.h"

#include <stdint.h>

#include "base/utf8.h"
#include "split_ascii.h"
#include "text_simd.h"

/* The three runs that nearly all text is made of; each returns where its run ends. What they leave
 * is looked at by utf8_valid_len(). */

static const uint8_t *ascii_run(const uint8_t *p, const uint8_t *end)
{
    while (end - p >= 4 * ASCII_WINDOW &&
           !(window_beyond(window_at(p)) | window_beyond(window_at(p + ASCII_WINDOW)) |
             window_beyond(window_at(p + 2 * ASCII_WINDOW)) |
             window_beyond(window_at(p + 3 * ASCII_WINDOW))))
        p += 4 * ASCII_WINDOW;
    while (end - p >= ASCII_WINDOW) {
        unsigned n = run_length(~window_beyond(window_at(p)) & 0xffff, 0);
        p += n;
        if (n < ASCII_WINDOW)
            return p;
    }
    while (p < end && *p < 0x80)
        p++;
    return p;
}

/* U+0080…U+07FF */
static const uint8_t *two_byte_run(const uint8_t *p, const uint8_t *end)
{
    while (end - p >= 2 && p[0] >= 0xc2 && p[0] < 0xe0 && (p[1] & 0xc0) == 0x80)
        p += 2;
    return p;
}

/* U+1000…U+CFFF, U+E000…U+FFFF: those whose second byte has no range of its own */
static const uint8_t *three_byte_run(const uint8_t *p, const uint8_t *end)
{
    while (end - p >= 3 && p[0] > 0xe0 && p[0] < 0xf0 && p[0] != 0xed && (p[1] & 0xc0) == 0x80 &&
           (p[2] & 0xc0) == 0x80)
        p += 3;
    return p;
}

/* The well-formed start of p…end, run by run. */
static const uint8_t *valid_runs(const uint8_t *p, const uint8_t *end)
{
    while (p < end) {
        const uint8_t *q = three_byte_run(two_byte_run(ascii_run(p, end), end), end);

        if (q == p) {
            size_t n = utf8_valid_len((struct span){(const char *)p, (size_t)(end - p)});
            if (!n)
                break;
            q = p + n;
        }
        p = q;
    }
    return p;
}

size_t text_ascii_prefix(struct span s)
{
    const uint8_t *start = (const uint8_t *)s.p;

    return (size_t)(ascii_run(start, start + s.n) - start);
}

size_t text_valid_prefix(struct span s)
{
    size_t ascii = text_ascii_prefix(s);
    const uint8_t *start = (const uint8_t *)s.p, *end = start + s.n, *p = start + ascii;

    if (p < end && !text_valid_simd((const char *)p, (size_t)(end - p)))
        return (size_t)(valid_runs(p, end) - start);
    return s.n;
}

void text_clean(struct span s, struct buf *out)
{
    while (s.n) {
        const uint8_t *p = (const uint8_t *)s.p;
        size_t n = (size_t)(valid_runs(p, p + s.n) - p);

        buf_add(out, s.p, n);
        s = span_skip(s, n);
        if (!s.n)
            break;
        buf_add(out, "\xef\xbf\xbd", 3);
        s = span_skip(s, utf8_invalid_len(s));
    }
}
