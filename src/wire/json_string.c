/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdint.h>

#include "base/utf8.h"
#include "json_reader.h"
#include "json_scan.h"

/* The code unit of the \uXXXX whose backslash stands at i; -1 when there is none. */
static int escaped_unit(struct span t, size_t i)
{
    int v = 0;

    if (i + 6 > t.n || t.p[i] != '\\' || t.p[i + 1] != 'u')
        return -1;
    for (size_t k = i + 2; k < i + 6; k++) {
        unsigned char c = (unsigned char)t.p[k];
        if (!isxdigit(c))
            return -1;
        v = v * 16 + (isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return v;
}

static void add_utf8(struct buf *b, uint32_t c)
{
    if (c < 0x80) {
        buf_char(b, (char)c);
        return;
    }
    if (c < 0x800) {
        buf_char(b, (char)(0xc0 | c >> 6));
    } else {
        if (c < 0x10000) {
            buf_char(b, (char)(0xe0 | c >> 12));
        } else {
            buf_char(b, (char)(0xf0 | c >> 18));
            buf_char(b, (char)(0x80 | (c >> 12 & 0x3f)));
        }
        buf_char(b, (char)(0x80 | (c >> 6 & 0x3f)));
    }
    buf_char(b, (char)(0x80 | (c & 0x3f)));
}

/* A \uXXXX at r->at, or a pair of them: decodes and steps over it. */
static bool read_unicode(struct reader *r)
{
    int unit = escaped_unit(r->text, r->at), low;

    if (unit < 0)
        return json_wrong(r, JSON_INVALID, "incomplete escape");
    if (unit >= 0xdc00 && unit <= 0xdfff)
        return json_wrong(r, JSON_INVALID, "lone low surrogate escape");
    if (unit < 0xd800 || unit > 0xdbff) {
        add_utf8(&r->scratch, (uint32_t)unit);
        r->at += 6;
        return true;
    }
    low = escaped_unit(r->text, r->at + 6);
    if (low < 0xdc00 || low > 0xdfff)
        return json_wrong(r, JSON_INVALID, "lone high surrogate escape");
    add_utf8(&r->scratch, 0x10000 + (((uint32_t)unit & 0x3ff) << 10 | ((uint32_t)low & 0x3ff)));
    r->at += 12;
    return true;
}

/* The backslash at r->at: decodes and steps over the escape. */
static bool read_escape(struct reader *r)
{
    static const char shorts[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    char c = r->at + 1 < r->text.n ? r->text.p[r->at + 1] : '\0';

    for (const char *s = shorts; *s; s += 2) {
        if (*s == c) {
            buf_char(&r->scratch, s[1]);
            r->at += 2;
            return true;
        }
    }
    if (c != 'u' && r->at + 1 < r->text.n)
        return json_wrong(r, JSON_INVALID, "unknown escape");
    return read_unicode(r);
}

/* Steps over what stands in a string as it is, up to a quote, a backslash or something wrong. */
static bool skip_plain(struct reader *r)
{
    const char *p = r->text.p;
    size_t n = r->text.n, len;

    for (;;) {
        r->at += json_plain(p + r->at, n - r->at, true);
        if (r->at >= n)
            return json_wrong(r, JSON_INVALID, "unterminated string");
        if (p[r->at] == '"' || p[r->at] == '\\')
            return true;
        if ((unsigned char)p[r->at] < 0x20)
            return json_wrong(r, JSON_INVALID, "control character in a string");
        len = (unsigned char)p[r->at] < 0x80 ? 1 : utf8_valid_len(span_skip(r->text, r->at));
        if (!len)
            return json_wrong(r, JSON_INVALID, "invalid UTF-8");
        r->at += len;
    }
}

bool json_read_string(struct reader *r, struct span *out)
{
    size_t from = r->at;

    if (!skip_plain(r))
        return false;
    if (r->text.p[r->at] == '"') {
        *out = (struct span){r->text.p + from, r->at++ - from};
        return true;
    }
    buf_clear(&r->scratch);
    while (r->text.p[r->at] == '\\') {
        buf_add(&r->scratch, r->text.p + from, r->at - from);
        if (!read_escape(r))
            return false;
        from = r->at;
        if (!skip_plain(r))
            return false;
    }
    buf_add(&r->scratch, r->text.p + from, r->at++ - from);
    *out = buf_all(&r->scratch);
    return r->scratch.failed ? json_no_memory(r) : true;
}
