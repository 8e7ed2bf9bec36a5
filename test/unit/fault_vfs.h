/* SPDX-License-Identifier: MIT */
#ifndef FAULT_VFS_H
#define FAULT_VFS_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>

/*
 * A VFS over the system's that fails on command: the nth call of the chosen kinds, or every one
 * from then on. Becomes the default, so that the ledger under test opens its files through it.
 */

enum fault_kind {
    FAULT_READ = 1,
    FAULT_WRITE = 2,
    FAULT_SYNC = 4,
    FAULT_TRUNCATE = 8,
    FAULT_SIZE = 16,
    FAULT_LOCK = 32,
    FAULT_SHM = 64,
    FAULT_OPEN = 128,
    FAULT_ALL = 255,
};

static struct {
    pthread_mutex_t lock;
    unsigned kinds; /* under lock, all */
    long calls, at; /* at: 0 is never */
    bool sticky, hit;
    int code; /* 0: the kind's own I/O error */
} fault = {.lock = PTHREAD_MUTEX_INITIALIZER};

static inline void fault_arm(unsigned kinds, long at, bool sticky, int code)
{
    pthread_mutex_lock(&fault.lock);
    fault.kinds = kinds;
    fault.calls = 0;
    fault.at = at;
    fault.sticky = sticky;
    fault.code = code;
    fault.hit = false;
    pthread_mutex_unlock(&fault.lock);
}

static inline void fault_disarm(void)
{
    pthread_mutex_lock(&fault.lock);
    fault.at = 0;
    fault.kinds = 0;
    pthread_mutex_unlock(&fault.lock);
}

static inline bool fault_was_hit(void)
{
    bool hit;

    pthread_mutex_lock(&fault.lock);
    hit = fault.hit;
    pthread_mutex_unlock(&fault.lock);
    return hit;
}

static int fault_due(unsigned kind, int code)
{
    int rc = SQLITE_OK;

    pthread_mutex_lock(&fault.lock);
    if (fault.at && fault.kinds & kind) {
        fault.calls++;
        if (fault.calls == fault.at || (fault.sticky && fault.calls > fault.at)) {
            fault.hit = true;
            rc = fault.code ? fault.code : code;
        }
    }
    pthread_mutex_unlock(&fault.lock);
    return rc;
}

struct fault_file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct, in the memory that SQLite gives */
};

#define REAL(f) (((struct fault_file *)(f))->real)
#define FAIL_IF_DUE(kind, code)                                                                    \
    do {                                                                                           \
        int due = fault_due(kind, code);                                                           \
        if (due)                                                                                   \
            return due;                                                                            \
    } while (0)

static int fault_close(sqlite3_file *f)
{
    return REAL(f)->pMethods ? REAL(f)->pMethods->xClose(REAL(f)) : SQLITE_OK;
}

static int fault_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    FAIL_IF_DUE(FAULT_READ, SQLITE_IOERR_READ);
    return REAL(f)->pMethods->xRead(REAL(f), p, n, at);
}

static int fault_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    FAIL_IF_DUE(FAULT_WRITE, SQLITE_IOERR_WRITE);
    return REAL(f)->pMethods->xWrite(REAL(f), p, n, at);
}

static int fault_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    FAIL_IF_DUE(FAULT_TRUNCATE, SQLITE_IOERR_TRUNCATE);
    return REAL(f)->pMethods->xTruncate(REAL(f), n);
}

static int fault_sync(sqlite3_file *f, int flags)
{
    FAIL_IF_DUE(FAULT_SYNC, SQLITE_IOERR_FSYNC);
    return REAL(f)->pMethods->xSync(REAL(f), flags);
}

static int fault_size(sqlite3_file *f, sqlite3_int64 *n)
{
    FAIL_IF_DUE(FAULT_SIZE, SQLITE_IOERR_FSTAT);
    return REAL(f)->pMethods->xFileSize(REAL(f), n);
}

static int fault_lock(sqlite3_file *f, int level)
{
    FAIL_IF_DUE(FAULT_LOCK, SQLITE_IOERR_LOCK);
    return REAL(f)->pMethods->xLock(REAL(f), level);
}

static int fault_unlock(sqlite3_file *f, int level)
{
    return REAL(f)->pMethods->xUnlock(REAL(f), level);
}

static int fault_reserved(sqlite3_file *f, int *out)
{
    return REAL(f)->pMethods->xCheckReservedLock(REAL(f), out);
}

static int fault_control(sqlite3_file *f, int op, void *arg)
{
    return REAL(f)->pMethods->xFileControl(REAL(f), op, arg);
}

static int fault_sector(sqlite3_file *f)
{
    return REAL(f)->pMethods->xSectorSize(REAL(f));
}

static int fault_traits(sqlite3_file *f)
{
    return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}

static int fault_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    FAIL_IF_DUE(FAULT_SHM, SQLITE_IOERR_SHMMAP);
    return REAL(f)->pMethods->xShmMap(REAL(f), page, size, extend, out);
}

static int fault_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    if (!(flags & SQLITE_SHM_UNLOCK))
        FAIL_IF_DUE(FAULT_SHM, SQLITE_IOERR_SHMLOCK);
    return REAL(f)->pMethods->xShmLock(REAL(f), offset, n, flags);
}

static void fault_shm_barrier(sqlite3_file *f)
{
    REAL(f)->pMethods->xShmBarrier(REAL(f));
}

static int fault_shm_unmap(sqlite3_file *f, int remove)
{
    return REAL(f)->pMethods->xShmUnmap(REAL(f), remove);
}

static const sqlite3_io_methods fault_methods = {
    .iVersion = 2,
    .xClose = fault_close,
    .xRead = fault_read,
    .xWrite = fault_write,
    .xTruncate = fault_truncate,
    .xSync = fault_sync,
    .xFileSize = fault_size,
    .xLock = fault_lock,
    .xUnlock = fault_unlock,
    .xCheckReservedLock = fault_reserved,
    .xFileControl = fault_control,
    .xSectorSize = fault_sector,
    .xDeviceCharacteristics = fault_traits,
    .xShmMap = fault_shm_map,
    .xShmLock = fault_shm_lock,
    .xShmBarrier = fault_shm_barrier,
    .xShmUnmap = fault_shm_unmap,
};

static sqlite3_vfs *fault_real;

static int fault_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
    struct fault_file *ff = (struct fault_file *)f;
    int rc;

    (void)v;
    ff->base.pMethods = NULL;
    ff->real = (sqlite3_file *)(void *)(ff + 1);
    FAIL_IF_DUE(FAULT_OPEN, SQLITE_CANTOPEN);
    rc = fault_real->xOpen(fault_real, name, ff->real, flags, out);
    if (ff->real->pMethods)
        ff->base.pMethods = &fault_methods;
    return rc;
}

static inline void fault_vfs_register(void)
{
    static sqlite3_vfs vfs;

    fault_real = sqlite3_vfs_find(NULL);
    vfs = *fault_real;
    vfs.pNext = NULL;
    vfs.zName = "fault";
    vfs.szOsFile = (int)sizeof(struct fault_file) + fault_real->szOsFile;
    vfs.xOpen = fault_open;
    sqlite3_vfs_register(&vfs, 1);
}

#endif
