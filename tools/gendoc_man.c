/* SPDX-License-Identifier: MIT */

/* Manual pages: the rows that a page's markers stand for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "gendoc.h"
#include "proxy/config.h"
#include "proxy/metrics.h"

/* A word: no control character first, no escape. Returns its columns in the source. */
static size_t put_word(const char *s, size_t n, bool first)
{
    size_t columns = n;

    if (first && (*s == '.' || *s == '\''))
        columns += (size_t)printf("\\&");
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '\\')
            columns += (size_t)printf("\\e") - 1;
        else
            putchar(s[i]);
    }
    return columns;
}

/* Running text: lines of at most 78 columns, and each sentence on a line of its own. */
static void put_text(const char *s)
{
    size_t column = 0;

    while (*s) {
        size_t n = strcspn(s, " ");

        if (column && column + 1 + n > 78) {
            putchar('\n');
            column = 0;
        }
        if (column)
            column += (size_t)printf(" ");
        column += put_word(s, n, column == 0);
        if (s[n - 1] == '.' && s[n]) {
            putchar('\n');
            column = 0;
        }
        s += n;
        s += strspn(s, " ");
    }
    putchar('\n');
}

/* "full|normal" as literal words, "N" as an argument. */
static void put_value(const struct option_row *o)
{
    struct span rest = span_of(option_metavar(o)), word;

    if (!strchr(option_metavar(o), '|')) {
        printf("Ar %s\n", option_metavar(o));
        return;
    }
    fputs("Cm", stdout);
    while (rest.n) {
        bool more = span_cut(rest, '|', &word, &rest);

        printf(" %.*s%s", SPAN_FMT(word), more ? " |" : "");
    }
    putchar('\n');
}

static void put_facts(const struct option_row *o)
{
    struct buf range;

    buf_init(&range, 0);
    option_range(o, &range);
    if (*o->dflt)
        printf("Default\n.Li %s ;\n", o->dflt);
    else
        puts("Not set by default;");
    printf("%s.\n", range.p);
    printf("Environment:\n.Ev %s .\n", o->env);
    if (o->marks & OPTION_RELOAD)
        puts("Taken on reload.");
    buf_finish(&range);
}

/* tokencap.conf(5): every option. */
static void mdoc_options(void)
{
    enum option_group group = OPTION_GROUPS;

    for (int i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *o = &option_rows[i];

        if (o->type == OPTION_SECRET)
            continue;
        if (o->group != group)
            printf("%s.Ss %s\n.Bl -tag -width Ds\n", i ? ".El\n" : "",
                   option_group_title(o->group));
        group = o->group;
        printf(".It Ic %s No = ", o->name);
        put_value(o);
        put_text(o->help);
        put_facts(o);
    }
    puts(".El");
}

/* tokencapd(8): flags and variables at a glance. */
static void mdoc_flags(void)
{
    puts(".Bl -tag -width Ds -compact");
    for (int i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *o = &option_rows[i];

        if (o->type == OPTION_SECRET)
            continue;
        printf(".It Fl -%s", o->name);
        if (o->type == OPTION_BOOL)
            putchar('\n');
        else {
            fputs(" Ns = Ns ", stdout);
            put_value(o);
        }
    }
    puts(".El");
}

static void mdoc_secrets(void)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (option_rows[i].type != OPTION_SECRET)
            continue;
        printf(".It Ev %s\n", option_rows[i].env);
        put_text(option_rows[i].help);
    }
}

static void mdoc_metrics(void)
{
    for (size_t i = 0; i < METRICS_ALL; i++) {
        const struct metric *m = &metric_table[i];
        char text[512];

        snprintf(text, sizeof text, "%s (%s).", m->help, m->kind);
        printf(".It Li %s\n", m->name);
        put_text(text);
    }
}

static void put_flags(const struct flag *flags)
{
    puts(".Bl -tag -width Ds");
    for (const struct flag *f = flags; f->name; f++) {
        printf(".It Fl -%s", f->name);
        if (f->value)
            printf(" Ns = Ns Ar %s", f->value);
        putchar('\n');
        put_text(f->help);
    }
    puts(".El");
}

/* "[FILE...]" as mdoc operands. */
static void put_operands(const char *s)
{
    char text[128];

    snprintf(text, sizeof text, "%s", s);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        size_t n = strlen(word);
        bool optional = word[0] == '[', many;

        if (optional) {
            word[n - 1] = '\0';
            word++;
            n -= 2;
        }
        many = n > 3 && strcmp(word + n - 3, "...") == 0;
        if (many)
            word[n - 3] = '\0';
        printf(" %s%s%s", optional ? "Oo Ar " : "Ar ", word, many ? " ..." : "");
        if (optional)
            fputs(" Oc", stdout);
    }
}

/* tokencap(1): every command. */
static void mdoc_commands(void)
{
    for (size_t i = 0; i < ncommands; i++) {
        const struct command *c = &commands[i];

        printf(".It Cm %s%s", c->name, c->flags->name ? " Oo Ar option ... Oc" : "");
        put_operands(c->operands);
        putchar('\n');
        put_text(c->help);
        if (c->flags->name)
            put_flags(c->flags);
    }
}

static const struct {
    const char *name;
    void (*print)(void);
} markers[] = {
    {"OPTIONS", mdoc_options}, {"FLAGS", mdoc_flags},       {"SECRETS", mdoc_secrets},
    {"METRICS", mdoc_metrics}, {"COMMANDS", mdoc_commands},
};

/* Prints the rows that a line stands for; false when it is an ordinary line. */
static bool put_marker(const char *line)
{
    char name[32];

    if (sscanf(line, ".\\\" @%31[A-Z]@", name) != 1)
        return false;
    for (size_t i = 0; i < sizeof markers / sizeof *markers; i++) {
        if (strcmp(name, markers[i].name) == 0) {
            markers[i].print();
            return true;
        }
    }
    fprintf(stderr, "gendoc: there is no marker @%s@\n", name);
    exit(1);
}

int gendoc_man(const char *path)
{
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;

    if (!f) {
        perror(path);
        return 1;
    }
    while (getline(&line, &size, f) >= 0)
        if (!put_marker(line))
            fputs(line, stdout);
    free(line);
    fclose(f);
    return 0;
}
