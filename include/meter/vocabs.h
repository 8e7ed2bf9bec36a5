/* SPDX-License-Identifier: MIT */
#ifndef METER_VOCABS_H
#define METER_VOCABS_H

#include "meter/piece_cache.h"
#include "meter/tokenizer.h"
#include "meter/vocab.h"

/* The set of open vocabularies, as tokenizers see it: ours, then those that users brought. Nothing
 * in it changes once a tokenizer was made. */

enum { IMAGE_O200K, IMAGE_CL100K, IMAGE_P50K, IMAGE_R50K, IMAGES };

#define VOCABS_MAX PIECE_CACHE_TAGS

struct vocabs {
    struct vocab image[VOCABS_MAX];
    char *name[VOCABS_MAX]; /* of the users' */
    unsigned n;
};

/* Which image an encoding's tokens are in. */
static inline unsigned vocabs_image(enum encoding enc)
{
    static const unsigned char image[ENCODINGS] = {
        [ENC_O200K] = IMAGE_O200K, [ENC_O200K_HARMONY] = IMAGE_O200K, [ENC_CL100K] = IMAGE_CL100K,
        [ENC_P50K] = IMAGE_P50K,   [ENC_R50K] = IMAGE_R50K,
    };

    return enc < ENCODINGS ? image[enc] : (unsigned)enc - ENCODINGS + IMAGES;
}

#endif
