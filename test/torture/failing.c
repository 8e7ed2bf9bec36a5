/* SPDX-License-Identifier: MIT */

/*
 * Makes one call of a chosen kind fail, for tests of what happens then. FAIL_CALL names the kind (malloc,
 * thread, write; send, connect and accept where it is preloaded; curl and sqlite where it is built in),
 * FAIL_FILE a file of one 64-bit number, which the test writes: n > 0 lets the n-th call from now fail,
 * counting down; -1 lets every call fail; 0 none.
 *
 * Built twice: as a library for LD_PRELOAD, where it also reaches the calls of other libraries; and with
 * TORTURE_WRAP into a daemon linked with --wrap, which works below a sanitizer.
 */
#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static _Atomic int64_t never;
static _Atomic int64_t *countdown = &never;
static const char *kind = "";

__attribute__((constructor)) static void open_control(void)
{
    const char *path = getenv("FAIL_FILE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *map = fd >= 0 ? mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;

    if (map == MAP_FAILED)
        return;
    kind = getenv("FAIL_CALL") ? getenv("FAIL_CALL") : "";
    countdown = map;
}

static int fails(const char *what)
{
    int64_t n = atomic_load_explicit(countdown, memory_order_relaxed);

    if (n == 0 || strcmp(what, kind) != 0)
        return 0;
    while (n > 0 && !atomic_compare_exchange_weak(countdown, &n, n - 1))
        ; /* another thread's call came between: never below 0, which would be every call */
    return n < 0 || n == 1;
}

#ifdef TORTURE_WRAP
#define MINE(name) __wrap_##name
#define REAL(name) __real_##name
extern typeof(malloc) __wrap_malloc, __real_malloc;
extern typeof(calloc) __wrap_calloc, __real_calloc;
extern typeof(realloc) __wrap_realloc, __real_realloc;
extern typeof(pthread_create) __wrap_pthread_create, __real_pthread_create;
extern typeof(write) __wrap_write, __real_write;
#else
#define MINE(name) name
#define REAL(name) ((typeof(&(name)))dlsym(RTLD_NEXT, #name))
#endif

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

#ifdef TORTURE_WRAP
#define REAL_MALLOC  __real_malloc
#define REAL_CALLOC  __real_calloc
#define REAL_REALLOC __real_realloc
#else /* dlsym() itself allocates */
#define REAL_MALLOC  __libc_malloc
#define REAL_CALLOC  __libc_calloc
#define REAL_REALLOC __libc_realloc
extern typeof(malloc) __libc_malloc;
extern typeof(calloc) __libc_calloc;
extern typeof(realloc) __libc_realloc;
#endif

void *MINE(malloc)(size_t n)
{
    return fails("malloc") ? no_memory() : REAL_MALLOC(n);
}

void *MINE(calloc)(size_t n, size_t size)
{
    return fails("malloc") ? no_memory() : REAL_CALLOC(n, size);
}

void *MINE(realloc)(void *p, size_t n)
{
    return fails("malloc") ? no_memory() : REAL_REALLOC(p, n);
}

int MINE(pthread_create)(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *ctx)
{
    return fails("thread") ? EAGAIN : REAL(pthread_create)(t, a, f, ctx);
}

ssize_t MINE(write)(int fd, const void *p, size_t n)
{
    if (!fails("write"))
        return REAL(write)(fd, p, n);
    errno = EIO;
    return -1;
}

#ifdef TORTURE_WRAP
#define WRAP(kind, failure, type, name, params, args)                                              \
    extern type __real_##name params;                                                              \
    extern type __wrap_##name params;                                                              \
    type __wrap_##name params                                                                      \
    {                                                                                              \
        return fails(kind) ? (failure) : __real_##name args;                                       \
    }

WRAP("curl", NULL, CURL *, curl_easy_init, (void), ())
WRAP("curl", NULL, CURLM *, curl_multi_init, (void), ())
WRAP("curl", NULL, struct curl_slist *, curl_slist_append, (struct curl_slist *l, const char *s), (l, s))
WRAP("curl", CURLM_OUT_OF_MEMORY, CURLMcode, curl_multi_add_handle, (CURLM *m, CURL *c), (m, c))
WRAP("curl", CURLM_OUT_OF_MEMORY, CURLMcode, curl_multi_perform, (CURLM *m, int *n), (m, n))
WRAP("curl", CURLM_OUT_OF_MEMORY, CURLMcode, curl_multi_poll,
     (CURLM *m, struct curl_waitfd *fds, unsigned n, int ms, int *ready), (m, fds, n, ms, ready))

WRAP("sqlite", SQLITE_NOMEM, int, sqlite3_prepare_v3,
     (sqlite3 *db, const char *sql, int n, unsigned flags, sqlite3_stmt **st, const char **tail),
     (db, sql, n, flags, st, tail))
WRAP("sqlite", SQLITE_NOMEM, int, sqlite3_bind_int64, (sqlite3_stmt *st, int i, sqlite3_int64 v), (st, i, v))
WRAP("sqlite", SQLITE_IOERR, int, sqlite3_step, (sqlite3_stmt *st), (st))
WRAP("sqlite", SQLITE_IOERR, int, sqlite3_exec,
     (sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *ctx, char **why),
     (db, sql, row, ctx, why))
WRAP("sqlite", SQLITE_IOERR, int, sqlite3_wal_checkpoint_v2,
     (sqlite3 *db, const char *name, int mode, int *log, int *done), (db, name, mode, log, done))

/* Its value's type follows from the option's number. */
#undef curl_easy_setopt
extern typeof(curl_easy_setopt) __wrap_curl_easy_setopt, __real_curl_easy_setopt;
CURLcode __wrap_curl_easy_setopt(CURL *c, CURLoption o, ...)
{
    CURLcode r = CURLE_OUT_OF_MEMORY;
    va_list ap;

    va_start(ap, o);
    if (fails("curl"))
        ;
    else if (o < CURLOPTTYPE_OBJECTPOINT)
        r = __real_curl_easy_setopt(c, o, va_arg(ap, long));
    else if (o < CURLOPTTYPE_OFF_T)
        r = __real_curl_easy_setopt(c, o, va_arg(ap, void *));
    else
        r = __real_curl_easy_setopt(c, o, va_arg(ap, curl_off_t));
    va_end(ap);
    return r;
}
#endif

#ifndef TORTURE_WRAP
ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
    if (!fails("write"))
        return REAL(pwrite64)(fd, p, n, at);
    errno = EIO;
    return -1;
}

int fdatasync(int fd)
{
    if (!fails("write"))
        return REAL(fdatasync)(fd);
    errno = EIO;
    return -1;
}

ssize_t send(int fd, const void *p, size_t n, int flags)
{
    if (!fails("send"))
        return REAL(send)(fd, p, n, flags);
    errno = ECONNRESET;
    return -1;
}

int connect(int fd, const struct sockaddr *to, socklen_t n)
{
    if (!fails("connect"))
        return REAL(connect)(fd, to, n);
    errno = EADDRNOTAVAIL;
    return -1;
}

int accept4(int fd, struct sockaddr *from, socklen_t *n, int flags)
{
    if (!fails("accept"))
        return REAL(accept4)(fd, from, n, flags);
    errno = EMFILE;
    return -1;
}
#endif
