/* SPDX-License-Identifier: MIT */
#include "counting.h"

#include <math.h>

/*
 * Images in tokens. OpenAI's older vision models see tiles of 512 pixels, the newer ones patches of
 * 32; Anthropic's see patches of 28. Sources: OpenAI's "Images and vision" guide, Anthropic's
 * "Vision" page, checked on recorded requests.
 */

enum method { TILES, PATCHES };

/* A model's way of seeing. Tiles: base and each tile. Patches: how many at most after scaling to
 * fit the longest side, in thousandths of a token. */
struct vision {
    const char *prefix;
    enum method method;
    int base, tile;              /* TILES */
    int multiplier;              /* PATCHES: thousandths */
    int high_patches, high_side; /* detail "high"; a side of 0: any */
    int auto_patches, auto_side; /* detail "auto" and "original" */
};

#define ANY_SIDE 0

/* The first prefix that fits. */
static const struct vision visions[] = {
    {"gpt-4o-mini", TILES, 2833, 5667, 0, 0, 0, 0, 0},
    {"gpt-4.1-mini", PATCHES, 0, 0, 1620, 1536, ANY_SIDE, 1536, ANY_SIDE},
    {"gpt-4.1-nano", PATCHES, 0, 0, 2460, 1536, ANY_SIDE, 1536, ANY_SIDE},
    {"o4-mini", PATCHES, 0, 0, 1720, 1536, ANY_SIDE, 1536, ANY_SIDE},
    {"o1", TILES, 75, 150, 0, 0, 0, 0, 0},
    {"o3", TILES, 75, 150, 0, 0, 0, 0, 0},
    {"gpt-5-mini", PATCHES, 0, 0, 1620, 1536, ANY_SIDE, 1536, ANY_SIDE},
    {"gpt-5-nano", PATCHES, 0, 0, 2460, 1536, ANY_SIDE, 1536, ANY_SIDE},
    {"gpt-5.4-mini", PATCHES, 0, 0, 1620, 1536, ANY_SIDE, 1536, ANY_SIDE},
    {"gpt-5.4-nano", PATCHES, 0, 0, 2460, 1536, ANY_SIDE, 1536, ANY_SIDE},
    {"gpt-5.2", PATCHES, 0, 0, 1200, 1536, ANY_SIDE, 1536, ANY_SIDE},
    {"gpt-5.3", PATCHES, 0, 0, 1200, 1536, ANY_SIDE, 1536, ANY_SIDE},
    {"gpt-5.4", PATCHES, 0, 0, 1200, 2500, 2048, 2500, 2048},
    {"gpt-5.5", PATCHES, 0, 0, 1200, 2500, 2048, 10000, 6000},
    {"gpt-5.6", PATCHES, 0, 0, 1200, 2500, 2048, 30000, ANY_SIDE},
    {"gpt-6", PATCHES, 0, 0, 1200, 2500, 2048, 30000, ANY_SIDE},
    {"gpt-5", TILES, 70, 140, 0, 0, 0, 0, 0},
    {"computer-use", TILES, 65, 129, 0, 0, 0, 0, 0},
    {"", TILES, 85, 170, 0, 0, 0, 0, 0}, /* gpt-4o, gpt-4.1, gpt-4.5, and who is not known */
};

#define TILES_MAX 8 /* 2048 × 768 pixels */

static int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Fits 2048 × 2048, then the short side into 768; never enlarged. */
static int64_t tiles(double w, double h)
{
    double fit = fmin(1, 2048 / fmax(w, h));

    fit *= fmin(1, 768 / (fmin(w, h) * fit));
    return (int64_t)(ceil(w * fit / 512 - 1e-9) * ceil(h * fit / 512 - 1e-9));
}

static int64_t patches(double w, double h, int size, int most, int side)
{
    double fit = side ? fmin(1, side / fmax(w, h)) : 1;
    double across = w * fit / size, down = h * fit / size, shrink;
    int64_t n = (int64_t)(ceil(across) * ceil(down));

    if (n <= most)
        return n;
    shrink = sqrt(most / (across * down));
    shrink *=
        fmin(floor(across * shrink) / (across * shrink), floor(down * shrink) / (down * shrink));
    n = (int64_t)(ceil(across * shrink - 1e-9) * ceil(down * shrink - 1e-9));
    return n > 0 && n < most ? n : most; /* a line so thin that the formula ends */
}

static const struct vision *vision_of(struct span model)
{
    const struct vision *v = visions;

    while (!span_starts(model, span_of(v->prefix)))
        v++;
    return v;
}

static struct image_tokens tile_tokens(const struct vision *v, const struct part *image)
{
    int64_t n = image->width ? tiles(image->width, image->height) : 4;

    if (image->detail == DETAIL_LOW)
        return (struct image_tokens){v->base, v->base};
    return (struct image_tokens){v->base + n * v->tile,
                                 v->base + (image->width ? n : TILES_MAX) * v->tile};
}

static struct image_tokens patch_tokens(const struct vision *v, const struct part *image)
{
    bool high = image->detail == DETAIL_HIGH || image->detail == DETAIL_LOW;
    int most = high ? v->high_patches : v->auto_patches;
    int side = high ? v->high_side : v->auto_side;
    int64_t n = image->width ? patches(image->width, image->height, 32, most, side) : most;
    int64_t likely = image->width ? n : 1024;

    return (struct image_tokens){divide_up(likely * v->multiplier, 1000),
                                 divide_up(n * v->multiplier, 1000)};
}

struct image_tokens image_tokens_openai(struct span model, const struct part *image)
{
    const struct vision *v = vision_of(family_bare_name(model));

    return v->method == TILES ? tile_tokens(v, image) : patch_tokens(v, image);
}

#define CLAUDE_BLOCK 4 /* around each image */

struct image_tokens image_tokens_anthropic(struct span model, const struct part *image)
{
    bool fine = family_of_model(model) != FAMILY_CLAUDE_3;
    int most = fine ? 4784 : 1568, side = fine ? 2576 : 1568;
    int64_t n = image->width ? patches(image->width, image->height, 28, most, side) : most;

    return (struct image_tokens){(image->width ? n : 1024) + CLAUDE_BLOCK, n + CLAUDE_BLOCK};
}
