/* SPDX-License-Identifier: MIT */
#include "proxy/guard.h"

/* RFC 9110 §5.6.2 */
static bool is_token(struct span s)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], lower = c | 0x20;
        if (!((c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z') || (c && strchr(marks, c))))
            return false;
    }
    return s.n > 0;
}

int guard_target(struct span raw, struct refusal *r)
{
    if (raw.n > GUARD_BYTES_MAX)
        return refuse(r, REFUSE_URI_TOO_LONG, NULL, "The request's target is longer than %d bytes.",
                      GUARD_BYTES_MAX);
    for (size_t i = 0; i < raw.n; i++) {
        unsigned char c = (unsigned char)raw.p[i];
        if (c <= ' ' || c == '#' || c == 0x7f)
            return refuse(r, REFUSE_BAD_HEADER, NULL,
                          "The request's target holds a blank, a control character or a fragment.");
    }
    return 0;
}

static bool is_field_value(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* A folded or misspelt framing header reaches us under a name that merely begins like one. */
static bool is_mangled_framing(struct span name)
{
    static const char *const framing[] = {"transfer-encoding", "content-length"};

    for (size_t i = 0; i < 2; i++) {
        struct span whole = span_of(framing[i]);
        if (name.n > whole.n && span_starts_nocase(name, whole))
            return true;
    }
    return false;
}

static int check_size(const struct headers *h, struct refusal *r)
{
    size_t n = 0;

    if (h->n > GUARD_HEADERS_MAX)
        return refuse(r, REFUSE_TOO_MANY_HEADERS, NULL, "More than %d headers.", GUARD_HEADERS_MAX);
    for (int i = 0; i < h->n; i++)
        n += h->list[i].name.n + h->list[i].value.n + strlen(": \r\n");
    if (n > GUARD_BYTES_MAX)
        return refuse(r, REFUSE_HEADERS_TOO_LARGE, NULL, "The headers are larger than %d bytes.",
                      GUARD_BYTES_MAX);
    return 0;
}

static int check_names(const struct headers *h, struct refusal *r)
{
    for (int i = 0; i < h->n; i++) {
        struct span name = h->list[i].name;
        if (is_mangled_framing(name) || !is_token(name))
            return refuse(r, REFUSE_BAD_HEADER, NULL, "A header's name is not a name.");
        if (!is_field_value(h->list[i].value))
            return refuse(r, REFUSE_BAD_HEADER, NULL, "Header %.*s holds a control character.",
                          SPAN_FMT(name));
    }
    return 0;
}

static int check_framing(const struct headers *h, bool http11, struct refusal *r)
{
    int lengths = headers_count(h, "content-length");
    int codings = headers_count(h, "transfer-encoding");
    long long length;

    if (lengths && codings)
        return refuse(r, REFUSE_BAD_FRAMING, NULL,
                      "Content-Length and Transfer-Encoding contradict each other.");
    if (lengths > 1 || codings > 1)
        return refuse(r, REFUSE_BAD_FRAMING, NULL, "The body's length is given twice.");
    if (lengths && !span_to_int64(headers_get(h, "content-length"), &length))
        return refuse(r, REFUSE_BAD_FRAMING, NULL, "Content-Length is not a number.");
    if (codings && !http11)
        return refuse(r, REFUSE_BAD_FRAMING, NULL, "Transfer-Encoding needs HTTP/1.1.");
    if (codings && !span_eq_nocase(headers_get(h, "transfer-encoding"), SPAN("chunked")))
        return refuse(r, REFUSE_BAD_FRAMING, NULL, "The only transfer coding taken is chunked.");
    return 0;
}

/* Headers that decide something here must not be there twice: who reads the first would disagree with
 * who reads the last. */
static int check_single(const struct headers *h, struct refusal *r)
{
    static const char *const single[] = {
        "authorization",     "x-api-key",        "api-key",           "x-tokencap-project-id",
        "anthropic-version", "content-encoding", "x-tokencap-run-id", "x-tokencap-run-limit-usd",
    };

    if (headers_count(h, "host") > 1)
        return refuse(r, REFUSE_BAD_HEADER, NULL, "Host is there twice.");
    for (size_t i = 0; i < sizeof single / sizeof *single; i++)
        if (headers_count(h, single[i]) > 1)
            return refuse(r, REFUSE_DUPLICATE_HEADER, NULL, "Header %s is there twice.", single[i]);
    return 0;
}

int guard_headers(const struct headers *h, bool http11, struct refusal *r)
{
    struct span coding = headers_get(h, "content-encoding");

    if (check_size(h, r) || check_names(h, r) || check_framing(h, http11, r) || check_single(h, r))
        return -1;
    if (coding.n && !span_eq_nocase(coding, SPAN("identity")))
        return refuse(r, REFUSE_UNSUPPORTED_ENCODING, NULL,
                      "Compressed bodies are not read here; send the JSON as it is.");
    return 0;
}
