/* SPDX-License-Identifier: MIT */
#include "meter/vocabs.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const files[IMAGES] = {
    [IMAGE_O200K] = "o200k_base.vocab",
    [IMAGE_CL100K] = "cl100k_base.vocab",
    [IMAGE_P50K] = "p50k_base.vocab",
    [IMAGE_R50K] = "r50k_base.vocab",
};

int vocabs_open(const char *dir, struct vocabs **out, struct err *e)
{
    struct vocabs *v = calloc(1, sizeof *v);
    char path[4096];

    if (!v)
        return err_set(e, ERR_MEMORY, "no memory for the vocabularies");
    for (int i = 0; i < IMAGES; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        if (vocab_open(path, &v->image[i], e) < 0) {
            vocabs_close(v);
            return -1;
        }
    }
    *out = v;
    return 0;
}

void vocabs_close(struct vocabs *v)
{
    if (!v)
        return;
    for (int i = 0; i < IMAGES; i++)
        vocab_close(&v->image[i]);
    free(v);
}
