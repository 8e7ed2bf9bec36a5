/* SPDX-License-Identifier: MIT */
/* Any body, to any API (the first byte): the including fuzzer says what holds when it is read. */
#include <stdint.h>
#include <stdlib.h>

#include "wire/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_limits limits = {.depth = 32, .nodes = 2000};

static void check(const struct request *q, struct arena *a);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct request q;
    struct refusal r;

    if (size < 1)
        return 0;
    arena_init(&a, 64u << 20);
    if (!request_parse(data[0] % APIS, (struct span){(const char *)data + 1, size - 1}, &limits, &a,
                       &q, &r)) {
        check(&q, &a);
        request_forget(&q);
    }
    arena_finish(&a);
    return 0;
}
