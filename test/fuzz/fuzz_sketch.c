/* SPDX-License-Identifier: MIT */
/* Bytes are refused, or are a sketch: its quantiles rise with the level, it takes more values, and
 * writes itself back as it was. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "meter/sketch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char again[SKETCH_BYTES_MAX];
    int64_t before = 0;
    struct sketch s;

    if (size > SKETCH_BYTES_MAX || !sketch_read(&s, data, size))
        return 0;
    if (sketch_write(&s, again) > size)
        abort();
    for (double level = 0; level < 1; level += 0.05) {
        const int64_t q = sketch_quantile(&s, level);

        if (q < before || (q > SKETCH_MAX && q != INT64_MAX))
            abort();
        before = q;
    }
    for (int i = 0; i < 3000; i++)
        sketch_add(&s, (int64_t)i * i);
    if (!sketch_read(&s, again, sketch_write(&s, again)))
        abort();
    return 0;
}
