/* SPDX-License-Identifier: MIT */
#include "proxy/ratelimit.h"

#include <pthread.h>
#include <stdlib.h>

#include "ledger/map.h"

#define MINUTE_NS INT64_C(60000000000)
#define MS        INT64_C(1000000)
#define KEY_MAX   128 /* a project id's length */

/*
 * A bucket is kept as the moment at which it will be full again. One that may hold `limit` and refills
 * in a minute lacks (full_ns - now) / minute of it; taking n moves that moment by n minutes / limit. So a
 * bucket needs no update while nobody looks, and a limit that changes keeps its share.
 */
struct project {
    struct map_node node;
    struct project *newer, *older; /* by last use */
    char id[KEY_MAX];
    size_t id_n;
    int64_t in_flight;
    int64_t requests_full_ns, tokens_full_ns;
};

struct ratelimit {
    pthread_mutex_t lock; /* guards everything below */
    struct map map;
    struct project *newest, *oldest;
    size_t n; /* of list in use */
    struct project list[RATE_PROJECTS];
};

int ratelimit_create(struct ratelimit **out, struct err *e)
{
    struct ratelimit *r = calloc(1, sizeof *r); /* pages that nobody uses cost nothing */

    if (!r)
        return err_set(e, ERR_MEMORY, "no memory for rate limits");
    if (map_init(&r->map, e)) {
        free(r);
        return -1;
    }
    pthread_mutex_init(&r->lock, NULL);
    *out = r;
    return 0;
}

void ratelimit_destroy(struct ratelimit *r)
{
    if (!r)
        return;
    map_finish(&r->map);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* ---- who is remembered ---- */

static void unlink_project(struct ratelimit *r, struct project *p)
{
    *(p->newer ? &p->newer->older : &r->newest) = p->older;
    *(p->older ? &p->older->newer : &r->oldest) = p->newer;
}

static void make_newest(struct ratelimit *r, struct project *p)
{
    p->newer = NULL;
    p->older = r->newest;
    *(r->newest ? &r->newest->newer : &r->oldest) = p;
    r->newest = p;
}

static struct project *find(const struct ratelimit *r, struct span id, uint64_t hash)
{
    for (struct map_node *n = map_find(&r->map, hash); n; n = map_again(n)) {
        struct project *p = MAP_OWNER(n, struct project, node);

        if (span_eq((struct span){p->id, p->id_n}, id))
            return p;
    }
    return NULL;
}

/* A free place, else that of the one that has been idle longest; NULL when nobody is idle. */
static struct project *make_room(struct ratelimit *r)
{
    struct project *p;

    if (r->n < RATE_PROJECTS)
        return &r->list[r->n++];
    for (p = r->oldest; p && p->in_flight; p = p->newer)
        ;
    if (p) {
        map_remove(&r->map, &p->node);
        unlink_project(r, p);
    }
    return p;
}

static struct project *find_or_add(struct ratelimit *r, struct span id)
{
    uint64_t hash = map_hash(0, id);
    struct project *p = find(r, id, hash);

    if (p) {
        unlink_project(r, p);
    } else {
        p = id.n <= KEY_MAX ? make_room(r) : NULL;
        if (!p)
            return NULL;
        *p = (struct project){.id_n = id.n};
        memcpy(p->id, id.p, id.n);
        map_add(&r->map, &p->node, hash);
    }
    make_newest(r, p);
    return p;
}

/* ---- buckets ---- */

static int64_t cost_ns(int64_t n, int64_t limit)
{
    __int128 ns = (__int128)n * MINUTE_NS / limit;

    return ns > MINUTE_NS * 2 ? MINUTE_NS * 2 : (int64_t)ns;
}

static int64_t lack_ns(int64_t full_ns, int64_t now_ns)
{
    return full_ns > now_ns ? full_ns - now_ns : 0;
}

/* How long until n fit; 0: they do. */
static int64_t wait_ns(int64_t full_ns, int64_t n, int64_t limit, int64_t now_ns)
{
    int64_t over = lack_ns(full_ns, now_ns) + cost_ns(n, limit) - MINUTE_NS;

    return over > 0 ? over : 0;
}

static void take(int64_t *full_ns, int64_t n, int64_t limit, int64_t now_ns)
{
    if (limit)
        *full_ns = now_ns + lack_ns(*full_ns, now_ns) + cost_ns(n, limit);
}

/* A debt beyond the bucket's size shows as nothing left. */
static int64_t left(int64_t full_ns, int64_t limit, int64_t now_ns)
{
    int64_t there = MINUTE_NS - lack_ns(full_ns, now_ns);

    return there > 0 ? (int64_t)((__int128)there * limit / MINUTE_NS) : 0;
}

static enum rate_refusal judge(const struct project *p, const struct rate_limits *l, int64_t tokens,
                               int64_t now_ns, int64_t *wait)
{
    *wait = 0;
    if (l->tokens && tokens > l->tokens)
        return RATE_TOO_LARGE;
    if (l->in_flight && p->in_flight >= l->in_flight)
        return RATE_IN_FLIGHT;
    if (l->requests && (*wait = wait_ns(p->requests_full_ns, 1, l->requests, now_ns)))
        return RATE_REQUESTS;
    if (l->tokens && (*wait = wait_ns(p->tokens_full_ns, tokens, l->tokens, now_ns)))
        return RATE_TOKENS;
    return RATE_TAKEN;
}

static void describe(const struct project *p, const struct rate_limits *l, int64_t now_ns,
                     struct rate_state *out)
{
    out->requests_left = left(p->requests_full_ns, l->requests, now_ns);
    out->tokens_left = left(p->tokens_full_ns, l->tokens, now_ns);
    out->requests_full_ms = lack_ns(p->requests_full_ns, now_ns) / MS;
    out->tokens_full_ms = lack_ns(p->tokens_full_ns, now_ns) / MS;
}

void ratelimit_take(struct ratelimit *r, struct span project, const struct rate_limits *limits,
                    int64_t tokens, int64_t now_ns, struct rate_state *out)
{
    struct project *p;
    int64_t wait;

    *out = (struct rate_state){.verdict = RATE_PROJECTS_FULL, .limits = *limits};
    pthread_mutex_lock(&r->lock);
    if ((p = find_or_add(r, project))) {
        out->verdict = judge(p, limits, tokens, now_ns, &wait);
        out->retry_ms = (wait + MS - 1) / MS;
        if (out->verdict == RATE_TAKEN) {
            p->in_flight++;
            take(&p->requests_full_ns, 1, limits->requests, now_ns);
            take(&p->tokens_full_ns, tokens, limits->tokens, now_ns);
        }
        describe(p, limits, now_ns, out);
    }
    pthread_mutex_unlock(&r->lock);
}

void ratelimit_end(struct ratelimit *r, struct span project, const struct rate_limits *limits,
                   int64_t taken, int64_t used, int64_t now_ns)
{
    struct project *p;

    pthread_mutex_lock(&r->lock);
    if ((p = find(r, project, map_hash(0, project))) && p->in_flight) {
        p->in_flight--;
        if (limits->tokens && used > taken)
            take(&p->tokens_full_ns, used - taken, limits->tokens, now_ns);
        else if (limits->tokens)
            p->tokens_full_ns -= cost_ns(taken - used, limits->tokens);
    }
    pthread_mutex_unlock(&r->lock);
}
