/* SPDX-License-Identifier: MIT */
#include "base/jsonw.h"

#include "base/clock.h"
#include "base/utf8.h"

void jsonw_init(struct jsonw *w, struct buf *out)
{
    *w = (struct jsonw){.out = out};
}

static void separate(struct jsonw *w)
{
    if (w->comma)
        buf_char(w->out, ',');
    w->comma = true;
}

void jsonw_open(struct jsonw *w, char bracket)
{
    separate(w);
    buf_char(w->out, bracket);
    w->comma = false;
}

void jsonw_close(struct jsonw *w, char bracket)
{
    buf_char(w->out, bracket);
    w->comma = true;
}

void jsonw_key(struct jsonw *w, const char *key)
{
    jsonw_str(w, span_of(key));
    buf_char(w->out, ':');
    w->comma = false;
}

static void escape(struct buf *out, unsigned char c)
{
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";

    for (const char *s = shorts; *s; s += 2) {
        if ((unsigned char)*s == c) {
            buf_char(out, '\\');
            buf_char(out, s[1]);
            return;
        }
    }
    buf_printf(out, "\\u%04x", c);
}

void jsonw_str(struct jsonw *w, struct span s)
{
    size_t i = 0, plain = 0; /* plain..i: bytes that go out as they are */

    separate(w);
    buf_char(w->out, '"');
    while (i < s.n) {
        unsigned char c = (unsigned char)s.p[i];
        size_t len = utf8_valid_len(span_skip(s, i));

        if (len && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
            i += len;
            continue;
        }
        buf_add(w->out, s.p + plain, i - plain);
        if (len)
            escape(w->out, c);
        else
            buf_str(w->out, "\xef\xbf\xbd");
        i += len ? len : utf8_invalid_len(span_skip(s, i));
        plain = i;
    }
    buf_span(w->out, span_skip(s, plain));
    buf_char(w->out, '"');
}

void jsonw_int(struct jsonw *w, int64_t v)
{
    separate(w);
    buf_printf(w->out, "%lld", (long long)v);
}

void jsonw_bool(struct jsonw *w, bool v)
{
    jsonw_raw(w, v ? "true" : "false");
}

void jsonw_null(struct jsonw *w)
{
    jsonw_raw(w, "null");
}

void jsonw_raw(struct jsonw *w, const char *json)
{
    separate(w);
    buf_str(w->out, json);
}

void jsonw_member_str(struct jsonw *w, const char *key, struct span s)
{
    jsonw_key(w, key);
    jsonw_str(w, s);
}

void jsonw_member_int(struct jsonw *w, const char *key, int64_t v)
{
    jsonw_key(w, key);
    jsonw_int(w, v);
}

void jsonw_member_bool(struct jsonw *w, const char *key, bool v)
{
    jsonw_key(w, key);
    jsonw_bool(w, v);
}

void jsonw_member_raw(struct jsonw *w, const char *key, const char *json)
{
    jsonw_key(w, key);
    jsonw_raw(w, json);
}

void jsonw_member_time(struct jsonw *w, const char *key, int64_t ms)
{
    char text[CLOCK_ISO_LEN];

    jsonw_key(w, key);
    if (!ms) {
        jsonw_null(w);
        return;
    }
    clock_iso(ms, text);
    jsonw_str(w, span_of(text));
}
