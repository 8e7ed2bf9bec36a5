/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "ledger/postgresql/group.h"

/* Names and their numbers: the only thing that a group knows by heart, for they never change. */

static const char add_names[] =
    "INSERT INTO tokencap.name(text) SELECT x FROM unnest($1::text[]) x ORDER BY 1"
    " ON CONFLICT DO NOTHING";
static const char get_names[] = "SELECT text, id FROM tokencap.name WHERE text = ANY($1::text[])";

struct name {
    struct map_node node;
    int64_t id; /* 0: not known yet */
    char text[];
};

static void free_name(void *ctx, struct map_node *node)
{
    (void)ctx;
    free(MAP_OWNER(node, struct name, node));
}

static struct name *find_name(const struct group *g, struct span text)
{
    for (struct map_node *n = map_find(&g->names, map_hash(0, text)); n; n = map_again(n)) {
        struct name *name = MAP_OWNER(n, struct name, node);

        if (span_eq(span_of(name->text), text))
            return name;
    }
    return NULL;
}

void group_want_name(struct group *g, const char *text)
{
    struct span s = span_of(text ? text : "");
    struct name *n = find_name(g, s);

    if (n && n->id)
        return;
    array_text(&g->want[WANT_NAMES], s);
    if (n)
        return;
    n = calloc(1, sizeof *n + s.n + 1);
    if (!n) {
        pq_fail(g->q, PQ_BUSY, "no memory");
        return;
    }
    memcpy(n->text, s.p, s.n);
    map_add(&g->names, &n->node, map_hash(0, s));
}

void group_learn_names(struct group *g)
{
    PGresult *res;

    if (g->want[WANT_NAMES].n <= 1)
        return;
    array_close(&g->want[WANT_NAMES]);
    PQclear(pq_query(g->q, add_names, "a", &g->want[WANT_NAMES]));
    res = pq_query(g->q, get_names, "a", &g->want[WANT_NAMES]);
    for (int i = 0; res && i < PQntuples(res); i++) {
        struct name *n = find_name(g, span_of(PQgetvalue(res, i, 0)));

        if (n)
            n->id = pq_int(res, i, 1);
    }
    PQclear(res);
}

int64_t group_name(struct group *g, const char *text)
{
    const struct name *n = find_name(g, span_of(text ? text : ""));

    if (!n || !n->id)
        pq_fail(g->q, PQ_FAULT, "a name has got no number");
    return n ? n->id : 0;
}

void group_forget_names(struct group *g)
{
    map_drain(&g->names, free_name, NULL);
}
