/* SPDX-License-Identifier: MIT */
#include "proxy/feed.h"

#include <stdlib.h>

#include "base/futex.h"

int feed_init(struct feed *f, struct err *e)
{
    *f = (struct feed){.next = 1};
    f->rows = calloc(FEED_ROWS, sizeof *f->rows);
    if (!f->rows)
        return err_set(e, ERR_MEMORY, "no memory for the newest requests");
    pthread_mutex_init(&f->lock, NULL);
    return 0;
}

void feed_finish(struct feed *f)
{
    pthread_mutex_destroy(&f->lock);
    free(f->rows);
}

static void tell(struct feed *f)
{
    atomic_fetch_add(&f->news, 1);
    if (atomic_load(&f->watchers))
        futex_wake(&f->news);
}

void feed_push(struct feed *f, const struct feed_row *row)
{
    struct feed_row *slot;

    pthread_mutex_lock(&f->lock);
    slot = &f->rows[f->next % FEED_ROWS];
    *slot = *row;
    slot->seq = f->next++;
    pthread_mutex_unlock(&f->lock);
    tell(f);
}

void feed_poke(struct feed *f)
{
    atomic_fetch_add(&f->changes, 1);
    tell(f);
}

bool feed_after(struct feed *f, uint64_t seq, struct feed_row *out)
{
    uint64_t oldest, wanted = seq + 1;
    bool found;

    pthread_mutex_lock(&f->lock);
    oldest = f->next > FEED_ROWS ? f->next - FEED_ROWS : 1;
    if (wanted < oldest)
        wanted = oldest;
    found = wanted < f->next;
    if (found)
        *out = f->rows[wanted % FEED_ROWS];
    pthread_mutex_unlock(&f->lock);
    return found;
}

uint64_t feed_newest(struct feed *f)
{
    uint64_t newest;

    pthread_mutex_lock(&f->lock);
    newest = f->next - 1;
    pthread_mutex_unlock(&f->lock);
    return newest;
}

uint32_t feed_wait(struct feed *f, uint32_t seen, int64_t timeout_ms)
{
    atomic_fetch_add(&f->watchers, 1);
    if (atomic_load(&f->news) == seen)
        futex_wait(&f->news, seen, timeout_ms);
    atomic_fetch_sub(&f->watchers, 1);
    return atomic_load(&f->news);
}
