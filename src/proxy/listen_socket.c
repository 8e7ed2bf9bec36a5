/* SPDX-License-Identifier: MIT */
#include "proxy/listen_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_FD 3 /* sd_listen_fds(3) */
#define BACKLOG  1024

static int bind_socket(const struct config *c, struct err *e)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *ai;
    char port[8];
    int fd, one = 1, why = 0;

    snprintf(port, sizeof port, "%d", (int)c->port);
    if (getaddrinfo(c->host, port, &hints, &ai))
        return err_set(e, ERR_INVALID, "%s is not an address to listen on", c->host);
    fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, BACKLOG))
        why = errno;
    freeaddrinfo(ai);
    if (!why)
        return fd;
    if (fd >= 0)
        close(fd);
    return err_set(e, ERR_IO, "cannot listen on %s port %s: %s", c->host, port, strerror(why));
}

static bool is_listening(int fd)
{
    int type = 0, accepts = 0;
    socklen_t n = sizeof(int);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &n) == 0 && accepts;
}

/* How many sockets were handed to this very process. */
static long count_inherited(void)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    long n = pid && fds && atol(pid) == getpid() ? atol(fds) : 0;

    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return n;
}

int listen_socket(const struct config *c, struct err *e)
{
    long n = count_inherited();

    if (n <= 0)
        return bind_socket(c, e);
    if (n > 1)
        return err_set(e, ERR_INVALID, "%ld sockets were handed over (LISTEN_FDS); one is served", n);
    if (!is_listening(FIRST_FD) || fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC) ||
        fcntl(FIRST_FD, F_SETFL, O_NONBLOCK))
        return err_set(e, ERR_INVALID,
                       "what was handed over (LISTEN_FDS) is no stream socket that listens");
    return FIRST_FD;
}

void listen_socket_url(int fd, bool tls, char *out, size_t n)
{
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof a;
    char host[64], port[8];

    snprintf(out, n, "unknown");
    if (getsockname(fd, (struct sockaddr *)&a, &len))
        return;
    if (a.ss_family == AF_UNIX)
        snprintf(out, n, "unix:%s", ((const struct sockaddr_un *)&a)->sun_path);
    else if (getnameinfo((struct sockaddr *)&a, len, host, sizeof host, port, sizeof port,
                         NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(out, n, a.ss_family == AF_INET6 ? "%s://[%s]:%s" : "%s://%s:%s",
                 tls ? "https" : "http", host, port);
}
