/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>

#include "base/nearest.h"
#include "ledger/ledger.h"
#include "proxy/options.h"

/* One row a type: what its values are called, and how they are read and written. */
struct kind {
    const char *metavar;
    bool text;
    int (*parse)(const struct option_row *o, struct span s, struct option_value *out,
                 struct err *e);
    void (*format)(const struct option_row *o, const struct option_value *v, struct buf *out);
    void (*range)(const struct option_row *o, struct buf *out);
};

struct unit {
    const char *name;
    int64_t times;
};

/* Largest first, and of each size the name it is written with first. */
static const struct unit size_units[] = {
    {"G", INT64_C(1) << 30}, {"GiB", INT64_C(1) << 30}, {"M", 1 << 20}, {"MiB", 1 << 20},
    {"K", 1 << 10},          {"KiB", 1 << 10},          {"B", 1},       {NULL, 0},
};

static const struct unit time_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"m", 60000},
    {"s", 1000},     {"ms", 1},      {NULL, 0},
};

/* An address with a user or a query in it may hold a password: that is not quoted. */
static bool may_be_secret(const struct option_row *o, struct span s)
{
    return o->type == OPTION_URL && s.n && (memchr(s.p, '@', s.n) || memchr(s.p, '?', s.n));
}

static int complain(const struct option_row *o, struct span s, struct err *e)
{
    struct buf what;

    buf_init(&what, 300);
    option_range(o, &what);
    if (may_be_secret(o, s))
        s = SPAN("…");
    err_set(e, ERR_INVALID, "\"%.*s\" is not %s", (int)(s.n > 80 ? 80 : s.n), s.p,
            what.p ? what.p : "valid");
    buf_finish(&what);
    return -1;
}

static int in_range(const struct option_row *o, struct span s, int64_t v, struct option_value *out,
                    struct err *e)
{
    if (v < o->least || v > o->most)
        return complain(o, s, e);
    out->number = v;
    return 0;
}

static int parse_int(const struct option_row *o, struct span s, struct option_value *out,
                     struct err *e)
{
    long long v;

    return span_to_int64(s, &v) ? in_range(o, s, v, out, e) : complain(o, s, e);
}

/* The leading run of bytes for which is() holds (or, with want false, does not). */
static struct span run(struct span s, int (*is)(int), bool want)
{
    size_t n = 0;

    while (n < s.n && (is((unsigned char)s.p[n]) != 0) == want)
        n++;
    return (struct span){s.p, n};
}

/* "90", "1h30min", "32 MiB": terms of a number and a unit, summed; bare is the unit of a number
 * that stands alone without one. */
static bool read_terms(struct span s, const struct unit *units, int64_t bare, int64_t *out)
{
    bool alone = run(s, isdigit, true).n == s.n;
    int64_t sum = 0;

    do {
        struct span digits = run(s, isdigit, true), word;
        int64_t times = bare;
        long long v;

        s = span_trim(span_skip(s, digits.n));
        word = span_trim(run(s, isdigit, false));
        s = span_skip(s, word.n);
        for (const struct unit *u = units; !alone; u++) {
            if (!u->name)
                return false;
            times = u->times;
            if (span_eq_nocase(word, span_of(u->name)))
                break;
        }
        if (!span_to_int64(digits, &v) || __builtin_mul_overflow(v, times, &v) ||
            __builtin_add_overflow(sum, v, &sum))
            return false;
        s = span_trim(s);
    } while (s.n);
    *out = sum;
    return true;
}

static int parse_size(const struct option_row *o, struct span s, struct option_value *out,
                      struct err *e)
{
    int64_t v;

    return read_terms(s, size_units, 1, &v) ? in_range(o, s, v, out, e) : complain(o, s, e);
}

static int parse_duration(const struct option_row *o, struct span s, struct option_value *out,
                          struct err *e)
{
    int64_t v;

    return read_terms(s, time_units, 1000, &v) ? in_range(o, s, v, out, e) : complain(o, s, e);
}

static int parse_bool(const struct option_row *o, struct span s, struct option_value *out,
                      struct err *e)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (span_eq_nocase(s, span_of(words[i]))) {
            out->number = i % 2;
            return 0;
        }
    }
    return complain(o, s, e);
}

/* The i-th of "one|two|three"; n == 0 behind the last. */
static struct span word_at(const char *words, int64_t i)
{
    struct span rest = span_of(words), word;

    for (span_cut(rest, '|', &word, &rest); i > 0; i--)
        span_cut(rest, '|', &word, &rest);
    return word;
}

static int parse_word(const struct option_row *o, struct span s, struct option_value *out,
                      struct err *e)
{
    struct span word;

    for (int64_t i = 0; (word = word_at(o->words, i)).n; i++) {
        if (span_eq(s, word)) {
            out->number = i;
            return 0;
        }
    }
    return complain(o, s, e);
}

static int keep_text(const struct option_row *o, struct span s, struct option_value *out,
                     struct err *e)
{
    char *copy;

    if ((int64_t)s.n < o->least || (int64_t)s.n > o->most || (s.n && memchr(s.p, '\0', s.n)))
        return complain(o, s, e);
    copy = strndup(s.n ? s.p : "", s.n);
    if (!copy)
        return err_set(e, ERR_MEMORY, "no memory");
    out->text = copy;
    return 0;
}

static int parse_address(const struct option_row *o, struct span s, struct option_value *out,
                         struct err *e)
{
    unsigned char raw[sizeof(struct in6_addr)];
    char text[80];

    if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
        s = (struct span){s.p + 1, s.n - 2};
    if (s.n >= sizeof text || s.n == 0)
        return complain(o, s, e);
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    if (inet_pton(AF_INET, text, raw) != 1 && inet_pton(AF_INET6, text, raw) != 1) {
        complain(o, s, e);
        if (span_eq_nocase(s, SPAN("localhost")))
            err_set(e, ERR_INVALID,
                    "\"localhost\" is a name, not an address; write 127.0.0.1 or ::1");
        return -1;
    }
    return keep_text(o, s, out, e);
}

/* scheme://host[:port][/path], nothing else. */
static int parse_url(const struct option_row *o, struct span s, struct option_value *out,
                     struct err *e)
{
    struct span rest, authority, path;
    long long port;

    if (span_starts(s, SPAN("https://")))
        rest = span_skip(s, 8);
    else if (span_starts(s, SPAN("http://")))
        rest = span_skip(s, 7);
    else
        return complain(o, s, e);
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("?#@\\\"<>", s.p[i]))
            return complain(o, s, e);
    span_cut(rest, '/', &authority, &path);
    if (authority.n && authority.p[0] != '[') {
        struct span host, digits;

        if (span_cut(authority, ':', &host, &digits) &&
            (!span_to_int64(digits, &port) || port < 1 || port > 65535))
            return complain(o, s, e);
        authority = host;
    }
    if (!authority.n)
        return complain(o, s, e);
    while (s.p[s.n - 1] == '/')
        s.n--;
    return keep_text(o, s, out, e);
}

/* Nothing, or the address of a ledger. */
static int parse_ledger(const struct option_row *o, struct span s, struct option_value *out,
                        struct err *e)
{
    return s.n && ledger_address_check(s, e) != 0 ? -1 : keep_text(o, s, out, e);
}

static bool is_list_gap(char c)
{
    return c == ',' || c == ' ' || c == '\t';
}

/* Items separated by commas or blanks, kept with one comma between them. */
static int parse_list(const struct option_row *o, struct span s, struct option_value *out,
                      struct err *e)
{
    struct buf list;
    int r;

    buf_init(&list, (size_t)o->most + 1);
    for (size_t i = 0; i < s.n; i++) {
        if (is_list_gap(s.p[i]))
            continue;
        if (list.n && is_list_gap(s.p[i - 1]))
            buf_char(&list, ',');
        buf_char(&list, s.p[i]);
    }
    r = list.failed ? complain(o, s, e) : keep_text(o, buf_all(&list), out, e);
    buf_finish(&list);
    return r;
}

static int parse_project(const struct option_row *o, struct span s, struct option_value *out,
                         struct err *e)
{
    for (size_t i = 0; i < s.n; i++)
        if (!isalnum((unsigned char)s.p[i]) && !strchr("._:@-", s.p[i]))
            return complain(o, s, e);
    return keep_text(o, s, out, e);
}

/* Secrets are read by secret_take(); wherever a value is given, it must not be one. */
static int parse_secret(const struct option_row *o, struct span s, struct option_value *out,
                        struct err *e)
{
    (void)s;
    (void)out;
    return err_set(e, ERR_INVALID,
                   "secrets are read from the environment variable %s or the systemd credential of "
                   "that name, never from here",
                   o->env);
}

static void format_int(const struct option_row *o, const struct option_value *v, struct buf *out)
{
    (void)o;
    buf_printf(out, "%lld", (long long)v->number);
}

static void format_terms(const struct unit *units, int64_t v, const char *zero, struct buf *out)
{
    if (v == 0) {
        buf_str(out, zero);
        return;
    }
    for (const struct unit *u = units; u->name; u++) {
        if (v % u->times == 0) {
            buf_printf(out, "%lld%s", (long long)(v / u->times),
                       u->times == 1 && units == size_units ? "" : u->name);
            return;
        }
    }
}

static void format_size(const struct option_row *o, const struct option_value *v, struct buf *out)
{
    (void)o;
    format_terms(size_units, v->number, "0", out);
}

static void format_duration(const struct option_row *o, const struct option_value *v,
                            struct buf *out)
{
    (void)o;
    format_terms(time_units, v->number, "0s", out);
}

static void format_bool(const struct option_row *o, const struct option_value *v, struct buf *out)
{
    (void)o;
    buf_str(out, v->number ? "yes" : "no");
}

static void format_word(const struct option_row *o, const struct option_value *v, struct buf *out)
{
    buf_span(out, word_at(o->words, v->number));
}

static void format_text(const struct option_row *o, const struct option_value *v, struct buf *out)
{
    (void)o;
    buf_str(out, v->text);
}

static void format_secret(const struct option_row *o, const struct option_value *v, struct buf *out)
{
    (void)o;
    buf_str(out, v->text ? "(set)" : "(not set)");
}

static void range_number(const struct option_row *o, struct buf *out)
{
    static const char *const what[OPTION_TYPES] = {
        [OPTION_INT] = "a whole number",
        [OPTION_SIZE] = "a size (such as 64K, 32M or 1G)",
        [OPTION_DURATION] = "a time (such as 500ms, 10s, 5min or 1h)",
    };

    buf_printf(out, "%s from ", what[o->type]);
    option_format(o, &(struct option_value){.number = o->least}, out);
    buf_str(out, " to ");
    option_format(o, &(struct option_value){.number = o->most}, out);
}

static void range_bool(const struct option_row *o, struct buf *out)
{
    (void)o;
    buf_str(out, "yes or no");
}

static void range_word(const struct option_row *o, struct buf *out)
{
    struct span word;

    for (int64_t i = 0; (word = word_at(o->words, i)).n; i++) {
        if (i)
            buf_str(out, word_at(o->words, i + 1).n ? ", " : " or ");
        buf_span(out, word);
    }
}

static void range_address(const struct option_row *o, struct buf *out)
{
    (void)o;
    buf_str(out, "an IPv4 or IPv6 address");
}

static void range_url(const struct option_row *o, struct buf *out)
{
    (void)o;
    buf_str(out, "an address of the form https://host[:port][/path]");
}

static void range_path(const struct option_row *o, struct buf *out)
{
    buf_printf(out, "a path of at most %lld bytes", (long long)o->most);
}

static void range_ledger(const struct option_row *o, struct buf *out)
{
    (void)o;
    buf_str(out, LEDGER_ADDRESSES);
}

static void range_list(const struct option_row *o, struct buf *out)
{
    buf_printf(out, "a list separated by commas, of at most %lld bytes", (long long)o->most);
}

static void range_project(const struct option_row *o, struct buf *out)
{
    buf_printf(out, "1 to %lld of A-Z a-z 0-9 . _ : @ -", (long long)o->most);
}

static const struct kind kinds[OPTION_TYPES] = {
    [OPTION_INT] = {"N", false, parse_int, format_int, range_number},
    [OPTION_SIZE] = {"SIZE", false, parse_size, format_size, range_number},
    [OPTION_DURATION] = {"TIME", false, parse_duration, format_duration, range_number},
    [OPTION_BOOL] = {"yes|no", false, parse_bool, format_bool, range_bool},
    [OPTION_WORD] = {NULL, false, parse_word, format_word, range_word},
    [OPTION_ADDRESS] = {"ADDRESS", true, parse_address, format_text, range_address},
    [OPTION_URL] = {"URL", true, parse_url, format_text, range_url},
    [OPTION_PATH] = {"PATH", true, keep_text, format_text, range_path},
    [OPTION_LIST] = {"NAMES", true, parse_list, format_text, range_list},
    [OPTION_PROJECT] = {"PROJECT", true, parse_project, format_text, range_project},
    [OPTION_LEDGER] = {"ADDRESS", true, parse_ledger, format_text, range_ledger},
    [OPTION_SECRET] = {"SECRET", true, parse_secret, format_secret, range_path},
};

const char *option_metavar(const struct option_row *o)
{
    return o->words ? o->words : kinds[o->type].metavar;
}

bool option_is_text(const struct option_row *o)
{
    return kinds[o->type].text;
}

int option_parse(const struct option_row *o, struct span text, struct option_value *out,
                 struct err *e)
{
    return kinds[o->type].parse(o, span_trim(text), out, e);
}

void option_format(const struct option_row *o, const struct option_value *v, struct buf *out)
{
    kinds[o->type].format(o, v, out);
}

void option_range(const struct option_row *o, struct buf *out)
{
    kinds[o->type].range(o, out);
}
