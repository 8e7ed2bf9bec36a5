/* SPDX-License-Identifier: MIT */
#include "proxy/outlet.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "proxy/conns.h"

int outlet_open(struct exchange *x, struct err *e)
{
    if (ring_init(&x->reply.ring, REPLY_RING, REPLY_RING_MAX, e))
        return -1;
    x->reply.streamed = true;
    once_set(&x->answered);
    return 0;
}

/* Sends as much as goes at once. False: the connection is broken. */
static bool send_now(int fd, struct iovec *parts, size_t n)
{
    struct msghdr m = {.msg_iov = parts, .msg_iovlen = n};
    ssize_t sent;

    do
        sent = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == EAGAIN;
    for (size_t i = 0; i < n; i++) {
        size_t gone = (size_t)sent < parts[i].iov_len ? (size_t)sent : parts[i].iov_len;
        parts[i].iov_base = (char *)parts[i].iov_base + gone;
        parts[i].iov_len -= gone;
        sent -= (ssize_t)gone;
    }
    return true;
}

/* Any thread, while the connection's is in outlet_carry(), which then ends. */
static void hung_up(void *ctx)
{
    struct exchange *x = ctx;

    exchange_client_left(x);
    ring_abandon(&x->reply.ring);
}

/* ---- the worker ---- */

static bool is_mine(const struct exchange *x)
{
    return atomic_load(&x->reply.carried) && ring_is_empty(&x->reply.ring);
}

/* The thread may leave meanwhile, when the client hangs up: a descriptor is the connection's under the lock. */
static bool send_past(struct exchange *x, struct iovec *parts, size_t n)
{
    bool sent;

    pthread_mutex_lock(&x->fd_lock);
    sent = x->client_fd >= 0 && send_now(x->client_fd, parts, n);
    pthread_mutex_unlock(&x->fd_lock);
    return sent;
}

/* Into the ring, for the connection's thread; one that does not take it for too long is cut. */
static void leave(struct exchange *x, const struct iovec *parts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct span s = {parts[i].iov_base, parts[i].iov_len};
        if (ring_write(&x->reply.ring, s, x->settings->config.write_stall_timeout))
            continue;
        exchange_client_left(x);
        exchange_hang_up(x);
        return;
    }
}

static void write_chunk(struct exchange *x, struct span bytes)
{
    char size[24];
    int n = snprintf(size, sizeof size, "%zx\r\n", bytes.n);
    struct iovec parts[] = {{size, (size_t)n}, {(char *)bytes.p, bytes.n}, {"\r\n", 2}};

    if (is_mine(x) && !send_past(x, parts, 3))
        hung_up(x);
    else
        leave(x, parts, 3);
}

void outlet_write(struct exchange *x, struct span bytes)
{
    struct iovec whole = {(char *)bytes.p, bytes.n};

    if (!bytes.n || exchange_client_is_gone(x))
        return;
    if (x->chunks)
        write_chunk(x, bytes);
    else
        leave(x, &whole, 1);
}

void outlet_close(struct exchange *x, enum ring_end how)
{
    ring_close(&x->reply.ring, how);
}

/* ---- the connection's thread ---- */

/* The client is given these bytes now, and must take them in time. */
static bool send_all(struct exchange *x, char *bytes, size_t n)
{
    struct pollfd p = {x->client_fd, POLLOUT | POLLRDHUP, 0};
    struct iovec rest = {bytes, n};
    bool waits = false;

    while (send_now(p.fd, &rest, 1) && rest.iov_len) {
        if (!waits && x->conn)
            conn_phase(x->conn, x->settings->config.write_stall_timeout);
        waits = true;
        while (poll(&p, 1, -1) < 0)
            ;
        if (p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL))
            return false;
    }
    if (x->conn)
        conn_no_deadline(x->conn);
    return !rest.iov_len;
}

/* The library has zeroed all of a block that a long stream hardly ever uses: gives its pages back. */
static void give_back(char *block, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)block;
    uintptr_t from = (at + page - 1) & ~(page - 1), to = (at + size) & ~(page - 1);

    if (from < to)
        madvise((void *)from, to - from, MADV_DONTNEED);
}

/* Of a stream that lasts, the thread lets the reaper look after the client, and is not woken for that. */
enum ring_end outlet_carry(struct exchange *x, char *block, size_t size)
{
    bool settled = false, watched = false;
    struct ring *r = &x->reply.ring;
    enum ring_end end;
    size_t n;

    atomic_store(&x->reply.carried, true);
    while ((end = ring_ended(r)) == RING_OPEN && !ring_abandoned(r)) {
        n = ring_peek(r, block, size, watched ? -1 : CLIENT_LOOK_MS);
        if (n ? !send_all(x, block, n) : !watched && exchange_client_has_left(x)) {
            hung_up(x);
        } else if (n) {
            ring_skip(r, n);
        } else if (!settled) {
            settled = true;
            watched = x->conn && conn_watch(x->conn, hung_up, x);
            give_back(block, size);
        }
    }
    if (watched)
        conn_unwatch(x->conn);
    return end == RING_OPEN ? RING_BROKEN : end;
}
