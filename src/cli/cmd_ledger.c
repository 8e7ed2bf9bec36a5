/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "ledger/ledger.h"
#include "proxy/config.h"

enum { DB };     /* of backup */
enum { BEFORE }; /* of usage compact */

const struct flag verify_flags[] = {{NULL, NULL, NULL}};

const struct flag backup_flags[] = {
    [DB] = {"db", "FILE", "The database; else the one the daemon is configured to use."},
    {NULL, NULL, NULL},
};

const struct flag compact_flags[] = {
    [BEFORE] = {"before", "WHEN", "Rows older than that (400d), or from before that date."},
    {NULL, NULL, NULL},
};

const struct flag ledger_copy_flags[] = {{NULL, NULL, NULL}};

/* The database that a daemon started here would use; the caller frees *out. */
static int find_db(const char *named, char **out, struct err *e)
{
    char *argv[] = {(char[]){"tokencapd"}, NULL};
    enum config_action action;
    struct config c;

    if (named) {
        *out = strdup(named);
        return *out ? 0 : err_set(e, ERR_MEMORY, "no memory");
    }
    if (config_load(1, argv, &c, &action, e) < 0)
        return err_prefix(e, "which database? The daemon's configuration does not say");
    *out = strdup(config_ledger(&c));
    config_finish(&c);
    return *out ? 0 : err_set(e, ERR_MEMORY, "no memory");
}

/* ---- long work: its progress on a terminal, and an end at the first SIGINT or SIGTERM ---- */

static volatile sig_atomic_t stop_wanted;

static void want_stop(int sig)
{
    (void)sig;
    stop_wanted = 1;
}

/* ctx: the percentage on the terminal, -1: none. */
static bool look_on(void *ctx, int64_t done, int64_t all)
{
    int *shown = ctx, percent = all ? (int)(100 * done / all) : 0;

    if (percent != *shown && isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%3d %%", percent);
        *shown = percent;
    }
    return !stop_wanted;
}

/* A second signal ends the program as it always does. */
static struct onlooker begin_long_work(int *shown)
{
    struct sigaction stop = {.sa_handler = want_stop, .sa_flags = (int)SA_RESETHAND};

    *shown = -1;
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    return (struct onlooker){look_on, shown};
}

static void end_long_work(const int *shown)
{
    if (*shown >= 0)
        fputs("\r     \r", stderr);
}

static void print_summary(const struct buf *summary)
{
    if (summary->n)
        printf("%s%s", summary->p, summary->p[summary->n - 1] == '\n' ? "" : "\n");
}

int cmd_verify(const struct invocation *in, struct err *e)
{
    struct onlooker onlooker;
    struct buf summary;
    int r, shown;
    char *db;

    if (find_db(in->noperands ? in->operands[0] : NULL, &db, e))
        return -1;
    buf_init(&summary, 0);
    onlooker = begin_long_work(&shown);
    r = ledger_verify(db, &onlooker, &summary, e);
    end_long_work(&shown);
    print_summary(&summary);
    buf_finish(&summary);
    free(db);
    return r;
}

int cmd_backup(const struct invocation *in, struct err *e)
{
    struct onlooker onlooker;
    int r, shown;
    char *db;

    if (find_db(in->values[DB], &db, e))
        return -1;
    onlooker = begin_long_work(&shown);
    r = ledger_backup(db, in->operands[0], &onlooker, e);
    end_long_work(&shown);
    free(db);
    return r;
}

int cmd_usage_compact(const struct invocation *in, struct err *e)
{
    struct onlooker onlooker;
    struct buf summary;
    int64_t before;
    int r, shown;
    char *db;

    if (!given(in, BEFORE))
        return err_set(e, ERR_USAGE, "usage compact needs --before");
    if (parse_when("before", in->values[BEFORE], -1, &before, e) < 0 ||
        find_db(in->noperands ? in->operands[0] : NULL, &db, e))
        return -1;
    buf_init(&summary, 0);
    onlooker = begin_long_work(&shown);
    r = ledger_compact(db, before, &onlooker, &summary, e);
    end_long_work(&shown);
    print_summary(&summary);
    buf_finish(&summary);
    free(db);
    return r;
}

int cmd_ledger_copy(const struct invocation *in, struct err *e)
{
    struct onlooker onlooker;
    struct buf summary;
    int r, shown;

    buf_init(&summary, 0);
    onlooker = begin_long_work(&shown);
    r = ledger_copy(in->operands[0], in->operands[1], &onlooker, &summary, e);
    end_long_work(&shown);
    print_summary(&summary);
    buf_finish(&summary);
    return r;
}
