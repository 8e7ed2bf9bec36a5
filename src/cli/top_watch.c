/* SPDX-License-Identifier: MIT */
#include <jansson.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/fetch.h"
#include "cli/plain.h"
#include "cli/term.h"
#include "cli/top.h"

/* Keys, what the daemon sends, and the screen, each in turn. */

#define TICK_MS  1000 /* the screen's clock */
#define SOON_MS  250  /* while something is to be asked for */
#define PACE_MS  500  /* between two questions of the same kind */
#define AGAIN_MS 1000 /* between two tries to connect */

struct watch {
    struct top *top;
    struct fetch fetch;
    struct buf paths[FETCHES]; /* as they were asked for last */
    int64_t begun_ns[FETCHES]; /* when; 0: never */
    bool stale[FETCHES];       /* something has happened since */
    bool lost;                 /* the connection, since it was there last */
};

/* ---- the connection ---- */

/* The daemon's words go to a terminal here. */
static void notice(struct top *t, const char *before, const char *text)
{
    struct buf plain;

    buf_init(&plain, 0);
    buf_str(&plain, before);
    plain_add(&plain, span_of(text));
    snprintf(t->notice, sizeof t->notice, "%s", plain.failed ? before : plain.p);
    buf_finish(&plain);
}

static void lose(struct watch *w, const struct err *why)
{
    for (int kind = 0; kind < FETCHES; kind++)
        fetch_drop(&w->fetch, kind);
    w->lost = true;
    w->top->state = TOP_LOST;
    notice(w->top, "Trying again: ", why->msg);
}

/* What became of the daemon meanwhile. It stays on the screen: whoever was away is to see it. */
static void tell_of_return(struct watch *w, int64_t started_before)
{
    char now[CLOCK_ISO_LEN], text[96];

    clock_iso(clock_wall_ms(), now);
    snprintf(text, sizeof text, "%.8s UTC%s", now + 11,
             started_before && started_before != w->top->started_ms ? "; the daemon was restarted"
                                                                    : "");
    notice(w->top, "Connected again at ", text);
    w->lost = false;
}

static int take_live(struct watch *w, const json_t *root, struct err *e)
{
    bool was_live = w->top->state == TOP_LIVE;
    int64_t started = w->top->started_ms;
    uint64_t seq = w->top->seq;

    if (top_take_live(w->top, root, e) < 0)
        return -1;
    w->top->state = TOP_LIVE;
    for (int kind = FETCH_GROUPS; kind < FETCHES; kind++)
        w->stale[kind] |= !was_live || seq != w->top->seq;
    if (w->lost)
        tell_of_return(w, started);
    return 0;
}

static int take_one(struct watch *w, int kind, const json_t *root, struct err *e)
{
    switch (kind) {
    case FETCH_LIVE:
        return take_live(w, root, e);
    case FETCH_GROUPS:
        return top_take_groups(w->top, root, e);
    default:
        return top_take_requests(w->top, root, e);
    }
}

static void take_all(struct watch *w)
{
    json_t *root;
    struct err e;
    int r;

    for (int kind = 0; kind < FETCHES; kind++) {
        while ((r = fetch_take(&w->fetch, kind, &root, &e)) > 0) {
            r = take_one(w, kind, root, &e);
            json_decref(root);
            if (r < 0)
                break;
        }
        if (r < 0) {
            lose(w, &e);
            return;
        }
    }
}

/* ---- questions ---- */

static void write_path(const struct watch *w, int kind, struct buf *out)
{
    switch (kind) {
    case FETCH_LIVE:
        buf_str(out, "/v1/usage/live");
        return;
    case FETCH_GROUPS:
        top_groups_path(w->top, clock_wall_ms(), out);
        return;
    default:
        top_requests_path(w->top, out);
        return;
    }
}

/* A question that has become another one, by a key or at midnight, does not wait. */
static bool is_due(const struct watch *w, int kind, const struct buf *path)
{
    int64_t ago_ms = (clock_mono_ns() - w->begun_ns[kind]) / 1000000;
    bool idle = !w->fetch.all[kind].under_way;

    if (kind == FETCH_LIVE)
        return idle && (!w->begun_ns[kind] || ago_ms >= AGAIN_MS);
    if (w->top->state != TOP_LIVE)
        return false;
    return !span_eq(buf_all(path), buf_all(&w->paths[kind])) ||
           (idle && w->stale[kind] && ago_ms >= PACE_MS);
}

static int ask_one(struct watch *w, int kind, struct err *e)
{
    struct buf path;

    buf_init(&path, 0);
    write_path(w, kind, &path);
    if (!is_due(w, kind, &path)) {
        buf_finish(&path);
        return 0;
    }
    buf_finish(&w->paths[kind]);
    w->paths[kind] = path;
    w->begun_ns[kind] = clock_mono_ns();
    w->stale[kind] = false;
    if (path.failed)
        return err_set(e, ERR_MEMORY, "no memory");
    return fetch_begin(&w->fetch, kind, path.p, e);
}

/* ---- the loop ---- */

static int show(struct watch *w, bool ascii, struct err *e)
{
    struct canvas c;
    int width, height, r = 0;

    term_size(&width, &height);
    canvas_init(&c, width, height, ascii);
    top_draw(w->top, &c, clock_wall_ms(), true);
    if (c.text.failed)
        r = err_set(e, ERR_MEMORY, "no memory");
    else
        term_show(&c);
    canvas_finish(&c);
    return r;
}

static int turn(struct watch *w, bool ascii, struct err *e)
{
    bool waits = w->top->state != TOP_LIVE;
    int key;

    for (int kind = 0; kind < FETCHES; kind++) {
        if (ask_one(w, kind, e) < 0)
            return -1;
        waits |= w->stale[kind];
    }
    if (show(w, ascii, e) < 0 ||
        fetch_wait(&w->fetch, STDIN_FILENO, waits ? SOON_MS : TICK_MS, e) < 0)
        return -1;
    take_all(w);
    while ((key = term_key()) != TERM_NONE)
        top_key(w->top, key);
    return 0;
}

int top_watch(const char *url, struct top *t, struct err *e)
{
    bool ascii = term_is_ascii();
    struct watch w = {.top = t};
    int r;

    if (fetch_init(&w.fetch, url, e) < 0)
        return -1;
    r = term_open(e);
    if (r == 0) {
        while (r == 0 && !t->quit && !term_ended())
            r = turn(&w, ascii, e);
        term_close();
    }
    fetch_finish(&w.fetch);
    for (int kind = 0; kind < FETCHES; kind++)
        buf_finish(&w.paths[kind]);
    return r;
}
