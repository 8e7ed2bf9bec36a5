/* SPDX-License-Identifier: MIT */
#ifndef METER_VOCABS_H
#define METER_VOCABS_H

#include "meter/tokenizer.h"
#include "meter/vocab.h"

/* The set of open vocabularies, as tokenizers see it. Immutable after vocabs_open(). */

enum { IMAGE_O200K, IMAGE_CL100K, IMAGE_P50K, IMAGE_R50K, IMAGES };

struct vocabs {
    struct vocab image[IMAGES];
};

/* Which image an encoding's tokens are in. */
static inline unsigned vocabs_image(enum encoding enc)
{
    static const unsigned char image[ENCODINGS] = {
        [ENC_O200K] = IMAGE_O200K, [ENC_O200K_HARMONY] = IMAGE_O200K, [ENC_CL100K] = IMAGE_CL100K,
        [ENC_P50K] = IMAGE_P50K,   [ENC_R50K] = IMAGE_R50K,
    };

    return image[enc];
}

#endif
