/* SPDX-License-Identifier: MIT */
#include "base/nearest.h"

#include <ctype.h>

static char fold(char c)
{
    return c == '_' ? '-' : (char)tolower((unsigned char)c);
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned edit_distance(struct span a, struct span b)
{
    unsigned rows[3]
                 [NEAREST_MAX + 1]; /* the distances of a's last three prefixes to b's prefixes */
    unsigned *before = rows[0], *last = rows[1], *now = rows[2];

    if (a.n > NEAREST_MAX || b.n > NEAREST_MAX)
        return 2 * NEAREST_MAX;
    for (size_t j = 0; j <= b.n; j++)
        last[j] = (unsigned)j;
    for (size_t i = 1; i <= a.n; i++) {
        unsigned *recycled = before;

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b.n; j++) {
            bool same = fold(a.p[i - 1]) == fold(b.p[j - 1]);

            now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + !same);
            if (i > 1 && j > 1 && fold(a.p[i - 1]) == fold(b.p[j - 2]) &&
                fold(a.p[i - 2]) == fold(b.p[j - 1]))
                now[j] = least(now[j], before[j - 2] + 1);
        }
        before = last;
        last = now;
        now = recycled;
    }
    return last[b.n];
}

const char *nearest_within(struct span word, unsigned most,
                           const char *(*name)(const void *ctx, size_t i), const void *ctx,
                           size_t n)
{
    unsigned best = most + 1; /* not near enough any more */
    const char *found = NULL;

    for (size_t i = 0; i < n; i++) {
        const char *candidate = name(ctx, i);
        size_t length = candidate ? strlen(candidate) : 0;
        unsigned d;

        if (!candidate || word.n >= length + best || length >= word.n + best)
            continue; /* each byte that one has more is one step apart */
        d = edit_distance(word, span_of(candidate));
        if (d < best) {
            best = d;
            found = candidate;
        }
    }
    return found;
}

const char *nearest_name(struct span word, const char *(*name)(const void *ctx, size_t i),
                         const void *ctx, size_t n)
{
    return nearest_within(word, word.n < 4 ? 1 : (unsigned)word.n / 3, name, ctx, n);
}
