/* SPDX-License-Identifier: MIT */
/* Any header, in base64 or as a URL: a size that makes sense, or none. */
#include <stdint.h>
#include <stdlib.h>

#include "meter/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};
    int width = -1, height = -1;

    if (image_size(text, &width, &height) ? width <= 0 || height <= 0 : width != -1 || height != -1)
        abort();
    image_size_of_url(text, &width, &height);
    if (width < 0 || height < 0 || (width == 0) != (height == 0))
        abort();
    return 0;
}
