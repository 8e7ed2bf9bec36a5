/* SPDX-License-Identifier: MIT */
#ifndef WIRE_REFUSAL_H
#define WIRE_REFUSAL_H

#include "base/err.h"
#include "base/str.h"

/*
 * Every answer that the proxy itself gives in place of an upstream's, as a table: its status, its type
 * and its code. On a proxied path the body is the union of both dialects; on a management path it is
 * {"error":{"type","message"}}.
 */

/*        name                 status  OpenAI type               Anthropic type            code */
#define REFUSALS(X)                                                                                \
    X(BAD_FRAMING,             400, "invalid_request_error",  "invalid_request_error",  "bad_framing")         \
    X(BAD_HEADER,              400, "invalid_request_error",  "invalid_request_error",  "bad_header")          \
    X(TOO_MANY_HEADERS,        400, "invalid_request_error",  "invalid_request_error",  "too_many_headers")    \
    X(HEADERS_TOO_LARGE,       431, "invalid_request_error",  "invalid_request_error",  "headers_too_large")   \
    X(URI_TOO_LONG,            414, "invalid_request_error",  "invalid_request_error",  "uri_too_long")        \
    X(DUPLICATE_HEADER,        400, "invalid_request_error",  "invalid_request_error",  "duplicate_header")    \
    X(INVALID_PROJECT_ID,      400, "invalid_request_error",  "invalid_request_error",  "invalid_project_id")  \
    X(INVALID_JSON,            400, "invalid_request_error",  "invalid_request_error",  "invalid_json")        \
    X(DUPLICATE_KEY,           400, "invalid_request_error",  "invalid_request_error",  "duplicate_key")       \
    X(JSON_TOO_COMPLEX,        400, "invalid_request_error",  "invalid_request_error",  "json_too_complex")    \
    X(BAD_VALUE,               400, "invalid_request_error",  "invalid_request_error",  "bad_value")           \
    X(INVALID_REQUEST,         400, "invalid_request",        "invalid_request",        "invalid_request")     \
    X(UNPRICED_MODEL,          400, "invalid_request_error",  "invalid_request_error",  "unpriced_model")      \
    X(UNBOUNDED_COST,          400, "invalid_request_error",  "invalid_request_error",  "unbounded_cost")      \
    X(NO_CREDENTIAL,           401, "authentication_error",   "authentication_error",   "invalid_api_key")     \
    X(FORBIDDEN,               403, "permission_error",       "permission_error",       "forbidden")           \
    X(BUDGET_EXCEEDED,         402, "budget_exceeded",        "budget_exceeded",        "budget_exceeded")     \
    X(UNKNOWN_URL,             404, "invalid_request_error",  "not_found_error",        "unknown_url")         \
    X(WRONG_METHOD,            405, "invalid_request_error",  "invalid_request_error",  "method_not_allowed")  \
    X(TOO_LARGE,               413, "invalid_request_error",  "request_too_large",      "request_too_large")   \
    X(UNSUPPORTED_ENCODING,    415, "invalid_request_error",  "invalid_request_error",  "unsupported_encoding")\
    X(UPGRADE_REQUIRED,        426, "invalid_request_error",  "invalid_request_error",  "upgrade_required")    \
    X(RATE_LIMITED,            429, "rate_limit_error",       "rate_limit_error",       "rate_limit_exceeded") \
    X(INTERNAL,                500, "server_error",           "api_error",              "internal_error")      \
    X(UPSTREAM_FAILED,         502, "server_error",           "api_error",              "upstream_failed")     \
    X(OVERLOADED,              503, "server_error",           "overloaded_error",       "overloaded")          \
    X(LEDGER_UNAVAILABLE,      503, "server_error",           "overloaded_error",       "ledger_unavailable")  \
    X(DRAINING,                503, "server_error",           "overloaded_error",       "shutting_down")       \
    X(UPSTREAM_TIMEOUT,        504, "server_error",           "timeout_error",          "upstream_timeout")    \
    X(LOOP,                    508, "invalid_request_error",  "invalid_request_error",  "proxy_loop")

enum refusal_kind {
#define X(name, status, openai, anthropic, code) REFUSE_##name,
    REFUSALS(X)
#undef X
    REFUSAL_KINDS
};

enum dialect { DIALECT_OPENAI, DIALECT_ANTHROPIC, DIALECT_MANAGEMENT };

/* One refusal, filled where the fact is known. Plain data. */
struct refusal {
    enum refusal_kind kind;
    char message[512];
    const char *param;   /* the field at fault, a literal or NULL */
    int retry_after;     /* seconds; 0: no such header */
    const char *details; /* JSON object for error.details, or NULL; lives as long as the request */
};

/* Fills r and returns -1. */
int refuse(struct refusal *r, enum refusal_kind kind, const char *param, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

int refusal_status(enum refusal_kind kind);
const char *refusal_code(enum refusal_kind kind);

/* Appends the JSON body. */
void refusal_body(const struct refusal *r, enum dialect d, const char *request_id, struct buf *out);

#endif
