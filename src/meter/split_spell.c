/* SPDX-License-Identifier: MIT */
#include "meter/split.h"

#include <stdbool.h>

#include "meter/unicode.h"

/*
 * Spells a pattern's Unicode classes out as ranges of code points: \p{L} becomes [\x{41}-\x{5a}…],
 * and inside a bracketed class the ranges alone. So a pattern means the same whatever Unicode
 * version the regular-expression library has.
 */

/* A set of characters: general categories, and white space, which is a property across them. */
struct set {
    uint32_t categories; /* bit mask of enum category */
    bool space;
};

#define CAT(c) (UINT32_C(1) << (c))

static const struct {
    const char *name;
    uint32_t categories;
} names[] = {
    {"L", CAT(CAT_LU) | CAT(CAT_LL) | CAT(CAT_LT) | CAT(CAT_LM) | CAT(CAT_LO)},
    {"LC", CAT(CAT_LU) | CAT(CAT_LL) | CAT(CAT_LT)},
    {"L&", CAT(CAT_LU) | CAT(CAT_LL) | CAT(CAT_LT)},
    {"M", CAT(CAT_MN) | CAT(CAT_MC) | CAT(CAT_ME)},
    {"N", CAT(CAT_ND) | CAT(CAT_NL) | CAT(CAT_NO)},
    {"P", CAT(CAT_PC) | CAT(CAT_PD) | CAT(CAT_PS) | CAT(CAT_PE) | CAT(CAT_PI) | CAT(CAT_PF) |
              CAT(CAT_PO)},
    {"S", CAT(CAT_SM) | CAT(CAT_SC) | CAT(CAT_SK) | CAT(CAT_SO)},
    {"Z", CAT(CAT_ZS) | CAT(CAT_ZL) | CAT(CAT_ZP)},
    {"C", CAT(CAT_CC) | CAT(CAT_CF) | CAT(CAT_CS) | CAT(CAT_CO) | CAT(CAT_CN)},
    {"Lu", CAT(CAT_LU)},
    {"Ll", CAT(CAT_LL)},
    {"Lt", CAT(CAT_LT)},
    {"Lm", CAT(CAT_LM)},
    {"Lo", CAT(CAT_LO)},
    {"Mn", CAT(CAT_MN)},
    {"Mc", CAT(CAT_MC)},
    {"Me", CAT(CAT_ME)},
    {"Nd", CAT(CAT_ND)},
    {"Nl", CAT(CAT_NL)},
    {"No", CAT(CAT_NO)},
    {"Pc", CAT(CAT_PC)},
    {"Pd", CAT(CAT_PD)},
    {"Ps", CAT(CAT_PS)},
    {"Pe", CAT(CAT_PE)},
    {"Pi", CAT(CAT_PI)},
    {"Pf", CAT(CAT_PF)},
    {"Po", CAT(CAT_PO)},
    {"Sm", CAT(CAT_SM)},
    {"Sc", CAT(CAT_SC)},
    {"Sk", CAT(CAT_SK)},
    {"So", CAT(CAT_SO)},
    {"Zs", CAT(CAT_ZS)},
    {"Zl", CAT(CAT_ZL)},
    {"Zp", CAT(CAT_ZP)},
    {"Cc", CAT(CAT_CC)},
    {"Cf", CAT(CAT_CF)},
    {"Cs", CAT(CAT_CS)},
    {"Co", CAT(CAT_CO)},
    {"Cn", CAT(CAT_CN)},
};

static bool in_set(const struct set *s, uint32_t cp)
{
    enum char_class cls = unicode_class(cp);

    if (s->space)
        return cls == CLASS_SPACE || cls == CLASS_NEWLINE;
    return s->categories >> unicode_category(cp) & 1;
}

/* The ranges of the set, or of all that is not in it; surrogates, which text never has, are left
 * out. */
static void add_ranges(struct buf *out, const struct set *s, bool negated)
{
    uint32_t from = UNICODE_END;

    for (uint32_t cp = 0; cp <= UNICODE_END; cp++) {
        bool in = cp < UNICODE_END && (cp & ~0x7ffu) != 0xd800 && in_set(s, cp) != negated;
        if (in && from == UNICODE_END)
            from = cp;
        if (in || from == UNICODE_END)
            continue;
        if (from == cp - 1)
            buf_printf(out, "\\x{%x}", from);
        else
            buf_printf(out, "\\x{%x}-\\x{%x}", from, cp - 1);
        from = UNICODE_END;
    }
}

static bool find_name(struct span name, struct set *out)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (span_eq(name, span_of(names[i].name))) {
            *out = (struct set){names[i].categories, false};
            return true;
        }
    return false;
}

/* The class that an escape at the start of s stands for. Returns its length, 0 when the escape is
 * something else, -1 when its class is unknown. */
static int class_escape(struct span s, struct set *set, bool *negated)
{
    struct span name, rest;
    char c = s.n > 1 ? s.p[1] : 0;

    *negated = c == 'P' || c == 'S' || c == 'D';
    if (c == 's' || c == 'S') {
        *set = (struct set){0, true};
        return 2;
    }
    if (c == 'd' || c == 'D') {
        *set = (struct set){CAT(CAT_ND), false};
        return 2;
    }
    if (c == 'w' || c == 'W' || c == 'b' || c == 'B' || c == 'X' || c == 'R')
        return -1;
    if ((c != 'p' && c != 'P') || s.n < 3)
        return 0;
    if (s.p[2] != '{') {
        name = (struct span){s.p + 2, 1};
        return find_name(name, set) ? 3 : -1;
    }
    if (!span_cut(span_skip(s, 3), '}', &name, &rest))
        return -1;
    if (name.n && *name.p == '^') {
        *negated = !*negated;
        name = span_skip(name, 1);
    }
    return find_name(name, set) ? (int)(rest.p - s.p) : -1;
}

static void spell_class(struct buf *out, const struct set *set, bool negated, bool bracketed)
{
    if (bracketed) {
        add_ranges(out, set, negated);
        return;
    }
    buf_str(out, negated ? "[^" : "[");
    add_ranges(out, set, false);
    buf_char(out, ']');
}

int split_spell_out(struct span pattern, struct buf *out, struct err *e)
{
    bool bracketed = false, negated;
    struct set set;

    for (size_t i = 0; i < pattern.n;) {
        char c = pattern.p[i];
        int n = c == '\\' ? class_escape(span_skip(pattern, i), &set, &negated) : 0;

        if (n < 0)
            return err_set(e, ERR_INVALID, "the pattern has a class that is not known here: %.*s",
                           (int)(pattern.n - i < 20 ? pattern.n - i : 20), pattern.p + i);
        if (n) {
            spell_class(out, &set, negated, bracketed);
            i += (size_t)n;
            continue;
        }
        if (c == '\\' && i + 1 < pattern.n) {
            buf_char(out, c);
            c = pattern.p[++i];
        } else if (c == '[' && bracketed && !(i + 1 < pattern.n && pattern.p[i + 1] == ':')) {
            buf_char(out, '\\'); /* a plain bracket; sets within sets are not known here */
        } else if (c == '[') {
            bracketed = true;
            if (i + 1 < pattern.n && pattern.p[i + 1] == '^')
                buf_char(out, pattern.p[i++]), c = '^';
            if (i + 1 < pattern.n && pattern.p[i + 1] == ']')
                buf_char(out, c), c = pattern.p[++i];
        } else if (c == ']') {
            bracketed = false;
        }
        buf_char(out, c);
        i++;
    }
    return out->failed ? err_set(e, ERR_MEMORY, "no memory for a pattern") : 0;
}
