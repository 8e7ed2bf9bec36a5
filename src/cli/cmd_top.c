/* SPDX-License-Identifier: MIT */
#include <jansson.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/term.h"
#include "cli/top.h"

enum { PROJECT, BY, ONCE, URL };

const struct flag top_flags[] = {
    [PROJECT] = {"project", "ID", "Show this project only."},
    [BY] = {"by", "WORD", "Today by model (the default) or by project."},
    [ONCE] = {"once", NULL,
              "Print one screen of plain text and end, as it does without a terminal."},
    [URL] = {"url", "URL", "Where the daemon is; else TOKENCAP_URL, else http://127.0.0.1:3456."},
    {NULL, NULL, NULL},
};

static int read_flags(const struct invocation *in, struct top *t, struct err *e)
{
    const char *by = in->values[BY] ? in->values[BY] : "model";
    const char *project = in->values[PROJECT] ? in->values[PROJECT] : "";

    t->by_project = strcmp(by, "project") == 0;
    if (!t->by_project && strcmp(by, "model") != 0)
        return err_set(e, ERR_USAGE, "--by: \"%.80s\" is not model or project", by);
    if (strlen(project) > PROJECT_ID_MAX)
        return err_set(e, ERR_USAGE, "--project: longer than %d characters", PROJECT_ID_MAX);
    top_choose(t, project);
    return 0;
}

static int ask(const char *url, const char *path, struct top *t,
               int (*take)(struct top *t, const json_t *root, struct err *e), struct err *e)
{
    json_t *root;
    int r;

    if (daemon_call(url, "GET", path, NULL, &root, e) < 0)
        return -1;
    r = take(t, root, e);
    json_decref(root);
    return r;
}

static int ask_all(const char *url, struct top *t, int64_t now_ms, struct err *e)
{
    struct buf groups, requests;
    int r;

    buf_init(&groups, 0);
    buf_init(&requests, 0);
    top_groups_path(t, now_ms, &groups);
    top_requests_path(t, &requests);
    if (groups.failed || requests.failed)
        r = err_set(e, ERR_MEMORY, "no memory");
    else
        r = ask(url, "/v1/usage/live", t, top_take_live, e) < 0 ||
                    ask(url, groups.p, t, top_take_groups, e) < 0 ||
                    ask(url, requests.p, t, top_take_requests, e) < 0
                ? -1
                : 0;
    buf_finish(&groups);
    buf_finish(&requests);
    return r;
}

/* A variable that shells set, or the terminal's own size, or what a terminal has at least. */
static int size_of(const char *variable, int terminals, int usual)
{
    const char *text = env_value(variable);
    long v = text ? strtol(text, NULL, 10) : 0;

    return v > 0 && v < 10000 ? (int)v : terminals > 0 ? terminals : usual;
}

static int print_once(const char *url, struct top *t, struct err *e)
{
    int64_t now_ms = clock_wall_ms();
    struct winsize size = {0};
    struct canvas c;
    int r = 0;

    if (ask_all(url, t, now_ms, e) < 0)
        return -1;
    t->state = TOP_LIVE;
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    canvas_init(&c, size_of("COLUMNS", size.ws_col, 80), size_of("LINES", size.ws_row, 24),
                term_is_ascii());
    top_draw(t, &c, now_ms, false);
    if (c.text.failed)
        r = err_set(e, ERR_MEMORY, "no memory");
    else
        canvas_print(&c, stdout);
    canvas_finish(&c);
    return r;
}

int cmd_top(const struct invocation *in, struct err *e)
{
    bool once = given(in, ONCE) || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO);
    struct top t;
    int r;

    top_init(&t, daemon_url(in->values[URL]));
    r = read_flags(in, &t, e);
    if (r == 0)
        r = once ? print_once(in->values[URL], &t, e) : top_watch(in->values[URL], &t, e);
    top_finish(&t);
    return r;
}
