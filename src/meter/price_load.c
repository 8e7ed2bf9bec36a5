/* SPDX-License-Identifier: MIT */
#include "meter/price_import.h"
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

/* A table that would stand in the last folder under that name. */
struct candidate {
    const char *name;
    struct span text;
};

/* Reads a folder's tables in the order of their names, but for the one called skip; *n counts them.
 */
static int load_folder(struct price_table *t, const char *dir, int layer, const char *skip, int *n,
                       struct err *e)
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
        if (r == 0 && (!skip || strcmp(files[i]->d_name, skip)))
            r = price_file_load(t, path, layer, e);
        free(files[i]);
    }
    free(files);
    *n += count;
    return r;
}

static int load_all(struct price_table *t, const char *const *dirs, size_t ndirs,
                    const struct candidate *c, struct err *e)
{
    int n = 0;

    for (size_t i = 0; i < ndirs; i++)
        if (load_folder(t, dirs[i], (int)i, c && i + 1 == ndirs ? c->name : NULL, &n, e))
            return -1;
    if (c && price_text_load(t, c->name, c->text, (int)ndirs - 1, e))
        return -1;
    if (n == 0)
        return err_set(e, ERR_NOT_FOUND, "%s: no price tables", ndirs ? dirs[0] : "pricing");
    return price_index(t, e);
}

static int load(const char *const *dirs, size_t ndirs, const struct candidate *c,
                struct price_table **out, struct err *e)
{
    struct price_table *t = calloc(1, sizeof *t);

    if (!t)
        return err_set(e, ERR_MEMORY, "no memory for the price table");
    arena_init(&t->arena, TABLE_MAX);
    t->tail = &t->rows;
    if (load_all(t, dirs, ndirs, c, e)) {
        price_free(t);
        return -1;
    }
    *out = t;
    return 0;
}

int price_load(const char *const *dirs, size_t ndirs, struct price_table **out, struct err *e)
{
    return load(dirs, ndirs, NULL, out, e);
}

int price_try(const char *const *dirs, size_t ndirs, const char *name, struct span text,
              struct err *e)
{
    const struct candidate c = {name, text};
    struct price_table *t;

    if (load(dirs, ndirs, &c, &t, e))
        return -1;
    price_free(t);
    return 0;
}

void price_free(struct price_table *t)
{
    if (!t)
        return;
    arena_finish(&t->arena);
    free(t);
}
