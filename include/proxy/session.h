/* SPDX-License-Identifier: MIT */
#ifndef PROXY_SESSION_H
#define PROXY_SESSION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/*
 * Browsers that have shown the admin token: each gets a random id, kept in memory until it logs out, it
 * is too old, or the daemon ends. The token itself never becomes a cookie. Any thread.
 */

#define SESSIONS_MAX     64 /* then the oldest one ends */
#define SESSION_ID_LEN   64 /* hex digits of 256 random bits */
#define SESSION_LIFE_MS  (INT64_C(12) * 3600 * 1000)
#define SESSION_COOKIE   "tokencap_session"

struct sessions {
    pthread_mutex_t lock; /* guards all below */
    struct session {
        char id[SESSION_ID_LEN + 1]; /* "": free */
        int64_t ends_ms;
    } list[SESSIONS_MAX];
    int wrong; /* tries since minute_ms */
    int64_t minute_ms;
};

void sessions_init(struct sessions *s);
void sessions_finish(struct sessions *s); /* wipes them */

void session_open(struct sessions *s, int64_t now_ms, char id[SESSION_ID_LEN + 1]);
bool session_is_open(struct sessions *s, struct span id, int64_t now_ms);
void session_close(struct sessions *s, struct span id);

/* Guessing is slow: after some wrong tries, all wait for the next minute. */
#define SESSION_TRIES 20
bool session_may_try(struct sessions *s, int64_t now_ms);
void session_failed(struct sessions *s, int64_t now_ms);

/* The session's id in a Cookie header; p == NULL when there is none. */
struct span session_of_cookie(struct span cookie);

#endif
