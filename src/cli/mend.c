/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"
#include "cli/cli.h"

/*
 * JSON of other people's making, as the reference tokenizers would see its strings: what is not
 * UTF-8, and a surrogate escape without its partner, is U+FFFD.
 */

/* The four hex digits behind a backslash and a 'u' at s, or -1. */
static int escape_at(struct span s)
{
    int v = 0;

    if (s.n < 6 || s.p[0] != '\\' || s.p[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        char c = s.p[i];
        int digit = c >= '0' && c <= '9'                 ? c - '0'
                    : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                         : -1;

        if (digit < 0)
            return -1;
        v = v * 16 + digit;
    }
    return v;
}

static bool is_high(int unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(int unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* Bytes of the escape at s, and whether it is one that has to be replaced. */
static size_t escape_len(struct span s, bool *lone)
{
    int unit = escape_at(s);

    *lone = false;
    if (is_high(unit) && is_low(escape_at(span_skip(s, 6))))
        return 12;
    *lone = is_high(unit) || is_low(unit);
    return unit >= 0 ? 6 : s.n > 1 ? 2 : 1;
}

void mend_json(struct span text, struct buf *out)
{
    while (text.n) {
        bool replace = false;
        size_t n = utf8_valid_len(text);

        if (text.p[0] == '\\') {
            n = escape_len(text, &replace);
            if (n == 2 && !utf8_valid_len(span_skip(text, 1)))
                n = 1;
        } else if (!n) {
            n = utf8_invalid_len(text);
            replace = true;
        }
        if (replace)
            buf_str(out, "\xef\xbf\xbd");
        else
            buf_add(out, text.p, n);
        text = span_skip(text, n);
    }
}
