/* SPDX-License-Identifier: MIT */
/* Every model id gets a price; a suffix that was stripped was a version, never a word. */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>

#include "meter/price.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct price_table *table(void)
{
    static struct price_table *t;
    const char *dir = "pricing";
    struct err e;

    if (!t && price_load(&dir, 1, &t, &e))
        abort();
    return t;
}

static void check_suffix(struct span model)
{
    size_t words = 0, digits = 0;

    if (model.n > 7 && span_eq_nocase(span_skip(model, model.n - 7), SPAN("-latest")))
        return;
    while (model.n && !isalpha((unsigned char)model.p[model.n - 1])) {
        digits += isdigit((unsigned char)model.p[model.n - 1]) != 0;
        model.n--;
        words++;
    }
    if (digits < 3 || words < 4)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const providers[] = {NULL,     "openai",  "anthropic",
                                            "google", "bedrock", "nobody"};
    const struct span model = {(const char *)data, size};

    for (int i = 0; i < 6; i++) {
        const struct price p = price_find(table(), providers[i], model);
        const struct price_facts f = price_facts(p, 0);
        nano_t cost;
        struct err e;

        if (!p.row || f.input < 0 || price_plain(p, 1000, 1000, &(struct price_terms){0}, 0, &cost, &e))
            abort();
        if (p.rule == PRICE_SUFFIX && !memchr(model.p, ':', model.n))
            check_suffix(model);
        if (p.rule == PRICE_FALLBACK && (f.input < 2500000 || f.output < 10000000))
            abort();
    }
    return 0;
}
