/* SPDX-License-Identifier: MIT */
#include "wire/json.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/utf8.h"

/* A lexer's walk over the text: it knows strings, numbers and brackets, the grammar is jansson's.
 */
struct scan {
    struct span text;
    size_t at;
    size_t line, line_start; /* of at, for messages; lines count from 1 */
    size_t nodes;            /* at least as many as there are values */
    int depth;
    char *patched; /* a copy in which numbers that no machine type holds are replaced, or NULL */
};

static enum json_fault fault(const struct scan *s, struct err *e, enum json_fault kind,
                             const char *what)
{
    err_set(e, kind == JSON_TOO_COMPLEX ? ERR_LIMIT : ERR_INVALID,
            "%s at byte %zu (line %zu, column %zu)", what, s->at, s->line,
            s->at - s->line_start + 1);
    return kind;
}

static enum json_fault no_memory(struct span text, struct err *e)
{
    err_set(e, ERR_MEMORY, "no memory to read a body of %zu bytes", text.n);
    return JSON_NO_MEMORY;
}

/* Whether any of 8 bytes needs a look inside a string: control, quote, backslash or not ASCII. */
static bool is_special8(const char *p)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones * 0x80;
    uint64_t w, quote, slash;

    memcpy(&w, p, sizeof w);
    quote = w ^ ones * '"';
    slash = w ^ ones * '\\';
    return ((w - ones * 0x20) | (quote - ones) | (slash - ones) | w) & highs;
}

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

/* A backslash at s->at: steps over the escape. */
static enum json_fault scan_escape(struct scan *s, struct err *e)
{
    int unit, low;

    if (s->at + 1 < s->text.n && s->text.p[s->at + 1] != 'u') {
        s->at += 2;
        return JSON_OK;
    }
    unit = escaped_unit(s->text, s->at);
    if (unit < 0)
        return fault(s, e, JSON_INVALID, "incomplete escape");
    if (unit >= 0xdc00 && unit <= 0xdfff)
        return fault(s, e, JSON_INVALID, "lone low surrogate escape");
    if (unit >= 0xd800 && unit <= 0xdbff) {
        low = escaped_unit(s->text, s->at + 6);
        if (low < 0xdc00 || low > 0xdfff)
            return fault(s, e, JSON_INVALID, "lone high surrogate escape");
        s->at += 6;
    }
    s->at += 6;
    return JSON_OK;
}

/* The quote at s->at opens a string: steps behind the one that closes it. */
static enum json_fault scan_string(struct scan *s, struct err *e)
{
    const char *p = s->text.p;
    size_t n = s->text.n, len;

    s->at++;
    while (s->at < n) {
        while (s->at + 8 <= n && !is_special8(p + s->at))
            s->at += 8;
        if (s->at >= n)
            break;
        if (p[s->at] == '"') {
            s->at++;
            return JSON_OK;
        }
        if (p[s->at] == '\\') {
            enum json_fault f = scan_escape(s, e);
            if (f)
                return f;
            continue;
        }
        if ((unsigned char)p[s->at] < 0x20)
            return fault(s, e, JSON_INVALID, "control character in a string");
        len = (unsigned char)p[s->at] < 0x80 ? 1 : utf8_valid_len(span_skip(s->text, s->at));
        if (!len)
            return fault(s, e, JSON_INVALID, "invalid UTF-8");
        s->at += len;
    }
    s->at = n;
    return fault(s, e, JSON_INVALID, "unterminated string");
}

static size_t count_digits(struct span s)
{
    size_t n = 0;

    while (n < s.n && isdigit((unsigned char)s.p[n]))
        n++;
    return n;
}

/* Whether a number without its sign is too large for int64, or (when it is no integer) near a
 * double's end. */
static bool is_huge(struct span number)
{
    static const char max[] = "9223372036854775807";
    size_t digits = count_digits(number), power = 0, i;
    const char *e;

    if (digits == number.n)
        return digits > 19 || (digits == 19 && memcmp(number.p, max, 19) > 0);
    e = memchr(number.p, 'e', number.n);
    if (!e)
        e = memchr(number.p, 'E', number.n);
    if (e) {
        i = (size_t)(e - number.p) + 1;
        if (i < number.n && number.p[i] == '-')
            return digits > 300;
        for (i += i < number.n && number.p[i] == '+'; i < number.n && power < 1000; i++)
            power = power * 10 + (size_t)(number.p[i] - '0');
    }
    return digits + power > 308;
}

/*
 * Clients may send numbers that no machine type holds. They pass to the upstream as they came; the
 * tree gets ±1e300 in their place, which every check of a range refuses.
 */
static enum json_fault scan_number(struct scan *s, struct err *e)
{
    struct span number = {s->text.p + s->at, 0};
    size_t from;

    s->at += number.p[0] == '-';
    from = s->at;
    while (s->at < s->text.n && s->text.p[s->at] && strchr("+-.eE0123456789", s->text.p[s->at]))
        s->at++;
    number = (struct span){s->text.p + from, s->at - from};
    if (number.n < 5 || !is_huge(number))
        return JSON_OK;
    if (!s->patched) {
        s->patched = malloc(s->text.n);
        if (!s->patched)
            return no_memory(s->text, e);
        memcpy(s->patched, s->text.p, s->text.n);
    }
    memcpy(s->patched + from, "1e300", 5);
    memset(s->patched + from + 5, ' ', number.n - 5);
    return JSON_OK;
}

static enum json_fault scan_token(struct scan *s, const struct json_limits *limits, struct err *e)
{
    char c = s->text.p[s->at];

    switch (c) {
    case '"':
        return scan_string(s, e);
    case '{':
    case '[':
        if (++s->depth > limits->depth)
            return fault(s, e, JSON_TOO_COMPLEX, "nested too deeply");
        s->nodes++;
        break;
    case '}':
    case ']':
        s->depth--;
        break;
    case ',':
        s->nodes++;
        break;
    case '\n':
        s->line++;
        s->line_start = s->at + 1;
        break;
    default:
        if (c == '-' || isdigit((unsigned char)c))
            return scan_number(s, e);
        if ((unsigned char)c >= 0x80 || ((unsigned char)c < 0x20 && c != '\t' && c != '\r'))
            return fault(s, e, JSON_INVALID,
                         utf8_valid_len(span_skip(s->text, s->at)) ? "unexpected character"
                                                                   : "invalid UTF-8");
    }
    if (s->nodes > limits->nodes)
        return fault(s, e, JSON_TOO_COMPLEX, "too many values");
    s->at++;
    return JSON_OK;
}

static enum json_fault scan_all(struct scan *s, const struct json_limits *limits, struct err *e)
{
    enum json_fault f = JSON_OK;

    if (s->text.n == 0)
        return fault(s, e, JSON_INVALID, "empty where a JSON object was expected");
    if (span_starts(s->text, SPAN("\xef\xbb\xbf")))
        return fault(s, e, JSON_INVALID, "byte order mark");
    while (!f && s->at < s->text.n)
        f = scan_token(s, limits, e);
    return f;
}

/* jansson's verdict on the grammar, without the excerpt of the text that it quotes. */
static enum json_fault grammar_fault(const json_error_t *je, struct err *e)
{
    const char *near = strstr(je->text, " near ");
    int n = near ? (int)(near - je->text) : (int)strlen(je->text);

    if (json_error_code(je) == json_error_out_of_memory) {
        err_set(e, ERR_MEMORY, "no memory to read the body");
        return JSON_NO_MEMORY;
    }
    err_set(e, ERR_INVALID, "%.*s at byte %d (line %d, column %d)", n, je->text, je->position,
            je->line, je->column);
    return json_error_code(je) == json_error_duplicate_key ? JSON_DUPLICATE_KEY : JSON_INVALID;
}

enum json_fault json_read(struct span text, const struct json_limits *limits, json_t **root,
                          struct err *e)
{
    struct scan s = {.text = text, .line = 1};
    enum json_fault f = scan_all(&s, limits, e);
    json_error_t je;
    json_t *tree;

    if (!f) {
        tree = json_loadb(s.patched ? s.patched : text.p, text.n,
                          JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &je);
        if (!tree) {
            f = grammar_fault(&je, e);
        } else if (!json_is_object(tree)) {
            json_decref(tree);
            err_set(e, ERR_INVALID, "an array where a JSON object was expected");
            f = JSON_INVALID;
        } else {
            *root = tree;
        }
    }
    free(s.patched);
    return f;
}
