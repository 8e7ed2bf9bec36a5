/* SPDX-License-Identifier: MIT */
#ifndef METER_IMAGE_H
#define METER_IMAGE_H

#include <stdbool.h>

#include "base/str.h"

/* An image's size in pixels, read from the header of a PNG, JPEG, GIF or WebP. Pure; any thread. */

/* From its bytes in base64; reads a bounded number of them. False: not one of the four, or damaged.
 */
bool image_size(struct span base64, int *width, int *height);

/* From a data URL; both 0 when it is a remote URL, or nothing that can be read. */
void image_size_of_url(struct span url, int *width, int *height);

#endif
