/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "proxy/config.h"

#define NAME_WIDTH 28 /* of "--name=VALUE" in --help */

/* The words that the command line knows besides the options of the table. */
static const char *const action_help[][2] = {
    {"config=FILE", "Configuration file (" TOKENCAP_SYSCONFDIR "/tokencap.conf)"},
    {"check-config", "Check the configuration and exit"},
    {"dump-config", "Print the configuration in effect and exit"},
    {"help-all", "Explain every option"},
    {"version", "Print the version"},
};

/* The first clause of a help text: what it is, without the details. */
static struct span first_clause(const char *help)
{
    struct span s = span_of(help);

    return (struct span){help, strcspn(help, ".:;,") < s.n ? strcspn(help, ".:;,") : s.n};
}

static void print_flag(const struct option_row *o, FILE *out)
{
    char flag[128];

    if (o->type == OPTION_BOOL)
        snprintf(flag, sizeof flag, "--%s", o->name);
    else
        snprintf(flag, sizeof flag, "--%s=%s", o->name,
                 o->type == OPTION_WORD ? "WORD" : option_metavar(o));
    fprintf(out, "  %-*s", NAME_WIDTH, flag);
}

static void print_brief(FILE *out)
{
    fputs("Usage: tokencapd [OPTION]...\n"
          "Forward LLM requests within budgets. More: tokencapd(8), tokencap.conf(5)\n\n",
          out);
    for (int i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *o = &option_rows[i];
        struct span what = first_clause(o->help);

        if (!(o->marks & OPTION_BRIEF))
            continue;
        print_flag(o, out);
        fprintf(out, " %.*s\n", SPAN_FMT(what));
    }
    for (size_t i = 0; i < sizeof action_help / sizeof *action_help; i++)
        fprintf(out, "  --%-*s %s\n", NAME_WIDTH - 2, action_help[i][0], action_help[i][1]);
}

/* Text in lines of at most 78 columns, each starting with lead. */
static void print_wrapped(const char *text, const char *lead, FILE *out)
{
    size_t room = 78 - strlen(lead);

    while (*text) {
        size_t n = strlen(text);

        if (n > room)
            for (n = room; n > 0 && text[n] != ' ';)
                n--;
        if (n == 0)
            n = strcspn(text, " ");
        fprintf(out, "%s%.*s\n", lead, (int)n, text);
        text += n;
        text += strspn(text, " ");
    }
}

static void print_option(const struct option_row *o, FILE *out)
{
    fputs("  ", out);
    if (o->type == OPTION_SECRET)
        fprintf(out, "%s (environment or credential only)\n", o->env);
    else if (o->type == OPTION_BOOL)
        fprintf(out, "--%s, %s\n", o->name, o->env);
    else
        fprintf(out, "--%s=%s, %s (%s)\n", o->name, option_metavar(o), o->env,
                *o->dflt ? o->dflt : "none");
    print_wrapped(o->help, "      ", out);
}

static void print_all(FILE *out)
{
    enum option_group group = OPTION_GROUPS;

    fputs(
        "Usage: tokencapd [OPTION]...\n\n"
        "Each option may be given as a flag, by its environment variable, or as \"name = value\"\n"
        "in the configuration file; a flag wins over a variable, and that over the file.\n",
        out);
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (option_rows[i].group != group)
            fprintf(out, "\n%s\n", option_group_title(option_rows[i].group));
        group = option_rows[i].group;
        print_option(&option_rows[i], out);
    }
    fputs("\nActions\n", out);
    for (size_t i = 0; i < sizeof action_help / sizeof *action_help; i++)
        fprintf(out, "  --%s\n      %s\n", action_help[i][0], action_help[i][1]);
}

/* A value as the file would hold it: in quotes where it would be read differently without. */
static void print_value(const struct config *c, enum option_id id, FILE *out)
{
    struct option_value v = config_value(c, id);
    struct buf text;
    const char *quote = "";

    buf_init(&text, 0);
    option_format(&option_rows[id], &v, &text);
    if (option_rows[id].type != OPTION_SECRET && text.n && strpbrk(text.p, "# \t"))
        quote = "\"";
    if (text.n)
        fprintf(out, " %s%s%s", quote, text.p, quote);
    buf_finish(&text);
}

static void print_dump(const struct config *c, FILE *out)
{
    enum option_group group = OPTION_GROUPS;

    for (int i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *o = &option_rows[i];
        struct buf where;

        if (o->group != group)
            fprintf(out, "%s# %s\n", i ? "\n" : "", option_group_title(o->group));
        group = o->group;
        if (o->type == OPTION_SECRET) {
            fprintf(out, "# %s", o->env);
            print_value(c, (enum option_id)i, out);
            fputc('\n', out);
            continue;
        }
        fprintf(out, "%s =", o->name);
        print_value(c, (enum option_id)i, out);
        buf_init(&where, 4096);
        config_where(c, (enum option_id)i, &where);
        if (c->source[i] != FROM_DEFAULT)
            fprintf(out, "  # %s", where.p ? where.p : "");
        fputc('\n', out);
        buf_finish(&where);
    }
}

/* The file's own sections; the built-in providers are options. */
static void print_providers(const struct config *c, FILE *out)
{
    struct buf text;

    buf_init(&text, 0);
    for (int i = 2; i < c->providers.n; i++) {
        buf_char(&text, '\n');
        provider_write(&c->providers.list[i], &text);
    }
    fputs(text.p ? text.p : "", out);
    buf_finish(&text);
}

static void print_check(const struct config *c, FILE *out)
{
    struct span rest = buf_all(&c->warnings), line;

    while (span_cut(rest, '\n', &line, &rest))
        fprintf(out, "warning: %.*s\n", SPAN_FMT(line));
    fprintf(out, "%s: the configuration is valid\n", c->file ? c->file : "no file");
}

void config_act(enum config_action action, const struct config *c, FILE *out)
{
    switch (action) {
    case CONFIG_HELP:
        print_brief(out);
        break;
    case CONFIG_HELP_ALL:
        print_all(out);
        break;
    case CONFIG_VERSION:
        fputs("tokencapd " TOKENCAP_VERSION "\n", out);
        break;
    case CONFIG_DUMP:
        print_dump(c, out);
        print_providers(c, out);
        break;
    case CONFIG_CHECK:
        print_check(c, out);
        break;
    case CONFIG_RUN:
        break;
    }
}
