/* SPDX-License-Identifier: MIT */
#include "http.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define HEAD_MAX (1 << 20)
#define BODY_MAX (256u << 20)

int http_send(struct http_conn *conn, const void *bytes, size_t len)
{
    const char *p = bytes;

    while (len && !conn->failed) {
        ssize_t sent = send(conn->fd, p, len, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0) {
            conn->failed = true;
            break;
        }
        p += sent;
        len -= (size_t)sent;
    }
    return conn->failed ? -1 : 0;
}

/* Receives something more; 1, or 0 at the end of input or on an error. */
static int receive(struct http_conn *conn)
{
    ssize_t got;

    buf_reserve(&conn->in, 16384);
    do
        got = recv(conn->fd, conn->in.bytes + conn->in.len, conn->in.cap - conn->in.len - 1, 0);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return 0;
    conn->in.len += (size_t)got;
    conn->in.bytes[conn->in.len] = '\0';
    return 1;
}

static void drop_used(struct http_conn *conn)
{
    memmove(conn->in.bytes, conn->in.bytes + conn->used, conn->in.len - conn->used);
    conn->in.len -= conn->used;
    conn->used = 0;
}

/* Waits for a whole head; its length, 0 when the peer closed before any byte, -1 otherwise. */
static ssize_t receive_head(struct http_conn *conn)
{
    size_t looked = 0;

    for (;;) {
        char *end = NULL;

        if (conn->in.len > looked)
            end = memmem(conn->in.bytes + looked, conn->in.len - looked, "\r\n\r\n", 4);
        if (end)
            return end + 4 - conn->in.bytes;
        looked = conn->in.len > 3 ? conn->in.len - 3 : 0;
        if (conn->in.len > HEAD_MAX || (conn->in.len && !isalpha((unsigned char)*conn->in.bytes)))
            return -1; /* a TLS greeting, say */
        if (!receive(conn))
            return conn->in.len ? -1 : 0;
    }
}

static bool is_token(const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p <= ' ' || *p >= 127 || strchr("\"(),/:;<=>?@[\\]{}", *p))
            return false;
    }
    return *text != '\0';
}

static void parse_request_line(struct http_request *req, char *line)
{
    char *target = strchr(line, ' '), *version = target ? strchr(target + 1, ' ') : NULL;

    req->method = line;
    req->target = line + strlen(line);
    if (!version) {
        req->malformed = "request line";
        return;
    }
    *target = *version = '\0';
    req->target = target + 1;
    if (strcmp(version + 1, "HTTP/1.1") == 0)
        req->minor = 1;
    else if (strcmp(version + 1, "HTTP/1.0") != 0)
        req->malformed = "version";
}

static void parse_header_line(struct http_request *req, char *line)
{
    char *colon = strchr(line, ':'), *value, *end;

    if (req->header_count == HTTP_MAX_HEADERS) {
        req->malformed = "too many headers";
        return;
    }
    if (!colon) {
        req->malformed = "header without a colon";
        return;
    }
    *colon = '\0';
    if (!is_token(line))
        req->malformed = "header name";
    value = colon + 1 + strspn(colon + 1, " \t");
    for (end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t'); end--)
        ;
    *end = '\0';
    req->header[req->header_count++] = (struct http_header){line, value};
}

/* Cuts the copied head into its lines, in place. */
static void parse_head(struct http_request *req, size_t len)
{
    char *line = req->head_text;

    if (memchr(line, '\0', len))
        req->malformed = "NUL in the head";
    for (int n = 0; *line; n++) {
        char *end = strstr(line, "\r\n");

        if (!end)
            break;
        *end = '\0';
        if (end == line)
            break;
        if (strpbrk(line, "\r\n"))
            req->malformed = "bare CR or LF";
        if (n == 0)
            parse_request_line(req, line);
        else
            parse_header_line(req, line);
        line = end + 2;
    }
    if (!req->method)
        req->method = req->target = req->head_text;
}

static int count_headers(const struct http_request *req, const char *name)
{
    int count = 0;

    for (size_t i = 0; i < req->header_count; i++)
        count += strcasecmp(req->header[i].name, name) == 0;
    return count;
}

/* Waits until `need` bytes of input are there in all. */
static int fill(struct http_conn *conn, size_t need)
{
    while (conn->in.len < need) {
        if (!receive(conn))
            return -1;
    }
    return 0;
}

static int read_chunked(struct http_conn *conn, struct http_request *req, size_t at)
{
    for (;;) {
        char *line_end, *digits_end;
        unsigned long long size;

        while (!(line_end = memmem(conn->in.bytes + at, conn->in.len - at, "\r\n", 2))) {
            if (conn->in.len - at > 4096 || !receive(conn))
                return -1;
        }
        size = strtoull(conn->in.bytes + at, &digits_end, 16);
        if (digits_end == conn->in.bytes + at || size > BODY_MAX)
            return -1;
        at = (size_t)(line_end + 2 - conn->in.bytes);
        if (size == 0)
            break;
        if (fill(conn, at + size + 2) < 0)
            return -1;
        buf_add(&req->unchunked, conn->in.bytes + at, size);
        at += size + 2;
    }
    for (;;) { /* trailers, up to an empty line */
        char *line_end;

        while (!(line_end = memmem(conn->in.bytes + at, conn->in.len - at, "\r\n", 2))) {
            if (!receive(conn))
                return -1;
        }
        if (line_end == conn->in.bytes + at)
            break;
        at = (size_t)(line_end + 2 - conn->in.bytes);
    }
    conn->used = at + 2;
    req->body = req->unchunked.bytes;
    req->body_len = req->unchunked.len;
    return 0;
}

static int read_body(struct http_conn *conn, struct http_request *req, size_t head_len)
{
    const char *length = http_header(req, "Content-Length");
    const char *coding = http_header(req, "Transfer-Encoding");
    const char *expect = http_header(req, "Expect");
    unsigned long long len = 0;
    char *end;

    conn->used = head_len;
    if (count_headers(req, "Content-Length") + count_headers(req, "Transfer-Encoding") > 1 ||
        (coding && strcasecmp(coding, "chunked") != 0)) {
        req->malformed = "framing";
        return 0;
    }
    if (expect && strcasecmp(expect, "100-continue") == 0)
        http_send(conn, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    if (coding)
        return read_chunked(conn, req, head_len);
    if (length) {
        len = strtoull(length, &end, 10);
        if (!*length || strspn(length, "0123456789") != strlen(length) || len > BODY_MAX) {
            req->malformed = "length";
            return 0;
        }
    }
    if (fill(conn, head_len + len) < 0)
        return -1;
    conn->used = head_len + len;
    req->body = conn->in.bytes + head_len;
    req->body_len = len;
    return 0;
}

int http_read(struct http_conn *conn, struct http_request *req)
{
    const char *connection;
    ssize_t head_len;

    http_request_forget(req);
    if (conn->used)
        drop_used(conn);
    head_len = receive_head(conn);
    if (head_len <= 0)
        return (int)head_len;
    req->head_text = sim_alloc((size_t)head_len + 1);
    memcpy(req->head_text, conn->in.bytes, (size_t)head_len);
    parse_head(req, (size_t)head_len);
    req->body = "";
    conn->requests++;
    if (!req->malformed && read_body(conn, req, (size_t)head_len) < 0)
        return -1;
    connection = http_header(req, "Connection");
    req->keep_alive =
        !req->malformed && req->minor == 1 && !(connection && strcasecmp(connection, "close") == 0);
    return 1;
}

void http_request_forget(struct http_request *req)
{
    free(req->head_text);
    buf_finish(&req->unchunked);
    *req = (struct http_request){0};
}

const char *http_header(const struct http_request *req, const char *name)
{
    for (size_t i = 0; i < req->header_count; i++) {
        if (strcasecmp(req->header[i].name, name) == 0)
            return req->header[i].value;
    }
    return NULL;
}

size_t http_path_len(const struct http_request *req)
{
    return strcspn(req->target, "?");
}

bool http_query(const struct http_request *req, const char *name, char *to, size_t size)
{
    const char *p = strchr(req->target, '?');
    size_t name_len = strlen(name);

    while (p) {
        p++;
        if (strncmp(p, name, name_len) == 0 && p[name_len] == '=') {
            size_t len = strcspn(p + name_len + 1, "&");

            len = len < size - 1 ? len : size - 1;
            memcpy(to, p + name_len + 1, len);
            to[len] = '\0';
            return true;
        }
        p = strchr(p, '&');
    }
    return false;
}
