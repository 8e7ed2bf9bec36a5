/* SPDX-License-Identifier: MIT */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/str.h"

/*
 * The operator's tool: a table of commands, each with a table of its flags. Dispatch, usage,
 * --help, the manual and the completions are made from these tables. One thread.
 */

struct flag {
    const char *name;  /* without the dashes */
    const char *value; /* what to call its value; NULL: it is a switch */
    const char *help;  /* a sentence */
};

#define FLAGS_MAX 12

struct invocation;

struct command {
    const char *name;         /* "count", "budget set" */
    const char *operands;     /* "[FILE...]"; "" when there are none */
    int least, most;          /* how many operands; most < 0: any number */
    const char *summary;      /* a phrase, for the list of commands */
    const char *help;         /* what it does, in a paragraph */
    const struct flag *flags; /* ended by a row without a name; --help is understood */
    int (*run)(const struct invocation *in,
               struct err *e); /* 0; 1 for a finding that it has printed;
                                  -1 for an error, with *e filled */
};

extern const struct command commands[];
extern const size_t ncommands;

struct invocation {
    const struct command *command;
    const char
        *values[FLAGS_MAX]; /* by the flag's place in its table; NULL: not given; "" for a switch */
    char **operands;
    int noperands;
};

/* Runs what the command line asks for; the exit status. */
int cli_main(int argc, char **argv);

/* The flag is given. */
static inline bool given(const struct invocation *in, int flag)
{
    return in->values[flag] != NULL;
}

/* ---- input ---- */

/* All of a file, or of standard input for NULL or "-"; appends. */
int input_read(const char *path, struct buf *out, struct err *e) MUST_CHECK;

/* Lines of a file as they come, without their ends. What standard output holds back is flushed
 * before each wait, so that a program at the other end of a pipe gets its answers. */
struct lines {
    int fd;
    const char *name;
    bool ended;
    size_t start; /* of what is not yet given out, in pending */
    struct buf pending;
};

int lines_open(struct lines *l, const char *path, struct err *e) MUST_CHECK;
int lines_next(struct lines *l, struct span *line,
               struct err *e) MUST_CHECK; /* 1, 0 at the end, -1 */
void lines_close(struct lines *l);

/* Appends JSON with what is no Unicode in it (bytes, lone surrogate escapes) replaced by U+FFFD. */
void mend_json(struct span text, struct buf *out);

/* One line of a --jsonl command's answer to a bad input. */
void print_line_error(const char *message);

/* ---- output ---- */

/* Rows of named columns, printed as a table, as JSON or as CSV. */
enum column_kind {
    COLUMN_TEXT,
    COLUMN_NUMBER,
    COLUMN_USD
}; /* numbers are given as their JSON text */

struct column {
    const char *title; /* for people; NULL: only in JSON and CSV */
    const char *key;   /* for programs */
    enum column_kind kind;
};

enum layout { LAYOUT_TABLE, LAYOUT_JSON, LAYOUT_CSV };

struct table {
    const struct column *columns;
    size_t ncolumns;
    char **cells; /* row by row; NULL: no value */
    size_t ncells, cap;
    bool failed;
};

void table_init(struct table *t, const struct column *columns, size_t ncolumns);
void table_add(struct table *t, struct span cell); /* p == NULL: no value */
void table_print(const struct table *t, enum layout layout, FILE *out);
void table_finish(struct table *t);

/* Writes a file whole or not at all: the daemon may read the folder at any time. */
int write_whole(const char *path, struct span text, struct err *e) MUST_CHECK;

/* ---- what ships with the program ---- */

struct vocabs;
struct price_table;

/* Ours and the user's. */
int open_vocabs(struct vocabs **out, struct err *e) MUST_CHECK;

/* The folder of vocabularies that users bring. */
const char *own_vocab_dir(void);

int open_prices(struct price_table **out, struct err *e) MUST_CHECK;

struct price_dirs {
    const char *list[2]; /* the shipped tables, then the operator's (which may not exist) */
    char *shipped;
};

int find_price_dirs(struct price_dirs *out, struct err *e) MUST_CHECK;
void price_dirs_finish(struct price_dirs *d);

/* A name's value in the environment, or NULL when it is unset or empty. */
const char *env_value(const char *name);

/* ---- the daemon ---- */

struct json_t;

/* Where it is: url, or what the environment says where that is NULL. */
const char *daemon_url(const char *url);

/* One call to the daemon's management interface. path starts with "/v1/"; body is JSON or NULL.
 * *out is the answer's JSON, the caller's reference. Any status but 2xx is an error with the
 * daemon's message. */
int daemon_call(const char *url, const char *method, const char *path, const char *body,
                struct json_t **out, struct err *e) MUST_CHECK;

/* Adds a member of an answer to a table; what is missing or of another kind is no value. */
void add_json_cell(struct table *t, enum column_kind kind, const struct json_t *v);

/* Prints a table, as JSON when that flag is given, and finishes it. */
int finish_table(struct table *t, const struct invocation *in, int json_flag,
                 struct err *e) MUST_CHECK;

/* A time from now ("30d"; direction -1: ago) or a date, in milliseconds. */
int parse_when(const char *flag, const char *text, int direction, int64_t *out,
               struct err *e) MUST_CHECK;

/* Appends text percent-encoded, for a path or a query. */
void url_encode(struct buf *out, const char *text);

/* ---- the commands ---- */

int cmd_count(const struct invocation *in, struct err *e);
int cmd_estimate(const struct invocation *in, struct err *e);
int cmd_price(const struct invocation *in, struct err *e);
int cmd_price_import(const struct invocation *in, struct err *e);
int cmd_vocab_import(const struct invocation *in, struct err *e);
int cmd_vocab_list(const struct invocation *in, struct err *e);
int cmd_budget_list(const struct invocation *in, struct err *e);
int cmd_budget_show(const struct invocation *in, struct err *e);
int cmd_budget_set(const struct invocation *in, struct err *e);
int cmd_budget_reset(const struct invocation *in, struct err *e);
int cmd_budget_delete(const struct invocation *in, struct err *e);
int cmd_usage(const struct invocation *in, struct err *e);
int cmd_top(const struct invocation *in, struct err *e);
int cmd_usage_compact(const struct invocation *in, struct err *e);
int cmd_token_create(const struct invocation *in, struct err *e);
int cmd_token_list(const struct invocation *in, struct err *e);
int cmd_token_revoke(const struct invocation *in, struct err *e);
int cmd_verify(const struct invocation *in, struct err *e);
int cmd_backup(const struct invocation *in, struct err *e);
int cmd_ledger_copy(const struct invocation *in, struct err *e);

extern const struct flag count_flags[], estimate_flags[], price_flags[], price_import_flags[],
    vocab_import_flags[], vocab_list_flags[], budget_flags[], budget_set_flags[], usage_flags[],
    top_flags[], token_flags[], token_create_flags[], verify_flags[], compact_flags[], backup_flags[],
    ledger_copy_flags[];

#endif
