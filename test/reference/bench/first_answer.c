/* SPDX-License-Identifier: MIT */
/* first_answer RUNS PROGRAM ARG…: the median microseconds from starting a program to the first byte
 * of its answer, and of CPU that one run takes. */
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS_MAX 10000

extern char **environ;

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t us_of(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

static int run(char **argv, int64_t *first, int64_t *cpu)
{
    posix_spawn_file_actions_t files;
    struct rusage used;
    int64_t start;
    int ends[2], status = -1;
    bool answered;
    pid_t pid;
    char c;

    if (pipe(ends) < 0)
        return -1;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&files, ends[0]);
    start = now_us();
    if (posix_spawn(&pid, argv[0], &files, NULL, argv, environ) != 0)
        return -1;
    close(ends[1]);
    answered = read(ends[0], &c, 1) == 1;
    *first = now_us() - start;
    while (read(ends[0], &c, 1) == 1)
        ;
    wait4(pid, &status, 0, &used);
    *cpu = us_of(used.ru_utime) + us_of(used.ru_stime);
    close(ends[0]);
    posix_spawn_file_actions_destroy(&files);
    return answered && status == 0 ? 0 : -1;
}

static int smaller(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
    static int64_t first[RUNS_MAX], cpu[RUNS_MAX];
    int n = argc > 2 ? atoi(argv[1]) : 0;

    if (n < 1 || n > RUNS_MAX) {
        fprintf(stderr, "usage: %s RUNS PROGRAM ARG…\n", argv[0]);
        return 1;
    }
    for (int i = 0; i < n; i++)
        if (run(argv + 2, &first[i], &cpu[i]) < 0) {
            fprintf(stderr, "%s failed\n", argv[2]);
            return 1;
        }
    qsort(first, (size_t)n, sizeof *first, smaller);
    qsort(cpu, (size_t)n, sizeof *cpu, smaller);
    printf("%lld %lld\n", (long long)first[n / 2], (long long)cpu[n / 2]);
    return 0;
}
