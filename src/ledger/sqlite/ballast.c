/* SPDX-License-Identifier: MIT */
#include "ledger/sqlite/ballast.h"

#include <fcntl.h>
#include <unistd.h>

bool ballast_make(struct ballast *b)
{
    int fd;

    if (b->there || b->size == 0)
        return true;
    fd = open(b->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    b->there = posix_fallocate(fd, 0, b->size) == 0;
    close(fd);
    if (!b->there)
        unlink(b->path);
    return b->there;
}

void ballast_drop(struct ballast *b)
{
    if (b->size)
        unlink(b->path);
    b->there = false;
}
