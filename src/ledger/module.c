/* SPDX-License-Identifier: MIT */
#include "ledger/module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/datadir.h"

/* A module uses what the program has: this is what no engine inside needs, but one outside does. */
static void (*const for_modules)(struct arena *, size_t) __attribute__((used)) = arena_init;

static int missing(const char *name, const char *path, struct err *e)
{
    if (access(path, F_OK) == 0)
        return err_set(e, ERR_INVALID, "%s cannot be loaded: %s", path, dlerror());
    return err_set(e, ERR_NOT_FOUND,
                   "a ledger on %s needs %s, which is not there: install the package "
                   "tokencap-%s (or configure --with-%s)",
                   name, path, name, name);
}

int module_load(const char *name, const struct ledger_engine **out, struct err *e)
{
    const struct ledger_engine *engine = NULL;
    char symbol[64];
    struct buf path;
    void *module;
    int rc = 0;

    buf_init(&path, 0);
    lib_dir_find(&path);
    buf_printf(&path, "/ledger-%s.so", name);
    snprintf(symbol, sizeof symbol, "ledger_%s", name);
    if (path.failed) {
        buf_finish(&path);
        return err_set(e, ERR_MEMORY, "no memory");
    }
    module = dlopen(path.p, RTLD_NOW | RTLD_LOCAL);
    if (module)
        engine = dlsym(module, symbol);
    if (!engine)
        rc = missing(name, path.p, e);
    else if (strcmp(engine->version, TOKENCAP_VERSION) != 0)
        rc = err_set(e, ERR_NOT_FOUND,
                     "%s is of version %s, this program of %s: install the same of both", path.p,
                     engine->version, TOKENCAP_VERSION);
    else
        *out = engine;
    buf_finish(&path);
    return rc;
}
