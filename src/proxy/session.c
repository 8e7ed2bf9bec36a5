/* SPDX-License-Identifier: MIT */
#include "proxy/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void sessions_init(struct sessions *s)
{
    memset(s, 0, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
}

void sessions_finish(struct sessions *s)
{
    explicit_bzero(s->list, sizeof s->list);
    pthread_mutex_destroy(&s->lock);
}

/* In time that does not depend on where they differ. */
static bool is(const struct session *one, struct span id)
{
    unsigned char differ = 0;

    for (size_t i = 0; i < SESSION_ID_LEN; i++)
        differ |= (unsigned char)(one->id[i] ^ id.p[i]);
    return differ == 0;
}

/* NULL when there is none. Under the lock. */
static struct session *find(struct sessions *s, struct span id)
{
    struct session *found = NULL;

    if (id.n != SESSION_ID_LEN)
        return NULL;
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        if (s->list[i].id[0] && is(&s->list[i], id))
            found = &s->list[i];
    return found;
}

static void make_id(char id[SESSION_ID_LEN + 1])
{
    unsigned char random[SESSION_ID_LEN / 2];

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        abort(); /* cannot fail for 32 bytes once the system has booted: getrandom(2) */
    str_hex(id, random, sizeof random);
}

void session_open(struct sessions *s, int64_t now_ms, char id[SESSION_ID_LEN + 1])
{
    struct session *place = s->list;

    make_id(id);
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        if (s->list[i].ends_ms < place->ends_ms) /* a free one ends at 0 */
            place = &s->list[i];
    memcpy(place->id, id, SESSION_ID_LEN + 1);
    place->ends_ms = now_ms + SESSION_LIFE_MS;
    pthread_mutex_unlock(&s->lock);
}

bool session_is_open(struct sessions *s, struct span id, int64_t now_ms)
{
    struct session *one;
    bool open;

    pthread_mutex_lock(&s->lock);
    one = find(s, id);
    open = one && now_ms < one->ends_ms;
    pthread_mutex_unlock(&s->lock);
    return open;
}

void session_close(struct sessions *s, struct span id)
{
    struct session *one;

    pthread_mutex_lock(&s->lock);
    if ((one = find(s, id)))
        *one = (struct session){.ends_ms = 0};
    pthread_mutex_unlock(&s->lock);
}

/* Under the lock. */
static void turn_minute(struct sessions *s, int64_t now_ms)
{
    if (now_ms - s->minute_ms < 60000 && now_ms >= s->minute_ms)
        return;
    s->minute_ms = now_ms;
    s->wrong = 0;
}

bool session_may_try(struct sessions *s, int64_t now_ms)
{
    bool may;

    pthread_mutex_lock(&s->lock);
    turn_minute(s, now_ms);
    may = s->wrong < SESSION_TRIES;
    pthread_mutex_unlock(&s->lock);
    return may;
}

void session_failed(struct sessions *s, int64_t now_ms)
{
    pthread_mutex_lock(&s->lock);
    turn_minute(s, now_ms);
    s->wrong++;
    pthread_mutex_unlock(&s->lock);
}

struct span session_of_cookie(struct span cookie)
{
    struct span pair, name, value;

    while (cookie.n) {
        span_cut(cookie, ';', &pair, &cookie);
        span_cut(span_trim(pair), '=', &name, &value);
        if (span_eq(name, SPAN(SESSION_COOKIE)))
            return value;
    }
    return (struct span){NULL, 0};
}
