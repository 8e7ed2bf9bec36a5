/* SPDX-License-Identifier: MIT */
#include "wire/scan.h"

#include "json_scan.h"

void scan_begin(struct scan *s, struct span text)
{
    const char *p = text.n ? text.p : "";

    *s = (struct scan){.p = p, .end = p + text.n};
}

static bool fault(struct scan *s)
{
    s->bad = true;
    s->p = s->end;
    return false;
}

static void skip_space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
        s->p++;
}

/* The next byte that is not white space, not taken; 0 at the end. */
static char peek(struct scan *s)
{
    skip_space(s);
    return s->p < s->end ? *s->p : '\0';
}

static bool is_digit(const struct scan *s)
{
    return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

static bool digits(struct scan *s)
{
    if (!is_digit(s))
        return false;
    while (is_digit(s))
        s->p++;
    return true;
}

static bool take(struct scan *s, char c)
{
    if (s->p >= s->end || *s->p != c)
        return false;
    s->p++;
    return true;
}

static bool number(struct scan *s)
{
    take(s, '-');
    if (!take(s, '0') && !digits(s))
        return false;
    if (take(s, '.') && !digits(s))
        return false;
    if (take(s, 'e') || take(s, 'E')) {
        if (!take(s, '+'))
            take(s, '-');
        return digits(s);
    }
    return true;
}

static bool literal(struct scan *s, struct span word)
{
    if ((size_t)(s->end - s->p) < word.n || memcmp(s->p, word.p, word.n) != 0)
        return false;
    s->p += word.n;
    return true;
}

static int hex4(const char *p, const char *end)
{
    int v = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

/* From the opening quote to behind the closing one. */
static bool string(struct scan *s)
{
    s->p++;
    for (;;) {
        s->p += json_plain(s->p, (size_t)(s->end - s->p), false);
        if (s->p >= s->end || (unsigned char)*s->p < 0x20)
            return false;
        if (*s->p++ == '"')
            return true;
        if (s->p >= s->end)
            return false;
        if (*s->p == 'u') {
            if (hex4(s->p + 1, s->end) < 0)
                return false;
            s->p += 5;
        } else if (memchr("\"\\/bfnrt", *s->p, 8)) {
            s->p++;
        } else {
            return false;
        }
    }
}

static bool scalar(struct scan *s)
{
    switch (peek(s)) {
    case '"':
        return string(s);
    case 't':
        return literal(s, SPAN("true"));
    case 'f':
        return literal(s, SPAN("false"));
    case 'n':
        return literal(s, SPAN("null"));
    default:
        return number(s);
    }
}

bool scan_open(struct scan *s, char bracket)
{
    if (s->bad || peek(s) != bracket)
        return false;
    if (s->depth == SCAN_DEPTH)
        return fault(s);
    s->p++;
    s->depth++;
    s->any = true;
    s->fresh = true;
    return true;
}

/* Whether another element follows in a bracket that is closed by this; takes the comma or the
 * closer. */
static bool next(struct scan *s, char closer)
{
    char c = peek(s);

    if (s->bad)
        return false;
    if (c == closer) {
        s->p++;
        s->depth--;
        s->fresh = false;
        return false;
    }
    if (!s->fresh && !take(s, ','))
        return fault(s);
    s->fresh = false;
    return true;
}

bool scan_item(struct scan *s)
{
    return next(s, ']');
}

bool scan_key(struct scan *s, struct span *key)
{
    const char *start;

    if (!next(s, '}'))
        return false;
    if (peek(s) != '"')
        return fault(s);
    start = s->p + 1;
    if (!string(s))
        return fault(s);
    *key = (struct span){start, (size_t)(s->p - 1 - start)};
    if (peek(s) != ':')
        return fault(s);
    s->p++;
    return true;
}

struct span scan_value(struct scan *s)
{
    char kinds[SCAN_DEPTH]; /* the bracket of each open level above base */
    int base = s->depth;
    struct span key;
    const char *start;

    peek(s);
    start = s->p;
    do {
        if (scan_open(s, '{'))
            kinds[s->depth - 1] = '{';
        else if (scan_open(s, '['))
            kinds[s->depth - 1] = '[';
        else if (s->bad || !scalar(s))
            fault(s);
        while (!s->bad && s->depth > base &&
               !(kinds[s->depth - 1] == '{' ? scan_key(s, &key) : scan_item(s)))
            ;
    } while (!s->bad && s->depth > base);
    if (s->bad)
        return (struct span){0};
    s->any = true;
    return (struct span){start, (size_t)(s->p - start)};
}

bool scan_end(struct scan *s)
{
    peek(s);
    return s->any && !s->bad && s->depth == 0 && s->p == s->end;
}

bool scan_members(struct span object, const struct scan_field *fields, size_t n, void *out)
{
    struct span key;
    struct scan s;
    bool in;

    scan_begin(&s, object);
    for (in = scan_open(&s, '{'); in && scan_key(&s, &key);) {
        struct span v = scan_value(&s);

        for (size_t i = 0; i < n; i++)
            if (span_eq(key, fields[i].name))
                *(struct span *)(void *)((char *)out + fields[i].at) = v;
    }
    return in && scan_end(&s);
}

struct span scan_member(struct span object, struct span name)
{
    struct scan_field field = {name, 0};
    struct span found = {0};

    scan_members(object, &field, 1, &found);
    return found;
}

bool scan_string(struct span value, struct span *inside)
{
    if (value.n < 2 || value.p[0] != '"')
        return false;
    *inside = (struct span){value.p + 1, value.n - 2};
    return true;
}

bool scan_is(struct span value, struct span inside)
{
    struct span s;

    return scan_string(value, &s) && span_eq(s, inside);
}

bool scan_is_null(struct span value)
{
    return value.n == 0 || span_eq(value, SPAN("null"));
}

static void add_utf8(struct buf *out, unsigned cp)
{
    char b[4];
    size_t n = 0;

    if (cp < 0x80) {
        b[n++] = (char)cp;
    } else if (cp < 0x800) {
        b[n++] = (char)(0xc0 | cp >> 6);
        b[n++] = (char)(0x80 | (cp & 0x3f));
    } else if (cp < 0x10000) {
        b[n++] = (char)(0xe0 | cp >> 12);
        b[n++] = (char)(0x80 | (cp >> 6 & 0x3f));
        b[n++] = (char)(0x80 | (cp & 0x3f));
    } else {
        b[n++] = (char)(0xf0 | cp >> 18);
        b[n++] = (char)(0x80 | (cp >> 12 & 0x3f));
        b[n++] = (char)(0x80 | (cp >> 6 & 0x3f));
        b[n++] = (char)(0x80 | (cp & 0x3f));
    }
    buf_add(out, b, n);
}

/* At the hex digits of a \u escape: appends what it means, returns where it ends. */
static const char *add_unicode(const char *p, const char *end, struct buf *out)
{
    int hi = hex4(p, end), lo = -1;

    p += 4;
    if (hi >= 0xd800 && hi <= 0xdbff && end - p >= 6 && p[0] == '\\' && p[1] == 'u')
        lo = hex4(p + 2, end);
    if (lo >= 0xdc00 && lo <= 0xdfff) {
        add_utf8(out, 0x10000 + ((unsigned)(hi - 0xd800) << 10) + (unsigned)(lo - 0xdc00));
        return p + 6;
    }
    add_utf8(out, hi < 0 || (hi >= 0xd800 && hi <= 0xdfff) ? 0xfffd : (unsigned)hi);
    return p;
}

void scan_unescape(struct span inside, struct buf *out)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *p = inside.p, *end = p + inside.n;

    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        const char *short_form;

        buf_add(out, p, (size_t)((slash ? slash : end) - p));
        if (!slash || end - slash < 2)
            return;
        p = slash + 2;
        if (slash[1] == 'u' && end - p >= 4)
            p = add_unicode(p, end, out);
        else if ((short_form = memchr(from, slash[1], sizeof(from) - 1)) != NULL)
            buf_char(out, to[short_form - from]);
        else
            buf_char(out, slash[1]);
    }
}
