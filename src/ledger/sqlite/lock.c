/* SPDX-License-Identifier: MIT */
#include "ledger/sqlite/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int resolve(const char *path, char real[PATH_MAX], struct err *e)
{
    struct stat st;
    int fd;

    if (!*path || path[0] == ':')
        return err_set(e, ERR_INVALID, "the database must be a file: \"%s\"", path);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
    if (fd < 0)
        return err_set(e, ERR_IO, "cannot open the database %s: %s", path, strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return err_set(e, ERR_INVALID, "the database %s is not a regular file", path);
    }
    close(fd);
    if (!realpath(path, real))
        return err_set(e, ERR_IO, "cannot resolve %s: %s", path, strerror(errno));
    return 0;
}

static int refuse(int fd, const char *path, struct err *e)
{
    char pid[32] = "";
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);

    pid[n > 0 ? n : 0] = '\0';
    pid[strcspn(pid, "\n")] = '\0';
    return err_set(e, ERR_EXISTS, "another process%s%s has the database %s open for writing",
                   *pid ? " with id " : "", pid, path);
}

int lock_take(const char *path, int *fd, struct err *e)
{
    char real[PATH_MAX], name[PATH_MAX + 8];
    int f;

    if (resolve(path, real, e) != 0)
        return -1;
    snprintf(name, sizeof name, "%s.lock", real);
    f = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (f < 0)
        return err_set(e, ERR_IO, "cannot open %s: %s", name, strerror(errno));
    if (flock(f, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            refuse(f, path, e);
        else
            err_set(e, ERR_IO, "cannot lock %s: %s", name, strerror(errno));
        close(f);
        return -1;
    }
    if (ftruncate(f, 0) == 0)
        dprintf(f, "%ld\n", (long)getpid()); /* only to name the holder; a full disk may eat it */
    *fd = f;
    return 0;
}
