/* SPDX-License-Identifier: MIT */
#include "proxy/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SECRET_MAX 4095 /* bytes; each lives on a page of its own */
#define PAGE       (SECRET_MAX + 1)

char *secret_keep(const char *text)
{
    char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return NULL;
    madvise(page, PAGE, MADV_DONTDUMP);
    mlock(page, PAGE); /* as far as RLIMIT_MEMLOCK allows */
    return memcpy(page, text, strnlen(text, SECRET_MAX));
}

void secret_forget(char *secret)
{
    if (!secret)
        return;
    explicit_bzero(secret, PAGE);
    munmap(secret, PAGE);
}

/* A header's worth, unless it is free: visible ASCII without spaces. Never quotes the value. */
static int check(const char *text, bool free, const char *where, struct err *e)
{
    size_t n = strlen(text);

    if (n > SECRET_MAX)
        return err_set(e, ERR_INVALID, "%s is longer than %d bytes", where, SECRET_MAX);
    for (size_t i = 0; !free && i < n; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return err_set(e, ERR_INVALID,
                           "%s has a space, a line break or another byte that no key has, at "
                           "byte %zu",
                           where, i + 1);
    return 0;
}

static int keep(const char *text, bool free, const char *where, char **out, struct err *e)
{
    char *secret;

    if (check(text, free, where, e) < 0)
        return -1;
    secret = *text ? secret_keep(text) : NULL;
    if (*text && !secret)
        return err_set(e, ERR_MEMORY, "no memory for %s", where);
    *out = secret;
    return 0;
}

static int from_environment(const char *name, bool free, char *value, char **out, struct err *e)
{
    char where[128];
    int r;

    snprintf(where, sizeof where, "environment variable %s", name);
    r = keep(value, free, where, out, e);
    explicit_bzero(value, strlen(value));
    unsetenv(name);
    return r;
}

static ssize_t read_all(int fd, char *p, size_t max)
{
    size_t n = 0;

    while (n < max) {
        ssize_t got = read(fd, p + n, max - n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

static int from_file(const char *path, bool free, char **out, struct err *e)
{
    char text[SECRET_MAX + 2];
    char where[PATH_MAX + 16];
    ssize_t n = -1;
    int r, fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) {
        *out = NULL;
        return 0;
    }
    if (fd >= 0) {
        n = read_all(fd, text, sizeof text - 1);
        close(fd);
    }
    if (n < 0)
        return err_set(e, ERR_IO, "credential %s cannot be read: %s", path, strerror(errno));
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    text[n] = '\0';
    snprintf(where, sizeof where, "credential %s", path);
    r = keep(text, free, where, out, e);
    explicit_bzero(text, sizeof text);
    return r;
}

int secret_take(const char *name, bool free, char **out, struct err *e)
{
    char *value = getenv(name);
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    char path[PATH_MAX];

    if (value && *value)
        return from_environment(name, free, value, out, e);
    if (!dir || (size_t)snprintf(path, sizeof path, "%s/%s", dir, name) >= sizeof path) {
        *out = NULL;
        return 0;
    }
    return from_file(path, free, out, e);
}
