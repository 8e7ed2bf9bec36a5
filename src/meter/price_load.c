/* SPDX-License-Identifier: MIT */
#include "meter/price_table.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TABLE_MAX (256 << 20)

static int is_table(const struct dirent *d)
{
    const struct span name = span_of(d->d_name);

    return name.p[0] != '.' && span_ends(name, SPAN(".json")) &&
           !span_eq(name, SPAN("schema.json"));
}

/* Reads a folder's tables in the order of their names; *n counts them. */
static int load_folder(struct price_table *t, const char *dir, int layer, int *n, struct err *e)
{
    struct dirent **files;
    const int count = scandir(dir, &files, is_table, alphasort);
    int r = 0;

    if (count < 0 && errno == ENOENT && layer > 0)
        return 0;
    if (count < 0)
        return err_set(e, ERR_IO, "%s: %s", dir, strerror(errno));
    for (int i = 0; i < count; i++) {
        char path[4096];

        snprintf(path, sizeof path, "%s/%s", dir, files[i]->d_name);
        if (r == 0)
            r = price_file_load(t, path, layer, e);
        free(files[i]);
    }
    free(files);
    *n += count;
    return r;
}

int price_load(const char *const *dirs, size_t ndirs, struct price_table **out, struct err *e)
{
    struct price_table *t = calloc(1, sizeof *t);
    int n = 0;

    if (!t)
        return err_set(e, ERR_MEMORY, "no memory for the price table");
    arena_init(&t->arena, TABLE_MAX);
    t->tail = &t->rows;
    for (size_t i = 0; i < ndirs; i++)
        if (load_folder(t, dirs[i], (int)i, &n, e))
            goto discard;
    if (n == 0) {
        err_set(e, ERR_NOT_FOUND, "%s: no price tables", ndirs ? dirs[0] : "pricing");
        goto discard;
    }
    if (price_index(t, e))
        goto discard;
    *out = t;
    return 0;
discard:
    price_free(t);
    return -1;
}

void price_free(struct price_table *t)
{
    if (!t)
        return;
    arena_finish(&t->arena);
    free(t);
}
