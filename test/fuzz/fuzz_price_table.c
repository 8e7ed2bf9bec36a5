/* SPDX-License-Identifier: MIT */
/* A table is taken whole or refused with a message; one that is taken can be searched, and no cost
 * in it exceeds its bound. */
#include <stdint.h>
#include <stdlib.h>

#include "meter/price_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char floor_table[] = "{\"provider\":\"openai\",\"prefixes\":[\"openai\"],\"models\":[{"
                                  "\"id\":\"gpt-4o\",\"input\":\"2.5\","
                                  "\"output\":\"10\",\"as_of\":\"2026-01-01\",\"source\":\"x\"}]}";

static void check(void *ctx, const char *id, struct price p)
{
    const struct price_table *t = ctx;
    const struct price_facts f = price_facts(p, 0);
    struct usage u = {.nparts = 1, .parts[0].tokens = {1000, 5, 5, 5, 5, 5, 5, 7, 7}};
    nano_t cost, bound;
    struct err e;

    if (!f.id || !f.provider || !f.version || f.input < 0 || f.output < 0)
        abort();
    if (!price_find(t, f.provider, span_of(id)).row)
        abort();
    if (price_cost(t, p, f.provider, &u, 0, &cost, &e) ||
        price_bound(p, 1030, 14, &(struct price_terms){0}, 0, &bound, &e))
        return; /* beyond what can be counted */
    if (cost > bound)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct price_table t = {.tail = &t.rows};
    struct err e = {.msg = ""};

    arena_init(&t.arena, 64 << 20);
    if (price_text_load(&t, "floor", SPAN(floor_table), 0, &e))
        abort();
    if (price_text_load(&t, "fuzz", (struct span){(const char *)data, size}, 1, &e) ||
        price_index(&t, &e)) {
        if (!e.msg[0])
            abort();
    } else {
        price_each(&t, check, &t);
    }
    arena_finish(&t.arena);
    return 0;
}
