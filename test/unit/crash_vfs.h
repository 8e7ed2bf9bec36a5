/* SPDX-License-Identifier: MIT */
#ifndef CRASH_VFS_H
#define CRASH_VFS_H

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * A VFS that ends the process at its nth write, sync or truncation, before or after it. Either as
 * kill -9 does, or as a power cut does: then each write since the file's last sync may be lost,
 * torn in the middle of a sector run or kept, in any combination, and the shared memory file is
 * gone. Every write goes through at once; what it overwrote is remembered until the next sync, to
 * be put back.
 */

#define CRASH_PENDING_MAX 4096
#define CRASH_SECTOR      512

struct crash_pending {
    int file; /* index of crash.files */
    sqlite3_int64 at, size_before;
    int n;
    unsigned char *old; /* what was there; NULL for a truncation, which is kept */
};

static struct {
    pthread_mutex_t lock;
    long countdown; /* under lock, all */
    bool power_cut;
    uint64_t random;
    char files[16][160];
    int nfiles;
    struct crash_pending pending[CRASH_PENDING_MAX];
    int npending;
} crash = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint64_t crash_random(void)
{
    crash.random ^= crash.random << 13;
    crash.random ^= crash.random >> 7;
    crash.random ^= crash.random << 17;
    return crash.random;
}

/* Puts back a random part of what is not on the disk yet, newest first. */
static void crash_lose(void)
{
    for (int i = crash.npending - 1; i >= 0; i--) {
        struct crash_pending *p = &crash.pending[i];
        int from = 0, fd;

        if (crash_random() % 3 == 0)
            continue;                /* this one had reached the disk */
        if (crash_random() % 3 == 0) /* torn: its first sectors had */
            from = (int)(crash_random() % (uint64_t)(p->n / CRASH_SECTOR + 1)) * CRASH_SECTOR;
        fd = open(crash.files[p->file], O_WRONLY);
        if (fd < 0)
            continue;
        if (p->n > from && pwrite(fd, p->old + from, (size_t)(p->n - from), p->at + from) < 0)
            _exit(99);
        close(fd);
    }
    for (int i = 0; i < crash.nfiles; i++) {
        size_t n = strlen(crash.files[i]);

        if (n > 4 && strcmp(crash.files[i] + n - 4, "-wal") == 0) {
            memcpy(crash.files[i] + n - 4, "-shm", 4);
            unlink(crash.files[i]);
        }
    }
}

/* Under lock. */
static void crash_if_due(void)
{
    if (crash.countdown == 0 || --crash.countdown > 0)
        return;
    if (crash.power_cut)
        crash_lose();
    kill(getpid(), SIGKILL);
}

struct crash_file {
    sqlite3_file base;
    sqlite3_file *real;
    int index; /* of crash.files; -1: not watched */
};

#define CRASH_REAL(f) (((struct crash_file *)(f))->real)

static int crash_close(sqlite3_file *f)
{
    return CRASH_REAL(f)->pMethods ? CRASH_REAL(f)->pMethods->xClose(CRASH_REAL(f)) : SQLITE_OK;
}

static int crash_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return CRASH_REAL(f)->pMethods->xRead(CRASH_REAL(f), p, n, at);
}

/* Under lock. */
static void crash_remember(sqlite3_file *f, int n, sqlite3_int64 at)
{
    struct crash_pending *p = &crash.pending[crash.npending];

    if (!crash.power_cut || ((struct crash_file *)f)->index < 0 ||
        crash.npending == CRASH_PENDING_MAX)
        return;
    *p = (struct crash_pending){.file = ((struct crash_file *)f)->index, .at = at, .n = n};
    p->old = calloc(1, (size_t)n); /* beyond the end it reads as zeros, as a lost append does */
    if (!p->old)
        return;
    CRASH_REAL(f)->pMethods->xRead(CRASH_REAL(f), p->old, n, at);
    crash.npending++;
}

static int crash_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    int rc;

    pthread_mutex_lock(&crash.lock);
    crash_if_due();
    crash_remember(f, n, at);
    rc = CRASH_REAL(f)->pMethods->xWrite(CRASH_REAL(f), p, n, at);
    crash_if_due();
    pthread_mutex_unlock(&crash.lock);
    return rc;
}

static int crash_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    int rc;

    pthread_mutex_lock(&crash.lock);
    crash_if_due();
    rc = CRASH_REAL(f)->pMethods->xTruncate(CRASH_REAL(f), n);
    crash_if_due();
    pthread_mutex_unlock(&crash.lock);
    return rc;
}

/* What was pending of that file is on the disk now. The real sync is not needed: the test's disk is
 * the page cache. */
static int crash_sync(sqlite3_file *f, int flags)
{
    int kept = 0;

    (void)flags;
    pthread_mutex_lock(&crash.lock);
    crash_if_due();
    for (int i = 0; i < crash.npending; i++) {
        if (crash.pending[i].file == ((struct crash_file *)f)->index)
            free(crash.pending[i].old);
        else
            crash.pending[kept++] = crash.pending[i];
    }
    crash.npending = kept;
    crash_if_due();
    pthread_mutex_unlock(&crash.lock);
    return SQLITE_OK;
}

static int crash_size(sqlite3_file *f, sqlite3_int64 *n)
{
    return CRASH_REAL(f)->pMethods->xFileSize(CRASH_REAL(f), n);
}

static int crash_lock(sqlite3_file *f, int level)
{
    return CRASH_REAL(f)->pMethods->xLock(CRASH_REAL(f), level);
}

static int crash_unlock(sqlite3_file *f, int level)
{
    return CRASH_REAL(f)->pMethods->xUnlock(CRASH_REAL(f), level);
}

static int crash_reserved(sqlite3_file *f, int *out)
{
    return CRASH_REAL(f)->pMethods->xCheckReservedLock(CRASH_REAL(f), out);
}

static int crash_control(sqlite3_file *f, int op, void *arg)
{
    return CRASH_REAL(f)->pMethods->xFileControl(CRASH_REAL(f), op, arg);
}

static int crash_sector(sqlite3_file *f)
{
    (void)f;
    return CRASH_SECTOR;
}

static int crash_traits(sqlite3_file *f)
{
    (void)f;
    return 0; /* promises nothing: no atomic writes, no safe appends, no power-safe overwrite */
}

static int crash_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return CRASH_REAL(f)->pMethods->xShmMap(CRASH_REAL(f), page, size, extend, out);
}

static int crash_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return CRASH_REAL(f)->pMethods->xShmLock(CRASH_REAL(f), offset, n, flags);
}

static void crash_shm_barrier(sqlite3_file *f)
{
    CRASH_REAL(f)->pMethods->xShmBarrier(CRASH_REAL(f));
}

static int crash_shm_unmap(sqlite3_file *f, int remove)
{
    return CRASH_REAL(f)->pMethods->xShmUnmap(CRASH_REAL(f), remove);
}

static const sqlite3_io_methods crash_methods = {
    .iVersion = 2,
    .xClose = crash_close,
    .xRead = crash_read,
    .xWrite = crash_write,
    .xTruncate = crash_truncate,
    .xSync = crash_sync,
    .xFileSize = crash_size,
    .xLock = crash_lock,
    .xUnlock = crash_unlock,
    .xCheckReservedLock = crash_reserved,
    .xFileControl = crash_control,
    .xSectorSize = crash_sector,
    .xDeviceCharacteristics = crash_traits,
    .xShmMap = crash_shm_map,
    .xShmLock = crash_shm_lock,
    .xShmBarrier = crash_shm_barrier,
    .xShmUnmap = crash_shm_unmap,
};

static sqlite3_vfs *crash_real_vfs;

/* Under lock. Several connections open the same file: they share its index. */
static int crash_index(const char *name)
{
    int i = 0;

    if (!name)
        return -1;
    while (i < crash.nfiles && strcmp(crash.files[i], name) != 0)
        i++;
    if (i == 16)
        return -1;
    if (i == crash.nfiles)
        strncpy(crash.files[crash.nfiles++], name, sizeof crash.files[0] - 1);
    return i;
}

static int crash_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
    struct crash_file *cf = (struct crash_file *)f;
    int rc;

    (void)v;
    cf->base.pMethods = NULL;
    cf->real = (sqlite3_file *)(void *)(cf + 1);
    rc = crash_real_vfs->xOpen(crash_real_vfs, name, cf->real, flags, out);
    if (!cf->real->pMethods)
        return rc;
    cf->base.pMethods = &crash_methods;
    pthread_mutex_lock(&crash.lock);
    cf->index = crash_index(name);
    pthread_mutex_unlock(&crash.lock);
    return rc;
}

/* countdown 0: never. */
static inline void crash_vfs_register(long countdown, bool power_cut, uint64_t seed)
{
    static sqlite3_vfs vfs;

    crash_real_vfs = sqlite3_vfs_find(NULL);
    vfs = *crash_real_vfs;
    vfs.pNext = NULL;
    vfs.zName = "crash";
    vfs.szOsFile = (int)sizeof(struct crash_file) + crash_real_vfs->szOsFile;
    vfs.xOpen = crash_open;
    crash.countdown = countdown;
    crash.power_cut = power_cut;
    crash.random = seed | 1;
    sqlite3_vfs_register(&vfs, 1);
}

#endif
