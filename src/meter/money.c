/* SPDX-License-Identifier: MIT */
#include "meter/money.h"

#include <inttypes.h>
#include <stdio.h>

#define PICO_PER_NANO 1000
#define EXP_MAX       100000 /* beyond any sense, far from overflow */

/* A decimal as digits × 10^exp; the digits are those of text from first to last, the point skipped.
 */
struct decimal {
    const char *first, *last; /* NULL for zero */
    int ndigits;
    int exp;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* JSON's number grammar without its sign; false when the text is anything else. */
static bool scan_mantissa(const char **at, const char *end, struct decimal *d)
{
    const char *p = *at;
    bool point = false;

    *d = (struct decimal){0};
    if (p == end || !is_digit(*p) || (*p == '0' && p + 1 < end && is_digit(p[1])))
        return false;
    for (; p < end && (is_digit(*p) || (*p == '.' && !point)); p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        d->exp -= point;
        if (*p != '0') {
            if (!d->first)
                d->first = p;
            d->last = p;
        }
    }
    *at = p;
    return p[-1] != '.';
}

static bool scan_exponent(const char **at, const char *end, struct decimal *d)
{
    const char *p = *at;
    int sign = 1, v = 0;

    if (p == end || (*p != 'e' && *p != 'E'))
        return true;
    p++;
    if (p < end && (*p == '+' || *p == '-'))
        sign = *p++ == '-' ? -1 : 1;
    if (p == end)
        return false;
    for (; p < end && is_digit(*p); p++)
        v = v < EXP_MAX ? v * 10 + (*p - '0') : v;
    d->exp += sign * v;
    *at = p;
    return true;
}

/* Trailing zeros belong to the exponent, so that ndigits is what must be kept. */
static void trim(struct decimal *d, const char *mantissa_end)
{
    if (!d->first)
        return;
    for (const char *p = d->last + 1; p < mantissa_end; p++)
        d->exp += *p != '.';
    for (const char *p = d->first; p <= d->last; p++)
        d->ndigits += *p != '.';
}

static bool scan(struct span text, struct decimal *d)
{
    const char *p = text.p, *end = text.p + text.n, *mantissa_end;

    if (text.n > EXP_MAX || !scan_mantissa(&p, end, d))
        return false;
    mantissa_end = p;
    if (!scan_exponent(&p, end, d) || p != end)
        return false;
    trim(d, mantissa_end);
    return true;
}

int money_parse(struct span text, int scale, int64_t max, int64_t *out, struct err *e)
{
    const int shown = text.n > 40 ? 40 : (int)text.n;
    struct decimal d;
    __int128 v = 0;

    if (text.n && text.p[0] == '-')
        return err_set(e, ERR_INVALID, "\"%.*s\" is negative", shown, text.p);
    if (!scan(text, &d))
        return err_set(e, ERR_INVALID, "\"%.*s\" is not a decimal number", shown, text.p);
    if (!d.first) {
        *out = 0;
        return 0;
    }
    if (d.exp + scale < 0)
        return err_set(e, ERR_INVALID, "\"%.*s\" has more than %d decimals", shown, text.p, scale);
    if (d.ndigits + d.exp + scale > 19)
        return err_set(e, ERR_INVALID, "\"%.*s\" is too large", shown, text.p);
    for (const char *p = d.first; p <= d.last; p++)
        if (*p != '.')
            v = v * 10 + (*p - '0');
    for (int i = 0; i < d.exp + scale; i++)
        v *= 10;
    if (v > max)
        return err_set(e, ERR_INVALID, "\"%.*s\" is too large", shown, text.p);
    *out = (int64_t)v;
    return 0;
}

bool money_add(nano_t a, nano_t b, nano_t *out)
{
    nano_t sum;

    if (__builtin_add_overflow(a, b, &sum) || sum < 0 || sum > NANO_MAX)
        return false;
    *out = sum;
    return true;
}

bool money_round_up(__int128 pico, nano_t *out)
{
    if (pico < 0 || pico > (__int128)NANO_MAX * PICO_PER_NANO)
        return false;
    *out = (nano_t)((pico + PICO_PER_NANO - 1) / PICO_PER_NANO);
    return true;
}

/* v with 9 decimals, then without those beyond `least` that are zero, and without a bare point. */
static const char *format(nano_t v, int least, char out[MONEY_LEN])
{
    const uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
    char *p = out;

    if (v < 0)
        *p++ = '-';
    p = str_decimal(p, u / (uint64_t)NANO_PER_USD, 1);
    *p++ = '.';
    p = str_decimal(p, u % (uint64_t)NANO_PER_USD, 9);
    for (int decimals = 9; decimals > least && p[-1] == '0'; decimals--)
        *--p = '\0';
    if (p[-1] == '.')
        *--p = '\0';
    return out;
}

const char *money_fixed(nano_t v, char out[MONEY_LEN])
{
    return format(v, 6, out);
}

const char *money_json(nano_t v, char out[MONEY_LEN])
{
    return format(v, 0, out);
}

void money_member(struct jsonw *w, const char *key, nano_t v)
{
    char text[MONEY_LEN];

    jsonw_member_raw(w, key, money_json(v, text));
}
