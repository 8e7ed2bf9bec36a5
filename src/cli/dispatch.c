/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "cli/cli.h"

enum { EXIT_USAGE = 64, EXIT_STOPPED = 130 };

static void print_commands(const char *group, FILE *out)
{
    size_t n = strlen(group);

    for (size_t i = 0; i < ncommands; i++)
        if (strncmp(commands[i].name, group, n) == 0)
            fprintf(out, "  %-15s %s\n", commands[i].name, commands[i].summary);
}

static void print_usage(FILE *out)
{
    fputs("Usage: tokencap COMMAND [OPTION]... [OPERAND]...\n"
          "Count tokens, predict costs, manage budgets. More: tokencap(1)\n\n",
          out);
    print_commands("", out);
    fputs("\n\"tokencap COMMAND --help\" explains one.\n", out);
}

static void print_group(const char *group, FILE *out)
{
    fprintf(out, "Usage: tokencap %s COMMAND [OPTION]... [OPERAND]...\n\n", group);
    print_commands(group, out);
}

/* Text in lines of at most 78 columns, all but the first of them indented. */
static void print_wrapped(const char *text, int indent, FILE *out)
{
    size_t room = 78 - (size_t)indent;

    for (bool first = true; *text; first = false) {
        size_t n = strlen(text);

        if (n > room)
            for (n = room; text[n] != ' ';)
                n--;
        fprintf(out, "%*s%.*s\n", first ? 0 : indent, "", (int)n, text);
        text += n + (text[n] == ' ');
    }
}

static void print_help(const struct command *c, FILE *out)
{
    fprintf(out, "Usage: tokencap %s%s%s%s\n", c->name, c->flags->name ? " [OPTION]..." : "",
            *c->operands ? " " : "", c->operands);
    print_wrapped(c->help, 0, out);
    if (c->flags->name)
        fputc('\n', out);
    for (const struct flag *f = c->flags; f->name; f++) {
        char name[64];

        snprintf(name, sizeof name, "--%s%s%s", f->name, f->value ? "=" : "",
                 f->value ? f->value : "");
        fprintf(out, "  %-20s ", name);
        print_wrapped(f->help, 23, out);
    }
}

/* The command that the first two words name, else the first one; and how many words that took. */
static const struct command *find_command(int argc, char **argv, int *words)
{
    const struct command *found = NULL;

    for (size_t i = 0; i < ncommands; i++) {
        struct span first, second;
        bool two = span_cut(span_of(commands[i].name), ' ', &first, &second);

        if (!span_eq(span_of(argv[1]), first) || (found && !two))
            continue;
        if (two && (argc < 3 || !span_eq(span_of(argv[2]), second)))
            continue;
        *words = two ? 2 : 1;
        found = &commands[i];
    }
    return found;
}

/* Whether commands of two words start with this one. */
static bool is_group(const char *word)
{
    size_t n = strlen(word);

    for (size_t i = 0; i < ncommands; i++)
        if (strncmp(commands[i].name, word, n) == 0 && commands[i].name[n] == ' ')
            return true;
    return false;
}

static const char *command_at(const void *ctx, size_t i)
{
    (void)ctx;
    return commands[i].name;
}

static const char *flag_at(const void *ctx, size_t i)
{
    return ((const struct command *)ctx)->flags[i].name;
}

static size_t count_flags_of(const struct command *c)
{
    size_t n = 0;

    while (c->flags[n].name)
        n++;
    return n;
}

static int unknown_flag(const struct command *c, struct span name, struct err *e)
{
    const char *near = nearest_name(name, flag_at, c, count_flags_of(c));

    if (near)
        return err_set(e, ERR_USAGE, "%s has no option --%.*s; did you mean --%s?", c->name,
                       SPAN_FMT(name), near);
    return err_set(e, ERR_USAGE, "%s has no option --%.*s; see tokencap %s --help", c->name,
                   SPAN_FMT(name), c->name);
}

/* One flag at argv[*i], its value in the same word or the next. */
static int take_flag(struct invocation *in, int argc, char **argv, int *i, struct err *e)
{
    const struct command *c = in->command;
    struct span name, value;
    bool has_value = span_cut(span_of(argv[*i] + 2), '=', &name, &value);
    size_t f = 0;

    while (c->flags[f].name && !span_eq(name, span_of(c->flags[f].name)))
        f++;
    if (!c->flags[f].name)
        return unknown_flag(c, name, e);
    if (in->values[f])
        return err_set(e, ERR_USAGE, "--%s is given twice", c->flags[f].name);
    if (!c->flags[f].value) {
        if (has_value)
            return err_set(e, ERR_USAGE, "--%s takes no value", c->flags[f].name);
        in->values[f] = "";
        return 0;
    }
    if (has_value) {
        in->values[f] = value.p;
        return 0;
    }
    if (*i + 1 >= argc)
        return err_set(e, ERR_USAGE, "--%s needs a value: %s", c->flags[f].name, c->flags[f].value);
    in->values[f] = argv[++*i];
    return 0;
}

/* Flags and operands in any order; "--" ends the flags. Operands move to the front of argv. */
static int parse(struct invocation *in, int argc, char **argv, struct err *e)
{
    bool flags = true;

    in->operands = argv;
    for (int i = 0; i < argc; i++) {
        if (flags && strcmp(argv[i], "--") == 0)
            flags = false;
        else if (flags && strncmp(argv[i], "--", 2) == 0) {
            if (take_flag(in, argc, argv, &i, e) < 0)
                return -1;
        } else if (flags && argv[i][0] == '-' && argv[i][1])
            return err_set(e, ERR_USAGE, "there is no option %.80s; options start with --",
                           argv[i]);
        else
            in->operands[in->noperands++] = argv[i];
    }
    if (in->noperands < in->command->least)
        return err_set(e, ERR_USAGE, "%s needs %s", in->command->name, in->command->operands);
    if (in->command->most >= 0 && in->noperands > in->command->most)
        return err_set(e, ERR_USAGE, "\"%.80s\" is one operand too many",
                       in->operands[in->command->most]);
    return 0;
}

static bool asks_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

/* What was printed must have arrived; a reader that has gone away wants no more, and no message. */
static int flush_output(int status)
{
    bool failed = ferror(stdout) != 0;

    errno = 0;
    if (fclose(stdout) != 0 || failed) {
        if (errno != EPIPE)
            fprintf(stderr, "tokencap: the output cannot be written: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    return status;
}

static int status_of(enum err_code code)
{
    switch (code) {
    case ERR_USAGE:
        return EXIT_USAGE;
    case ERR_STOPPED:
        return EXIT_STOPPED;
    default:
        return EXIT_FAILURE;
    }
}

static int run(const struct command *c, int argc, char **argv)
{
    struct invocation in = {.command = c};
    struct err e = {0};
    int r;

    if (asks_help(argc, argv)) {
        print_help(c, stdout);
        return flush_output(EXIT_SUCCESS);
    }
    r = parse(&in, argc, argv, &e);
    if (r == 0)
        r = c->run(&in, &e);
    if (r < 0) {
        fflush(stdout);
        fprintf(stderr, "tokencap: %s\n", e.msg);
        return status_of(e.code);
    }
    return flush_output(r);
}

static int unknown_command(int argc, char **argv)
{
    const char *near;

    if (is_group(argv[1]) && (argc < 3 || asks_help(argc - 2, argv + 2))) {
        print_group(argv[1], argc < 3 ? stderr : stdout);
        return argc < 3 ? EXIT_USAGE : EXIT_SUCCESS;
    }
    if (is_group(argv[1])) {
        fprintf(stderr, "tokencap: %.80s has no command \"%.80s\"; see tokencap %.80s --help\n",
                argv[1], argv[2], argv[1]);
        return EXIT_USAGE;
    }
    near = nearest_name(span_of(argv[1]), command_at, NULL, ncommands);
    fprintf(stderr, "tokencap: there is no command \"%.80s\"%s%s%s\n", argv[1],
            near ? "; did you mean " : "; see tokencap --help", near ? near : "", near ? "?" : "");
    return EXIT_USAGE;
}

int cli_main(int argc, char **argv)
{
    const struct command *c;
    int words;

    if (argc < 2) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        (strcmp(argv[1], "help") == 0 && argc == 2)) {
        print_usage(stdout);
        return flush_output(EXIT_SUCCESS);
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        puts("tokencap " TOKENCAP_VERSION);
        return flush_output(EXIT_SUCCESS);
    }
    c = find_command(argc, argv, &words);
    return c ? run(c, argc - 1 - words, argv + 1 + words) : unknown_command(argc, argv);
}
