/* SPDX-License-Identifier: MIT */
/*
 * The receiving half of HTTP/1.1: one request after another from a blocking socket. Strict where
 * leniency would hide a smuggled request: whatever is ambiguous is reported as malformed.
 */
#ifndef SIM_HTTP_H
#define SIM_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

#define HTTP_MAX_HEADERS 256

struct http_header {
    char *name; /* as received */
    char *value;
};

struct http_request {
    char *method;
    char *target;
    int minor; /* HTTP/1.minor */
    struct http_header header[HTTP_MAX_HEADERS];
    size_t header_count;
    const char *body;
    size_t body_len;
    bool keep_alive;
    const char *malformed; /* why, or NULL */
    /* private */
    char *head_text;
    struct buf unchunked;
};

/* One accepted connection; belongs to its thread. */
struct http_conn {
    int fd;
    uint64_t id;
    uint64_t requests; /* read so far */
    struct buf in;     /* received; the first `used` bytes belong to the last request */
    size_t used;
    bool failed; /* a send failed: the peer is gone */
};

/* 1: a request was read (perhaps malformed), 0: the peer closed between requests, -1: it broke
 * off within one. `req` stays valid until the next read or http_request_forget(). */
int http_read(struct http_conn *conn, struct http_request *req);
void http_request_forget(struct http_request *req);

/* The first header of that name (any case), or NULL. */
const char *http_header(const struct http_request *req, const char *name);
/* The path without its query. */
size_t http_path_len(const struct http_request *req);
/* The value of a query parameter, copied raw; false when it is not there. */
bool http_query(const struct http_request *req, const char *name, char *to, size_t size);

/* Sends all of it. 0, or -1 when the peer is gone (conn->failed is then set). */
int http_send(struct http_conn *conn, const void *bytes, size_t len);

#endif
