/* SPDX-License-Identifier: MIT */
#include "proxy/config.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/nearest.h"
#include "proxy/secret.h"

#define DEFAULT_FILE TOKENCAP_SYSCONFDIR "/tokencap.conf"

extern char **environ;

static void *field(const struct config *c, enum option_id id)
{
    return (char *)(uintptr_t)c + option_rows[id].offset;
}

struct option_value config_value(const struct config *c, enum option_id id)
{
    const void *f = field(c, id);

    switch (option_rows[id].type) {
    case OPTION_INT:
    case OPTION_SIZE:
    case OPTION_DURATION:
        return (struct option_value){.number = *(const int64_t *)f};
    case OPTION_BOOL:
        return (struct option_value){.number = *(const bool *)f};
    case OPTION_WORD:
        return (struct option_value){.number = *(const int *)f};
    default:
        return (struct option_value){.text = *(char *const *)f};
    }
}

/* Takes v.text over. */
static void store(struct config *c, enum option_id id, struct option_value v)
{
    void *f = field(c, id);

    switch (option_rows[id].type) {
    case OPTION_INT:
    case OPTION_SIZE:
    case OPTION_DURATION:
        *(int64_t *)f = v.number;
        break;
    case OPTION_BOOL:
        *(bool *)f = v.number;
        break;
    case OPTION_WORD:
        *(int *)f = (int)v.number;
        break;
    case OPTION_SECRET:
        secret_forget(*(char **)f);
        *(char **)f = v.text;
        break;
    default:
        free(*(char **)f);
        *(char **)f = v.text;
    }
}

int config_assign(struct config *c, enum option_id id, struct span text, enum config_source source,
                  struct err *e)
{
    struct option_value v = {0};

    if (option_parse(&option_rows[id], text, &v, e) < 0)
        return -1;
    if (source < c->source[id]) {
        free(v.text);
        return 0;
    }
    store(c, id, v);
    c->source[id] = source;
    return 0;
}

static int set_defaults(struct config *c, struct err *e)
{
    buf_init(&c->warnings, 1 << 16);
    for (int i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *o = &option_rows[i];

        if (o->type != OPTION_SECRET &&
            config_assign(c, (enum option_id)i, span_of(o->dflt), FROM_DEFAULT, e) < 0)
            return err_prefix(e, "the default of %s", o->name);
    }
    return 0;
}

/* ---- the command line ---- */

struct flags {
    int argc;
    char **argv;
    const char *file;
    enum config_action action;
};

/* The words that are not options of the table. */
static const struct {
    const char *name;
    enum config_action action;
} actions[] = {
    {"--help", CONFIG_HELP},          {"-h", CONFIG_HELP},    {"--help-all", CONFIG_HELP_ALL},
    {"--version", CONFIG_VERSION},    {"-V", CONFIG_VERSION}, {"--dump-config", CONFIG_DUMP},
    {"--check-config", CONFIG_CHECK},
};

#define ACTIONS (sizeof actions / sizeof *actions)

static const char *flag_at(const void *ctx, size_t i)
{
    (void)ctx;
    if (i < OPTION_COUNT)
        return option_rows[i].type == OPTION_SECRET ? NULL : option_rows[i].name;
    return i < OPTION_COUNT + ACTIONS ? actions[i - OPTION_COUNT].name + 2 : "config";
}

static int unknown_flag(struct span name, struct err *e)
{
    const char *near = nearest_name(name, flag_at, NULL, OPTION_COUNT + ACTIONS + 1);
    int shown = name.n > 80 ? 80 : (int)name.n;

    if (near)
        return err_set(e, ERR_USAGE, "there is no option --%.*s; did you mean --%s?", shown, name.p,
                       near);
    return err_set(e, ERR_USAGE, "there is no option --%.*s; --help-all lists them all", shown,
                   name.p);
}

static bool take_action(struct flags *f, const char *word)
{
    for (size_t i = 0; i < ACTIONS; i++) {
        if (strcmp(word, actions[i].name) == 0) {
            f->action = actions[i].action;
            return true;
        }
    }
    return false;
}

/* One option at argv[*i], its value in the same word or the next. */
static int take_flag(struct config *c, struct flags *f, int *i, struct err *e)
{
    const char *word = f->argv[*i];
    struct span name, value;
    bool has_value, is_file;
    int id;

    if (strncmp(word, "--", 2) != 0)
        return err_set(e, ERR_USAGE, "\"%.80s\" is not expected: options start with --", word);
    has_value = span_cut(span_of(word + 2), '=', &name, &value);
    is_file = span_eq(name, SPAN("config"));
    id = option_find(name);
    if (id < 0 && !is_file)
        return unknown_flag(name, e);
    if (!has_value && id >= 0 && option_rows[id].type == OPTION_BOOL) {
        value = SPAN("yes");
    } else if (!has_value && (id < 0 || option_rows[id].type != OPTION_SECRET)) {
        if (*i + 1 >= f->argc)
            return err_set(e, ERR_USAGE, "%s needs a value", word);
        value = span_of(f->argv[++*i]);
    }
    if (is_file) {
        f->file = value.p;
        return 0;
    }
    if (config_assign(c, (enum option_id)id, value, FROM_FLAG, e) < 0) {
        err_prefix(e, "--%s", option_rows[id].name);
        e->code = ERR_USAGE;
        return -1;
    }
    return 0;
}

static int read_flags(struct config *c, struct flags *f, struct err *e)
{
    for (int i = 1; i < f->argc; i++)
        if (!take_action(f, f->argv[i]) && take_flag(c, f, &i, e) < 0)
            return -1;
    return 0;
}

/* ---- the environment ---- */

static int read_environment(struct config *c, struct err *e)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *o = &option_rows[i];
        const char *value = o->type == OPTION_SECRET ? NULL : getenv(o->env);

        if (value && *value &&
            config_assign(c, (enum option_id)i, span_of(value), FROM_ENVIRONMENT, e) < 0)
            return err_prefix(e, "environment variable %s", o->env);
    }
    return 0;
}

static int take_secrets(struct config *c, struct err *e)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        char *secret;

        if (option_rows[i].type != OPTION_SECRET)
            continue;
        if (secret_take(option_rows[i].env, option_rows[i].marks & OPTION_FREE, &secret, e) < 0)
            return -1;
        store(c, (enum option_id)i, (struct option_value){.text = secret});
        if (secret)
            c->source[i] = FROM_ENVIRONMENT;
    }
    return 0;
}

/* A variable that looks like a misspelt one of ours. Short names are anybody's. */
static void warn_of_near_misses(struct config *c)
{
    for (char **v = environ; v && *v; v++) {
        struct span name, value;
        const char *near;

        span_cut(span_of(*v), '=', &name, &value);
        if (name.n < 8 || option_find_env(name) >= 0 || span_eq(name, SPAN("TOKENCAP_URL")))
            continue;
        near = option_nearest_env(name);
        if (near)
            buf_printf(&c->warnings,
                       "environment variable %.*s means nothing here; did you mean %s?\n",
                       (int)name.n, name.p, near);
    }
}

/* ---- all together ---- */

static int find_file(struct config *c, const char *given, struct err *e)
{
    const char *path = given ? given : DEFAULT_FILE;

    if (!given && access(path, F_OK) != 0)
        return 0;
    c->file = strdup(path);
    return c->file ? 0 : err_set(e, ERR_MEMORY, "no memory");
}

static int load(struct config *c, struct flags *f, struct err *e)
{
    if (config_add_builtin(c, e) < 0 || set_defaults(c, e) < 0 || read_flags(c, f, e) < 0)
        return -1;
    if (f->action == CONFIG_HELP || f->action == CONFIG_HELP_ALL || f->action == CONFIG_VERSION)
        return 0;
    if (read_environment(c, e) < 0 || take_secrets(c, e) < 0 || find_file(c, f->file, e) < 0)
        return -1;
    if (c->file && config_read_file(c, c->file, e) < 0)
        return -1;
    warn_of_near_misses(c);
    return config_settle(c, NULL, e);
}

int config_load(int argc, char **argv, struct config *out, enum config_action *action,
                struct err *e)
{
    struct flags f = {.argc = argc, .argv = argv, .action = CONFIG_RUN};
    struct config c = {0};

    if (load(&c, &f, e) < 0) {
        config_finish(&c);
        return -1;
    }
    *action = f.action;
    *out = c;
    return 0;
}

int config_exit_status(const struct err *e)
{
    return e->code == ERR_USAGE ? 64 : 78;
}

void config_finish(struct config *c)
{
    for (int i = 0; i < OPTION_COUNT; i++)
        if (option_is_text(&option_rows[i]))
            store(c, (enum option_id)i, (struct option_value){0});
    free(c->vocab_dir);
    for (size_t i = 0; i < sizeof c->pricing_dirs / sizeof *c->pricing_dirs; i++)
        free(c->pricing_dirs[i]);
    free(c->file);
    providers_finish(&c->providers);
    buf_finish(&c->warnings);
    *c = (struct config){0};
}

/* ---- a reload ---- */

/* A copy of what runs, as strong as it was. */
static int keep_running(struct config *c, const struct config *running, enum option_id id,
                        struct err *e)
{
    struct option_value v = config_value(running, id);

    if (v.text) {
        v.text = option_rows[id].type == OPTION_SECRET ? secret_keep(v.text) : strdup(v.text);
        if (!v.text)
            return err_set(e, ERR_MEMORY, "no memory");
    }
    store(c, id, v);
    c->source[id] = running->source[id];
    c->line[id] = running->line[id];
    return 0;
}

static bool same_value(const struct config *a, const struct config *b, enum option_id id)
{
    struct option_value va = config_value(a, id), vb = config_value(b, id);

    return option_is_text(&option_rows[id])
               ? strcmp(va.text ? va.text : "", vb.text ? vb.text : "") == 0
               : va.number == vb.number;
}

static int keep_what_needs_a_restart(struct config *c, const struct config *running, struct err *e)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        enum option_id id = (enum option_id)i;

        if ((option_rows[i].marks & OPTION_RELOAD) || same_value(c, running, id))
            continue;
        if (c->source[id] != FROM_DEFAULT || running->source[id] != FROM_DEFAULT)
            buf_printf(&c->warnings, "%s has changed; the new value needs a restart\n",
                       option_rows[i].name);
        if (keep_running(c, running, id, e) < 0)
            return -1;
    }
    return 0;
}

static int reload(struct config *c, const struct config *running, struct err *e)
{
    if (config_add_builtin(c, e) < 0 || set_defaults(c, e) < 0)
        return -1;
    for (int i = 0; i < OPTION_COUNT; i++)
        if ((running->source[i] > FROM_FILE || option_rows[i].type == OPTION_SECRET) &&
            keep_running(c, running, (enum option_id)i, e) < 0)
            return -1;
    if (running->file) {
        if (find_file(c, running->file, e) < 0 || config_read_file(c, c->file, e) < 0)
            return -1;
    } else if (find_file(c, NULL, e) < 0 || (c->file && config_read_file(c, c->file, e) < 0)) {
        return -1;
    }
    if (keep_what_needs_a_restart(c, running, e) < 0)
        return -1;
    return config_settle(c, running, e);
}

int config_reload(const struct config *running, struct config *out, struct err *e)
{
    struct config c = {0};

    if (reload(&c, running, e) < 0) {
        config_finish(&c);
        return -1;
    }
    *out = c;
    return 0;
}
