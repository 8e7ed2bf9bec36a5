/* SPDX-License-Identifier: MIT */
#include "base/datadir.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The parent of the folder that the running program is in. */
static bool own_prefix(char out[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);

    if (n <= 0)
        return false;
    out[n] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(out, '/');

        if (!slash)
            return false;
        *slash = '\0';
    }
    return true;
}

void data_dir_find(struct buf *out)
{
    char prefix[PATH_MAX];
    struct stat st;
    struct buf beside;

    buf_init(&beside, PATH_MAX);
    if (own_prefix(prefix)) {
        buf_printf(&beside, "%s/share/tokencap", prefix);
        if (!beside.failed && stat(beside.p, &st) == 0 && S_ISDIR(st.st_mode)) {
            buf_span(out, buf_all(&beside));
            buf_finish(&beside);
            return;
        }
    }
    buf_finish(&beside);
    buf_str(out, TOKENCAP_DATADIR);
}
