/* SPDX-License-Identifier: MIT */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/*
 * Errors. A function that can fail returns 0 or -1 and fills the caller's struct err where the fact
 * is known: the message says what was wrong, where, and what to do. It is logged or returned, never
 * both. On failure a function leaves its outputs untouched. Any thread; the caller owns the struct.
 */

enum err_code {
    ERR_NONE,
    ERR_INVALID,   /* the caller's input is wrong */
    ERR_NOT_FOUND, /* what was asked for does not exist */
    ERR_EXISTS,    /* it exists already, or someone else has it */
    ERR_LIMIT,     /* a configured bound was reached */
    ERR_MEMORY,    /* no memory */
    ERR_BUSY,      /* cannot be done now; later it may */
    ERR_IO,        /* the operating system, a disk or the network failed */
    ERR_CORRUPT,   /* stored data is not what was stored */
    ERR_INTERNAL,  /* our own bug */
    ERR_STOPPED,   /* whoever looked on wanted it to stop */
    ERR_USAGE,     /* the command line is wrong; exit status 64 */
};

struct err {
    enum err_code code;
    char msg[512];
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* Fills e and returns -1, so that callers write: return err_set(e, ERR_IO, "…"). e may not be NULL. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#ifdef __clang_analyzer__ /* analyzers look at one file at a time, and have to be told what it returns */
#define err_set(...) ((void)err_set(__VA_ARGS__), -1)
#endif

/* Puts "prefix: " before the message that e holds, and returns -1. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#ifdef __clang_analyzer__
#define err_prefix(...) ((void)err_prefix(__VA_ARGS__), -1)
#endif

#endif
