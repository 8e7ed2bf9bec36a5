/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_VOCAB_H
#define FUZZ_VOCAB_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "meter/vocabs.h"

/* The vocabularies in BUILD/share/tokencap/vocab, seen from two folders below BUILD. */
static inline struct vocabs *open_vocabs(void)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 64);
    struct vocabs *v;
    struct err e = {0};

    for (int i = 0; i < 3; i++)
        while (n > 0 && path[--n] != '/')
            ;
    strcpy(path + (n > 0 ? n : 0), "/share/tokencap/vocab");
    if (vocabs_open(path, &v, &e) < 0) {
        fprintf(stderr, "%s\n", e.msg);
        abort();
    }
    return v;
}

#endif
