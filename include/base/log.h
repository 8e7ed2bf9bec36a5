/* SPDX-License-Identifier: MIT */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

/*
 * One line an event on stderr, written with one write(2). Under journald (JOURNAL_STREAM is set) each
 * line starts with its syslog priority. Any thread. Never a key, a prompt or an answer.
 */

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_init(const char *program, enum log_level most); /* before any thread starts */
void log_set_level(enum log_level most); /* from then on */
enum log_level log_level(void);

/* A line that is written whatever the level, such as the ready line: "program: text". */
void log_plain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
