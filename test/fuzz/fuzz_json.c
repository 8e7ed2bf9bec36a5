/* SPDX-License-Identifier: MIT */
/* What json_read() accepts, json_find() finds: each plain key of the top level and of the objects in
 * it, at a place inside the text where the same value stands (numbers apart: some are replaced). */
#include <stdint.h>
#include <stdlib.h>

#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const keys[] = {"model", "stream_options", "include_usage", "max_tokens", "n"};

#define KEYS (sizeof keys / sizeof *keys)

static bool is_same(const json_t *a, const json_t *b)
{
    if (json_typeof(a) != json_typeof(b))
        return json_is_number(a) && json_is_number(b);
    return !json_is_string(a) || json_equal(a, b);
}

static void check_place(struct span text, struct json_place place, const json_t *value)
{
    json_t *again;

    if (!value != !place.value.n)
        abort();
    if (!value)
        return;
    if (place.value.p < text.p || place.value.p + place.value.n > text.p + text.n ||
        text.p[place.key] != '"')
        abort();
    again = json_loadb(place.value.p, place.value.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (again && !is_same(again, value)) /* none: a number that no machine type holds */
        abort();
    json_decref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct json_limits limits = {.depth = 16, .nodes = 1000};
    struct span text = {(const char *)data, size};
    json_t *root;
    struct err e;

    if (json_read(text, &limits, &root, &e))
        return 0;
    for (size_t i = 0; i < KEYS; i++) {
        const json_t *value = json_object_get(root, keys[i]);
        check_place(text, json_find(text, keys[i], NULL), value);
        for (size_t k = 0; k < KEYS; k++)
            check_place(text, json_find(text, keys[i], keys[k]), json_object_get(value, keys[k]));
    }
    json_decref(root);
    return 0;
}
