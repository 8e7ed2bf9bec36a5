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

/* A folder below the program's own prefix, else the one that was configured. */
static void find(struct buf *out, const char *below, const char *configured)
{
    char prefix[PATH_MAX];
    struct stat st;
    struct buf beside;

    buf_init(&beside, PATH_MAX);
    if (own_prefix(prefix)) {
        buf_printf(&beside, "%s/%s", prefix, below);
        if (!beside.failed && stat(beside.p, &st) == 0 && S_ISDIR(st.st_mode)) {
            buf_span(out, buf_all(&beside));
            buf_finish(&beside);
            return;
        }
    }
    buf_finish(&beside);
    buf_str(out, configured);
}

void data_dir_find(struct buf *out)
{
    find(out, "share/tokencap", TOKENCAP_DATADIR);
}

void lib_dir_find(struct buf *out)
{
    find(out, "lib/tokencap", TOKENCAP_LIBDIR);
}
