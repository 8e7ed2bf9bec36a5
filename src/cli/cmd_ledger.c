/* SPDX-License-Identifier: MIT */
#include <errno.h>
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
    *out = c.db_path;
    c.db_path = NULL;
    config_finish(&c);
    return 0;
}

static void show_progress(void *ctx, int64_t done, int64_t all)
{
    (void)ctx;
    fprintf(stderr, "\r%3d %%", all ? (int)(100 * done / all) : 100);
    if (done >= all)
        fputs("\r     \r", stderr);
}

static void print_summary(const struct buf *summary)
{
    if (summary->n)
        printf("%s%s", summary->p, summary->p[summary->n - 1] == '\n' ? "" : "\n");
}

int cmd_verify(const struct invocation *in, struct err *e)
{
    struct buf summary;
    char *db;
    int r;

    if (find_db(in->noperands ? in->operands[0] : NULL, &db, e))
        return -1;
    buf_init(&summary, 0);
    r = ledger_verify(db, isatty(STDERR_FILENO) ? show_progress : NULL, NULL, &summary, e);
    print_summary(&summary);
    buf_finish(&summary);
    free(db);
    return r;
}

int cmd_backup(const struct invocation *in, struct err *e)
{
    char *db;
    int r;

    if (find_db(in->values[DB], &db, e))
        return -1;
    r = ledger_backup(db, in->operands[0], e);
    free(db);
    return r;
}

int cmd_usage_compact(const struct invocation *in, struct err *e)
{
    struct buf summary;
    int64_t before;
    char *db;
    int r;

    if (!given(in, BEFORE))
        return err_set(e, ERR_USAGE, "usage compact needs --before");
    if (parse_when("before", in->values[BEFORE], -1, &before, e) < 0 ||
        find_db(in->noperands ? in->operands[0] : NULL, &db, e))
        return -1;
    if (access(db, F_OK) != 0) { /* what is not there must not be created */
        r = err_set(e, ERR_NOT_FOUND, "%s: %s", db, strerror(errno));
        free(db);
        return r;
    }
    buf_init(&summary, 0);
    r = ledger_compact(db, before, isatty(STDERR_FILENO) ? show_progress : NULL, NULL, &summary, e);
    print_summary(&summary);
    buf_finish(&summary);
    free(db);
    return r;
}
