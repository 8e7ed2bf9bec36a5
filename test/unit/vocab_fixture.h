/* SPDX-License-Identifier: MIT */
#ifndef VOCAB_FIXTURE_H
#define VOCAB_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "meter/tokenizer.h"
#include "meter/vocabs.h"

/* The build's own vocabularies: BUILD/share/tokencap/vocab, seen from BUILD/test/unit/. */
static inline const char *vocab_dir(void)
{
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 64);

    assert_true(n > 0);
    for (int i = 0; i < 3; i++)
        while (n > 0 && path[--n] != '/')
            ;
    strcpy(path + n, "/share/tokencap/vocab");
    return path;
}

static inline struct vocabs *open_vocabs(void)
{
    struct vocabs *v;
    struct err e;

    if (vocabs_open(vocab_dir(), &v, &e) < 0)
        fail_msg("%s", e.msg);
    return v;
}

/* A small generator of its own: the same numbers on every run. */
static inline uint32_t dice(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

/* cp as UTF-8 at p; its length. */
static inline size_t put_utf8(char *p, uint32_t cp)
{
    if (cp < 0x80) {
        p[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        p[0] = (char)(0xc0 | cp >> 6);
        p[1] = (char)(0x80 | (cp & 63));
        return 2;
    }
    if (cp < 0x10000) {
        p[0] = (char)(0xe0 | cp >> 12);
        p[1] = (char)(0x80 | (cp >> 6 & 63));
        p[2] = (char)(0x80 | (cp & 63));
        return 3;
    }
    p[0] = (char)(0xf0 | cp >> 18);
    p[1] = (char)(0x80 | (cp >> 12 & 63));
    p[2] = (char)(0x80 | (cp >> 6 & 63));
    p[3] = (char)(0x80 | (cp & 63));
    return 4;
}

#endif
