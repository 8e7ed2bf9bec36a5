/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    const char *program; /* written once, before any thread starts, like journald */
    _Atomic enum log_level most;
    bool journald;
} state = {"tokencap", LOG_INFO, false};

static const struct {
    const char *priority; /* syslog's, as journald reads it */
    const char *word;
} levels[] = {
    [LOG_ERROR] = {"<3>", "error: "},
    [LOG_WARN] = {"<4>", "warning: "},
    [LOG_INFO] = {"<6>", ""},
    [LOG_DEBUG] = {"<7>", "debug: "},
};

void log_init(const char *program, enum log_level most)
{
    state.program = program;
    log_set_level(most);
    state.journald = getenv("JOURNAL_STREAM") != NULL;
}

void log_set_level(enum log_level most)
{
    atomic_store_explicit(&state.most, most, memory_order_relaxed);
}

enum log_level log_level(void)
{
    return atomic_load_explicit(&state.most, memory_order_relaxed);
}

/* A line break inside a message would let whoever caused it forge a line of its own. */
static void flatten(char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            *s = ' ';
}

static void emit(enum log_level level, const char *fmt, va_list ap)
{
    char line[2048];
    int head, n;

    head = snprintf(line, sizeof line, "%.*s%s: %s", state.journald ? 3 : 0,
                    levels[level].priority, state.program, levels[level].word);
    n = vsnprintf(line + head, sizeof line - (size_t)head - 1, fmt, ap);
    if (n < 0)
        return;
    flatten(line + head);
    n = (int)strlen(line);
    line[n++] = '\n';
    if (write(STDERR_FILENO, line, (size_t)n) < 0)
        return; /* nobody is left to tell */
}

#define DEFINE(name, level, always)                                                                \
    void name(const char *fmt, ...)                                                                \
    {                                                                                              \
        va_list ap;                                                                                \
        if (!(always) && (level) > log_level())                                                     \
            return;                                                                                \
        va_start(ap, fmt);                                                                         \
        emit(level, fmt, ap);                                                                      \
        va_end(ap);                                                                                \
    }

DEFINE(log_error, LOG_ERROR, false)
DEFINE(log_warn, LOG_WARN, false)
DEFINE(log_info, LOG_INFO, false)
DEFINE(log_debug, LOG_DEBUG, false)
DEFINE(log_plain, LOG_INFO, true)
