/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "json_scan.h"
#include "parse.h"

/* Writes a tree that json_read() made: no loops, depth bounded. */

static void write_string(struct buf *out, struct span s)
{
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    size_t i = 0, plain = 0; /* plain..i: what goes out as it is */
    const char *e;

    buf_char(out, '"');
    while (i < s.n) {
        unsigned char c;
        i += json_plain(s.p + i, s.n - i, false);
        if (i >= s.n)
            break;
        c = (unsigned char)s.p[i++];
        buf_add(out, s.p + plain, i - 1 - plain);
        plain = i;
        for (e = shorts; *e && (unsigned char)*e != c; e += 2)
            ;
        if (*e)
            buf_printf(out, "\\%c", e[1]);
        else
            buf_printf(out, "\\u%04x", c);
    }
    buf_add(out, s.p + plain, s.n - plain);
    buf_char(out, '"');
}

static void write_real(struct buf *out, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));

    if (text)
        buf_str(out, text);
    else
        out->failed = true;
    free(text);
}

static void write_object(struct buf *out, const json_t *value, bool spaced)
{
    const char *key;
    json_t *member;
    bool first = true;

    buf_char(out, '{');
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        if (!first)
            buf_str(out, spaced ? ", " : ",");
        first = false;
        write_string(out, span_of(key));
        buf_str(out, spaced ? ": " : ":");
        json_write(out, member, spaced);
    }
    buf_char(out, '}');
}

static void write_array(struct buf *out, const json_t *value, bool spaced)
{
    buf_char(out, '[');
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (i)
            buf_str(out, spaced ? ", " : ",");
        json_write(out, json_array_get(value, i), spaced);
    }
    buf_char(out, ']');
}

void json_write(struct buf *out, const json_t *value, bool spaced)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        write_object(out, value, spaced);
        break;
    case JSON_ARRAY:
        write_array(out, value, spaced);
        break;
    case JSON_STRING:
        write_string(out, json_span(value));
        break;
    case JSON_INTEGER:
        buf_printf(out, "%lld", (long long)json_integer_value(value));
        break;
    case JSON_REAL:
        write_real(out, value);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        buf_str(out, json_is_true(value) ? "true" : "false");
        break;
    case JSON_NULL:
        buf_str(out, "null");
        break;
    }
}
