/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "proxy/metrics.h"

/* What the kernel says of this process, as every Prometheus client library names it. */

static int64_t open_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    int64_t n = -3; /* ".", ".." and the folder's own */

    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n < 0 ? 0 : n;
}

/* Pages: all of them, and those in RAM. */
static void memory(int64_t *all, int64_t *resident)
{
    FILE *f = fopen("/proc/self/statm", "re");
    long long a = 0, r = 0;

    if (f && fscanf(f, "%lld %lld", &a, &r) != 2)
        a = r = 0;
    if (f)
        fclose(f);
    *all = a;
    *resident = r;
}

static int64_t threads(void)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    int64_t n = 0;

    while (f && !n && fgets(line, sizeof line, f))
        if (strncmp(line, "Threads:", 8) == 0)
            n = strtoll(line + 8, NULL, 10);
    if (f)
        fclose(f);
    return n;
}

static int64_t cpu_hundredths(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 100 +
           (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 10000;
}

void metrics_write_process(struct buf *out, int64_t started_ms)
{
    int64_t page = sysconf(_SC_PAGESIZE), all, resident;
    struct rlimit files = {0, 0};

    memory(&all, &resident);
    getrlimit(RLIMIT_NOFILE, &files);
    metric_single(out, METRIC_CPU, cpu_hundredths());
    metric_single(out, METRIC_RESIDENT, resident * page);
    metric_single(out, METRIC_VIRTUAL, all * page);
    metric_single(out, METRIC_OPEN_FDS, open_files());
    metric_single(out, METRIC_MAX_FDS, (int64_t)files.rlim_cur);
    metric_single(out, METRIC_THREADS, threads());
    metric_single(out, METRIC_STARTED, started_ms);
}
