/* SPDX-License-Identifier: MIT */
#include "ledger/holds.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/ending.h"

void hold_fill(struct hold *h, const struct reservation *r, const struct verdict *v)
{
    h->r = *r;
    h->r.provider = h->r.endpoint = NULL;
    if (v->learned) {
        h->r.estimate = r->learned.estimate;
        h->r.output_tokens = r->learned.output_tokens;
    }
}

struct verdict hold_verdict(const struct hold *h, bool strict)
{
    return (struct verdict){
        .admitted = true, .hold_id = h->id, .hold = h->amount, .strict = strict};
}

int hold_check_end(const struct hold *h, int64_t id, enum hold_state to, struct err *e)
{
    if (!h)
        return err_set(e, ERR_NOT_FOUND, "there is no open hold %lld", (long long)id);
    if (!hold_may_become(h->state, to))
        return err_set(e, ERR_EXISTS, "hold %lld is %s and cannot become %s", (long long)id,
                       hold_state_name(h->state), hold_state_name(to));
    return 0;
}

int holds_init(struct holds *hs, struct err *e)
{
    *hs = (struct holds){0};
    return map_init(&hs->by_id, e) != 0 || map_init(&hs->by_request, e) != 0 ? -1 : 0;
}

static void free_hold(void *ctx, struct map_node *node)
{
    (void)ctx;
    free(MAP_OWNER(node, struct hold, by_id));
}

void holds_finish(struct holds *hs)
{
    if (hs->by_id.chains)
        map_drain(&hs->by_id, free_hold, NULL);
    map_finish(&hs->by_id);
    map_finish(&hs->by_request);
}

struct hold *holds_find(const struct holds *hs, int64_t id)
{
    for (struct map_node *n = map_find(&hs->by_id, map_hash_int(id)); n; n = map_again(n)) {
        struct hold *h = MAP_OWNER(n, struct hold, by_id);

        if (h->id == id)
            return h;
    }
    return NULL;
}

struct hold *holds_find_request(const struct holds *hs, const char *request_id)
{
    uint64_t hash = map_hash(1, span_of(request_id));

    for (struct map_node *n = map_find(&hs->by_request, hash); n; n = map_again(n)) {
        struct hold *h = MAP_OWNER(n, struct hold, by_request);

        if (strcmp(h->r.request_id, request_id) == 0)
            return h;
    }
    return NULL;
}

static void know(struct holds *hs, struct hold *h)
{
    map_add(&hs->by_id, &h->by_id, map_hash_int(h->id));
    map_add(&hs->by_request, &h->by_request, map_hash(1, span_of(h->r.request_id)));
}

void holds_admit(struct holds *hs, struct hold *h)
{
    know(hs, h);
    h->prev = hs->newest;
    h->next = NULL;
    *(hs->newest ? &hs->newest->next : &hs->oldest) = h;
    hs->newest = h;
    h->next_in_group = hs->admitted;
    hs->admitted = h;
    h->state = HOLD_OPEN;
    h->opened_ns = clock_mono_ns();
    hs->open++;
    hs->held += h->amount;
}

void holds_end(struct holds *hs, struct hold *h, enum hold_state state)
{
    h->state = state;
    h->next_in_group = hs->ended;
    hs->ended = h;
    hs->open--;
    hs->held -= h->amount;
}

static void unlink_open(struct holds *hs, struct hold *h)
{
    *(h->prev ? &h->prev->next : &hs->oldest) = h->next;
    *(h->next ? &h->next->prev : &hs->newest) = h->prev;
}

static void forget(struct holds *hs, struct hold *h)
{
    map_remove(&hs->by_id, &h->by_id);
    map_remove(&hs->by_request, &h->by_request);
}

static void remember(struct holds *hs, struct hold *h)
{
    struct hold **slot = &hs->past[hs->past_at++ % HOLDS_REMEMBERED];

    if (*slot) {
        forget(hs, *slot);
        free(*slot);
    }
    *slot = h;
}

void holds_recall(struct holds *hs, struct hold *h)
{
    know(hs, h);
    remember(hs, h);
}

void holds_commit(struct holds *hs)
{
    for (struct hold *h = hs->ended, *next; h; h = next) {
        next = h->next_in_group;
        unlink_open(hs, h);
        remember(hs, h);
    }
    hs->ended = hs->admitted = NULL;
}

void holds_rollback(struct holds *hs)
{
    for (struct hold *h = hs->ended; h; h = h->next_in_group) {
        h->state = HOLD_OPEN;
        hs->open++;
        hs->held += h->amount;
    }
    for (struct hold *h = hs->admitted, *next; h; h = next) {
        next = h->next_in_group;
        hs->open--;
        hs->held -= h->amount;
        unlink_open(hs, h);
        forget(hs, h);
    }
    hs->ended = hs->admitted = NULL;
}
