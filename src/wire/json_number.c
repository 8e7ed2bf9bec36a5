/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdint.h>

#include "json_reader.h"

static size_t digits_at(struct span s, size_t i)
{
    size_t n = 0;

    while (i + n < s.n && isdigit((unsigned char)s.p[i + n]))
        n++;
    return n;
}

/* Bytes of the number at the start of s, and whether it has neither fraction nor exponent; 0: none.
 */
static size_t number_len(struct span s, bool *integer)
{
    size_t i = s.n && s.p[0] == '-', n = digits_at(s, i);

    *integer = true;
    if (n == 0 || (n > 1 && s.p[i] == '0'))
        return 0;
    i += n;
    if (i < s.n && s.p[i] == '.') {
        n = digits_at(s, i + 1);
        if (!n)
            return 0;
        i += 1 + n;
        *integer = false;
    }
    if (i < s.n && (s.p[i] | 0x20) == 'e') {
        i++;
        i += i < s.n && (s.p[i] == '+' || s.p[i] == '-');
        n = digits_at(s, i);
        if (!n)
            return 0;
        i += n;
        *integer = false;
    }
    return i;
}

/* Whether an integer without its sign fits int64. */
static bool fits(struct span digits)
{
    static const char max[] = "9223372036854775807";

    return digits.n < 19 || (digits.n == 19 && memcmp(digits.p, max, 19) <= 0);
}

/* Whether a number that is no integer, without its sign, is near a double's end, or looks so. */
static bool is_huge(struct span number)
{
    size_t digits = digits_at(number, 0), power = 0, i = 0;

    while (i < number.n && (number.p[i] | 0x20) != 'e')
        i++;
    if (i + 1 < number.n && number.p[i + 1] == '-')
        return digits > 300;
    for (i++; i < number.n && power < 1000; i++)
        if (number.p[i] != '+')
            power = power * 10 + (size_t)(number.p[i] - '0');
    return digits + power > 308;
}

static json_t *number_value(struct span number, bool integer)
{
    struct span plain = number.p[0] == '-' ? span_skip(number, 1) : number;
    int64_t v = 0;

    if (integer && fits(plain)) {
        for (size_t i = 0; i < plain.n; i++)
            v = v * 10 + (plain.p[i] - '0');
        return json_integer(plain.p == number.p ? v : -v);
    }
    if (integer || is_huge(plain))
        return json_real(plain.p == number.p ? 1e300 : -1e300);
    return json_loadb(number.p, number.n, JSON_DECODE_ANY, NULL); /* it knows locales */
}

json_t *json_read_number(struct reader *r)
{
    bool integer;
    struct span rest = span_skip(r->text, r->at);
    size_t n = number_len(rest, &integer);
    json_t *value;

    if (!n) {
        json_wrong(r, JSON_INVALID, "malformed number");
        return NULL;
    }
    r->at += n;
    value = number_value((struct span){rest.p, n}, integer);
    if (!value)
        json_no_memory(r);
    return value;
}
