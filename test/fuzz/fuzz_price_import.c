/* SPDX-License-Identifier: MIT */
/* A foreign list is refused, or becomes a table that loads over the known one. */
#include <stdint.h>
#include <stdlib.h>

#include "meter/price_import.h"
#include "meter/price_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char known_table[] =
    "{\"provider\":\"openai\",\"models\":[{\"id\":\"gpt-4o\",\"aliases\":[\"gpt-4o-2024-08-06\"],"
    "\"input\":\"2.5\",\"output\":\"10\",\"as_of\":\"2026-01-01\",\"source\":\"x\"}]}";

static void init(struct price_table *t)
{
    struct err e;

    *t = (struct price_table){.tail = &t->rows};
    arena_init(&t->arena, 64 << 20);
    if (price_text_load(t, "known", SPAN(known_table), 0, &e))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct price_table known, both;
    struct price_imported report;
    struct buf out;
    struct err e;

    init(&known);
    if (price_index(&known, &e))
        abort();
    buf_init(&out, 1 << 24);
    if (price_import((struct span){(const char *)data, size},
                     &(struct price_import){"2026-11-24", &known, true}, &out, &report, &e) == 0) {
        init(&both);
        if (price_text_load(&both, "imported", buf_all(&out), 1, &e) || price_index(&both, &e))
            abort();
        arena_finish(&both.arena);
    }
    buf_finish(&out);
    arena_finish(&known.arena);
    return 0;
}
