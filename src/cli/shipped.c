/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/datadir.h"
#include "cli/cli.h"
#include "meter/price.h"
#include "meter/tokenizer.h"

/* The same places as the daemon's, which the same variables move. */

static char *shipped(const char *name, struct err *e)
{
    const char *dir = env_value("TOKENCAP_DATA_DIR");
    struct buf path;

    buf_init(&path, 0);
    if (dir)
        buf_str(&path, dir);
    else
        data_dir_find(&path);
    buf_printf(&path, "/%s", name);
    if (!path.failed)
        return path.p;
    buf_finish(&path);
    err_set(e, ERR_MEMORY, "no memory");
    return NULL;
}

const char *own_vocab_dir(void)
{
    const char *own = env_value("TOKENCAP_VOCAB_DIR");

    return own ? own : OWN_VOCAB_DIR;
}

int open_vocabs(struct vocabs **out, struct err *e)
{
    char *dir = shipped("vocab", e);
    struct vocabs *v;
    int r = dir ? vocabs_open(dir, &v, e) : -1;

    free(dir);
    if (r < 0)
        return -1;
    if (vocabs_add_folder(v, own_vocab_dir(), e) < 0) {
        vocabs_close(v);
        return -1;
    }
    *out = v;
    return 0;
}

int find_price_dirs(struct price_dirs *out, struct err *e)
{
    const char *own = env_value("TOKENCAP_PRICING_DIR");

    out->shipped = shipped("pricing", e);
    if (!out->shipped)
        return -1;
    out->list[0] = out->shipped;
    out->list[1] = own ? own : TOKENCAP_SYSCONFDIR "/pricing.d";
    return 0;
}

void price_dirs_finish(struct price_dirs *d)
{
    free(d->shipped);
}

int open_prices(struct price_table **out, struct err *e)
{
    struct price_dirs dirs;
    struct stat st;
    int r;

    if (find_price_dirs(&dirs, e) < 0)
        return -1;
    r = price_load(dirs.list, stat(dirs.list[1], &st) == 0 ? 2 : 1, out, e);
    price_dirs_finish(&dirs);
    return r;
}
