/* SPDX-License-Identifier: MIT */
/*
 * A client of very many streams, on one thread. Does what it is told on standard input, a line
 * each, and answers each line with one of JSON:
 *
 *   first N             N streams one after the other on one connection, to their end: microseconds
 * to the first event open N RATE         opens RATE streams a second until N run, and waits for the
 * first event of each watch MS            reads what they bring for that long: how many events, and
 * milliseconds from the simulator's sending (its `stamp`) to here
 *
 *   streams PORT REQUEST               the file is the whole request, head and body, sent as it is
 *
 * A stream that fails or ends before the program does is an error.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

#define CARRY    64    /* bytes of a stream that are looked at again with the next ones */
#define PATIENCE 30000 /* milliseconds until all streams that were opened must run */
#define GRACE    200   /* milliseconds for events under way at the end of a watch */
#define DELAYS   (1 << 20)

struct stream {
    int fd;
    bool running;           /* its first event is there */
    int64_t asked_ns, sent; /* sent: of an event that has come in part; 0: none has */
    size_t carried;
    char carry[CARRY];
};

static struct {
    struct sockaddr_in to;
    char *request;
    size_t request_len;
    int poller;
    struct stream *list;
    int opened, running;

    bool watching;
    int64_t from_ns, until_ns; /* events sent between count */
    long events;               /* all that came while watching */
    int64_t figures[DELAYS];   /* nanoseconds: delays, or times to the first event */
    size_t n;
} all;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "streams: %s: %s\n", what, why);
    exit(1);
}

static void take_figure(int64_t ns)
{
    if (all.n < DELAYS)
        all.figures[all.n++] = ns;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* {"name": value, "p50": …, "p90": …, "p99": …}: what was taken, in `unit` nanoseconds. */
static void tell(const char *name, long value, double unit)
{
    static const int percents[] = {50, 90, 99};

    qsort(all.figures, all.n, sizeof all.figures[0], by_size);
    printf("{\"%s\": %ld", name, value);
    for (size_t i = 0; all.n && i < sizeof percents / sizeof percents[0]; i++)
        printf(", \"p%d\": %.4f", percents[i],
               (double)all.figures[(all.n - 1) * (size_t)percents[i] / 100] / unit);
    printf("}\n");
    fflush(stdout);
    all.n = 0;
}

static int dial(void)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&all.to, sizeof all.to) < 0)
        die("connecting", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void ask(int fd)
{
    for (size_t sent = 0; sent < all.request_len;) {
        ssize_t n = send(fd, all.request + sent, all.request_len - sent, MSG_NOSIGNAL);

        if (n < 0)
            die("sending", strerror(errno));
        sent += (size_t)n;
    }
}

/* ---- one after the other ---- */

static bool is_whole(const char *text)
{
    const char *last = strstr(text, "\r\n0\r\n"); /* and perhaps trailers */

    return last && strstr(last + 3, "\r\n\r\n");
}

static void read_one(int fd)
{
    static char text[1 << 20];
    int64_t asked = clock_mono_ns();
    size_t have = 0;
    bool first = false;

    ask(fd);
    do {
        ssize_t n = recv(fd, text + have, sizeof text - 1 - have, 0);

        if (n <= 0)
            die("a stream broke off", n ? strerror(errno) : text);
        have += (size_t)n;
        text[have] = '\0';
        if (!first && strstr(text, "\ndata:")) {
            take_figure(clock_mono_ns() - asked);
            first = true;
        }
    } while (!is_whole(text));
    if (strncmp(text, "HTTP/1.1 200", 12) != 0 || !first)
        die("not a stream", text);
}

static void first_events(long n)
{
    int fd = dial();

    for (long i = 0; i < n; i++)
        read_one(fd);
    close(fd);
    tell("streams", n, 1e3);
}

/* ---- many at once ---- */

/* The time in an event's stamp, once it is there as a whole; *p is then behind it. */
static int64_t find_stamp(const char **p, const char *end)
{
    static const char mark[] = ": sent ";
    const char *at = memmem(*p, (size_t)(end - *p), mark, sizeof mark - 1);
    char *rest;
    int64_t sent;

    if (!at)
        return 0;
    sent = strtoll(at + sizeof mark - 1, &rest, 10);
    *p = rest;
    return *rest == '\n' ? sent : 0;
}

/* An event has come when its blank line has. */
static void see_events(struct stream *s, const char *text, size_t n, int64_t now)
{
    const char *p = text, *end = text + n;

    while (s->sent || (s->sent = find_stamp(&p, end))) {
        p = memmem(p, (size_t)(end - p), "\n\n", 2);
        if (!p)
            return;
        all.events++;
        if (s->sent >= all.from_ns && s->sent < all.until_ns)
            take_figure(now - s->sent);
        s->sent = 0;
    }
}

static void begin_running(struct stream *s, const char *text, int64_t now)
{
    if (strncmp(text, "HTTP/1.1 ", 9) == 0 && strncmp(text + 9, "200", 3) != 0)
        die("not a stream", text);
    if (!strstr(text, "data:"))
        return;
    s->running = true;
    all.running++;
    take_figure(now - s->asked_ns);
}

/* What was looked at but may be the start of a stamp, or of a blank line, stays for the next time.
 */
static void keep_rest(struct stream *s, const char *text, size_t n)
{
    const char *line = memrchr(text, '\n', n);
    size_t rest = line ? n - (size_t)(line - text) : n;

    s->carried = rest < CARRY ? rest : 0;
    memcpy(s->carry, text + n - s->carried, s->carried);
}

static void read_some(struct stream *s)
{
    char text[CARRY + 16384 + 1];
    int64_t now;
    ssize_t got;
    size_t n;

    memcpy(text, s->carry, s->carried);
    got = recv(s->fd, text + s->carried, sizeof text - 1 - s->carried, MSG_DONTWAIT);
    now = clock_mono_ns();
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0)
        die("a stream broke off", got ? strerror(errno) : "closed");
    n = s->carried + (size_t)got;
    text[n] = '\0';
    if (!s->running)
        begin_running(s, text, now);
    if (all.watching)
        see_events(s, text, n, now);
    keep_rest(s, text, n);
}

/* Reads what there is, or comes within that time; false when that was nothing. */
static bool read_for(int ms)
{
    struct epoll_event ready[256];
    int n = epoll_wait(all.poller, ready, 256, ms);

    for (int i = 0; i < n; i++)
        read_some(ready[i].data.ptr);
    return n > 0;
}

static void open_one(void)
{
    struct stream *s = &all.list[all.opened++];
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};

    s->fd = dial();
    s->asked_ns = clock_mono_ns();
    ask(s->fd);
    if (epoll_ctl(all.poller, EPOLL_CTL_ADD, s->fd, &e) < 0)
        die("epoll", strerror(errno));
}

static void open_streams(int n, int rate)
{
    int64_t began = clock_mono_ns(), give_up;
    int before = all.opened;

    if (!all.list)
        all.list = calloc(20000, sizeof *all.list);
    if (!all.list || n > 20000)
        die("open", "too many streams");
    while (all.opened < n) {
        if (clock_mono_ns() >= began + (int64_t)(all.opened - before) * 1000000000 / rate)
            open_one();
        else
            read_for(1);
    }
    give_up = clock_mono_ns() + (int64_t)PATIENCE * 1000000;
    while (all.running < n && clock_mono_ns() < give_up)
        read_for(100);
    if (all.running < n) {
        fprintf(stderr, "streams: %d of %d run\n", all.running, n);
        exit(1);
    }
    tell("streams", n, 1e3);
}

static void watch(int ms)
{
    while (read_for(0))
        ; /* what came while nobody looked */
    all.watching = true;
    all.events = 0;
    all.from_ns = clock_mono_ns();
    all.until_ns = all.from_ns + (int64_t)ms * 1000000;
    while (clock_mono_ns() < all.until_ns + (int64_t)GRACE * 1000000)
        read_for(10);
    all.watching = false;
    tell("events", all.events, 1e6);
}

static void read_request(const char *path)
{
    FILE *f = fopen(path, "rb");

    all.request = malloc(1 << 20);
    if (!f || !all.request || !(all.request_len = fread(all.request, 1, 1 << 20, f)))
        die(path, "cannot be read");
    fclose(f);
}

int main(int argc, char **argv)
{
    struct rlimit files;
    char line[100];
    int a, b;

    if (argc != 3)
        die("usage", "streams PORT REQUEST");
    all.to = (struct sockaddr_in){.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)atoi(argv[1]))};
    read_request(argv[2]);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    all.poller = epoll_create1(EPOLL_CLOEXEC);
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "first %d", &a) == 1)
            first_events(a);
        else if (sscanf(line, "open %d %d", &a, &b) == 2)
            open_streams(a, b);
        else if (sscanf(line, "watch %d", &a) == 1)
            watch(a);
        else
            die("what is that", line);
    }
    return 0;
}
