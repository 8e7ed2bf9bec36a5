/* SPDX-License-Identifier: MIT */
#ifndef PRICE_FIXTURE_H
#define PRICE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "meter/price.h"

/* The shipped tables, for a whole group of tests. Run from the repository's root. */

static struct price_table *table;

static inline int load(void **state)
{
    const char *dir = "pricing";
    struct err e;

    (void)state;
    if (price_load(&dir, 1, &table, &e))
        fail_msg("%s", e.msg);
    return 0;
}

static inline int unload(void **state)
{
    (void)state;
    price_free(table);
    return 0;
}

#endif
