/* SPDX-License-Identifier: MIT */
#ifndef PROXY_CONFIG_H
#define PROXY_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "proxy/options.h"
#include "proxy/provider.h"

/*
 * The daemon's configuration, from flags, environment, file and defaults, in this order of
 * precedence. Loaded once before any thread starts, immutable after that: a reload makes another
 * struct config. Durations are milliseconds, sizes bytes.
 */

enum { DURABILITY_FULL, DURABILITY_NORMAL };
enum { ENFORCE_BY_ESTIMATE, ENFORCE_STRICTLY };
enum { UNKNOWN_FALLBACK, UNKNOWN_REFUSE };
enum { COUNT_UPSTREAM_NONE, COUNT_UPSTREAM_ANTHROPIC };
enum { PREDICT_BY_RULE, PREDICT_BY_LEARNING };
enum { ON_CAP_FINISH, ON_CAP_STOP };
enum { ON_DISCONNECT_DRAIN, ON_DISCONNECT_CANCEL };
enum { ALERT_FORMAT_JSON, ALERT_FORMAT_SLACK };
enum { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };
/* log_level is an enum log_level of base/log.h */

enum config_source { FROM_DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_FLAG };

#define CONFIG_FIELD_INT(f)      int64_t f;
#define CONFIG_FIELD_SIZE(f)     int64_t f;
#define CONFIG_FIELD_DURATION(f) int64_t f;
#define CONFIG_FIELD_BOOL(f)     bool f;
#define CONFIG_FIELD_WORD(f)     int f;
#define CONFIG_FIELD_ADDRESS(f)  char *f;
#define CONFIG_FIELD_URL(f)      char *f; /* without a slash at its end */
#define CONFIG_FIELD_PATH(f)     char *f; /* "" when not set */
#define CONFIG_FIELD_LIST(f)     char *f; /* items separated by single commas */
#define CONFIG_FIELD_PROJECT(f)  char *f;
#define CONFIG_FIELD_LEDGER(f)   char *f; /* "": in db-path */
#define CONFIG_FIELD_SECRET(f)   char *f; /* NULL when not set; see proxy/secret.h */

struct config {
#define X(type, field, ...) CONFIG_FIELD_##type(field)
    OPTIONS(X)
#undef X
    /* Made from the above. */
    char *vocab_dir;       /* data_dir/vocab */
    char *pricing_dirs[2]; /* for price_load(): the shipped tables, then the operator's */
    int npricing_dirs;

    struct providers providers; /* the two built-in ones, then those of the file's sections */
    char *file;                 /* the configuration file that was read; NULL: none */
    enum config_source source[OPTION_COUNT]; /* where each value came from, */
    int line[OPTION_COUNT];                  /* and on which line of the file */
    struct buf warnings; /* lines for the log, each ended by '\n'; empty when none */
};

enum config_action {
    CONFIG_RUN,
    CONFIG_HELP,
    CONFIG_HELP_ALL,
    CONFIG_VERSION,
    CONFIG_DUMP,
    CONFIG_CHECK,
};

/* Reads the command line, the environment (from which it wipes the secrets), the file and the
 * defaults. The file is --config's, else /etc/tokencap/tokencap.conf where that exists. For an
 * action that needs no configuration (help, version) *out has no more than flags and defaults. */
int config_load(int argc, char **argv, struct config *out, enum config_action *action,
                struct err *e) MUST_CHECK;

/* The exit status for an error of config_load(): 64 for a mistake on the command line, else 78. */
int config_exit_status(const struct err *e);

/* Does what an action other than CONFIG_RUN asks for, on stdout. c is not used for help and
 * version. */
void config_act(enum config_action action, const struct config *c, FILE *out);

/* The configuration as it would be loaded now, in *out: the options that may be reloaded come from
 * the file as it is now (or from the defaults), the rest and the secrets as they run. out->warnings
 * names each changed option that needs a restart. On failure nothing has changed. */
int config_reload(const struct config *running, struct config *out, struct err *e) MUST_CHECK;

void config_finish(struct config *c);

/* Where an option's value came from, for messages: "--port", "environment variable PORT",
 * "/etc/tokencap/tokencap.conf:3", "default". Appends to out. */
void config_where(const struct config *c, enum option_id id, struct buf *out);

/* An option's value in the struct; its text is borrowed. */
struct option_value config_value(const struct config *c, enum option_id id);

/* The address of the ledger. */
const char *config_ledger(const struct config *c);

/* Whether a Host header's name (with or without a port) is local or in allowed-hosts. */
bool config_host_allowed(const struct config *c, struct span host);

/* ---- for config_load() and its parts ---- */

/* Reads text as the value of an option and keeps it, unless a stronger source gave one already: it
 * is checked either way. */
int config_assign(struct config *c, enum option_id id, struct span text, enum config_source source,
                  struct err *e) MUST_CHECK;

/* Assigns what a configuration file says. Messages begin with path:line:column. */
int config_read_file(struct config *c, const char *path, struct err *e) MUST_CHECK;

/* Checks options against each other and against the file system, fills what is made from them, and
 * adds warnings. */
int config_settle(struct config *c, const struct config *running, struct err *e) MUST_CHECK;
int config_add_builtin(struct config *c, struct err *e) MUST_CHECK;

#endif
