/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsonw.h"
#include "cli/cli.h"

#define BLOCK (64 * 1024)

const char *env_value(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static int open_input(const char *path, const char **name, struct err *e)
{
    int fd;

    *name = path ? path : "standard input";
    if (!path || strcmp(path, "-") == 0)
        return STDIN_FILENO;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? err_set(e, ERR_IO, "%s cannot be read: %s", path, strerror(errno)) : fd;
}

static void close_input(int fd)
{
    if (fd != STDIN_FILENO)
        close(fd);
}

/* One more block behind what b holds; 0 at the end. */
static ssize_t read_more(int fd, const char *name, struct buf *b, struct err *e)
{
    char block[BLOCK];
    ssize_t n;

    do
        n = read(fd, block, sizeof block);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_set(e, ERR_IO, "%s cannot be read: %s", name, strerror(errno));
    buf_add(b, block, (size_t)n);
    if (b->failed)
        return err_set(e, ERR_MEMORY, "no memory for %s", name);
    return n;
}

int input_read(const char *path, struct buf *out, struct err *e)
{
    const char *name;
    ssize_t n;
    int fd = open_input(path, &name, e);

    if (fd < 0)
        return -1;
    while ((n = read_more(fd, name, out, e)) > 0)
        ;
    close_input(fd);
    return n < 0 ? -1 : 0;
}

int lines_open(struct lines *l, const char *path, struct err *e)
{
    const char *name;
    int fd = open_input(path, &name, e);

    if (fd < 0)
        return -1;
    *l = (struct lines){.fd = fd, .name = name};
    buf_init(&l->pending, 0);
    return 0;
}

/* Moves what is left to the front, so that the buffer stays as long as one line. */
static void compact(struct lines *l)
{
    if (!l->start)
        return;
    memmove(l->pending.p, l->pending.p + l->start, l->pending.n - l->start);
    l->pending.n -= l->start;
    l->start = 0;
}

int lines_next(struct lines *l, struct span *line, struct err *e)
{
    size_t searched = l->start;

    for (;;) {
        char *end = l->pending.n > searched
                        ? memchr(l->pending.p + searched, '\n', l->pending.n - searched)
                        : NULL;
        ssize_t n;

        if (end || (l->ended && l->pending.n > l->start)) {
            char *stop = end ? end : l->pending.p + l->pending.n;

            *line =
                (struct span){l->pending.p + l->start, (size_t)(stop - l->pending.p) - l->start};
            l->start = (size_t)(stop - l->pending.p) + (end != NULL);
            return 1;
        }
        if (l->ended)
            return 0;
        searched = l->pending.n - l->start;
        compact(l);
        fflush(stdout);
        n = read_more(l->fd, l->name, &l->pending, e);
        if (n < 0)
            return -1;
        l->ended = n == 0;
    }
}

void lines_close(struct lines *l)
{
    close_input(l->fd);
    buf_finish(&l->pending);
}

void print_line_error(const char *message)
{
    struct jsonw w;
    struct buf out;

    buf_init(&out, 0);
    jsonw_init(&w, &out);
    jsonw_open(&w, '{');
    jsonw_member_str(&w, "error", span_of(message));
    jsonw_close(&w, '}');
    puts(out.failed ? "{\"error\":\"no memory\"}" : out.p);
    buf_finish(&out);
}
