/* SPDX-License-Identifier: MIT */

/* Shell completion of both programs. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "gendoc.h"
#include "proxy/options.h"

static bool is_path(const struct option_row *o)
{
    return o->type == OPTION_PATH;
}

static const char *const daemon_actions[] = {"check-config", "dump-config", "help", "help-all",
                                             "version"};

#define ACTIONS (sizeof daemon_actions / sizeof *daemon_actions)

static void bash_daemon(void)
{
    puts("_tokencapd()\n{\n    local cur prev\n    cur=${COMP_WORDS[COMP_CWORD]}\n"
         "    prev=${COMP_WORDS[COMP_CWORD-1]}\n"
         "    if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then "
         "prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
         "    case $prev in");
    for (int i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *o = &option_rows[i];
        char words[128];

        if (o->type == OPTION_WORD) {
            snprintf(words, sizeof words, "%s", o->words);
            for (char *p = words; *p; p++)
                *p = *p == '|' ? ' ' : *p;
            printf("    --%s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n", o->name,
                   words);
        } else if (is_path(o))
            printf("    --%s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", o->name);
    }
    puts("    --config) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n    esac");
    fputs("    COMPREPLY=($(compgen -W '--config", stdout);
    for (size_t i = 0; i < ACTIONS; i++)
        printf(" --%s", daemon_actions[i]);
    for (int i = 0; i < OPTION_COUNT; i++)
        if (option_rows[i].type != OPTION_SECRET)
            printf(" --%s", option_rows[i].name);
    puts("' -- \"$cur\"))\n}\ncomplete -o default -F _tokencapd tokencapd\n");
}

/* The commands' first words, or the second words behind one, each once. */
static void put_words(const char *first)
{
    char last[32] = "";

    for (size_t i = 0; i < ncommands; i++) {
        struct span head, tail;
        struct span word;

        span_cut(span_of(commands[i].name), ' ', &head, &tail);
        if (first && !span_eq(head, span_of(first)))
            continue;
        word = first ? tail : head;
        if (!word.n || span_eq(word, span_of(last)))
            continue;
        printf("%s%.*s", *last ? " " : "", SPAN_FMT(word));
        snprintf(last, sizeof last, "%.*s", SPAN_FMT(word));
    }
}

static void bash_tool(void)
{
    puts("_tokencap()\n{\n    local cur words\n    cur=${COMP_WORDS[COMP_CWORD]}");
    fputs("    if [[ $COMP_CWORD == 1 ]]; then\n        COMPREPLY=($(compgen -W '", stdout);
    put_words(NULL);
    puts(" --help --version' -- \"$cur\"))\n        return\n    fi\n"
         "    case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in");
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < ncommands; i++) {
            const struct command *c = &commands[i];
            bool two = strchr(c->name, ' ') != NULL;

            if (two == (pass == 1))
                continue;
            printf("    \"%s%s) words='--help", c->name, two ? "\"" : " \"*");
            for (const struct flag *f = c->flags; f->name; f++)
                printf(" --%s", f->name);
            puts("' ;;");
        }
    }
    for (size_t i = 0; i < ncommands; i++) {
        struct span head, tail;

        if (!span_cut(span_of(commands[i].name), ' ', &head, &tail) ||
            (i && strncmp(commands[i - 1].name, commands[i].name, head.n) == 0))
            continue;
        printf("    \"%.*s \"*) words='--help ", SPAN_FMT(head));
        {
            char word[32];

            snprintf(word, sizeof word, "%.*s", SPAN_FMT(head));
            put_words(word);
        }
        puts("' ;;");
    }
    puts("    esac\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"
         "complete -o default -F _tokencap tokencap");
}

int gendoc_bash(void)
{
    puts("# bash completion of tokencapd and tokencap");
    bash_daemon();
    bash_tool();
    return 0;
}

/* A help text between single quotes and brackets of a zsh specification. */
static void put_zsh(const char *s)
{
    for (; *s; s++) {
        if (strchr("[]:\\", *s))
            putchar('\\');
        fputs(*s == '\'' ? "'\\''" : (char[]){*s, '\0'}, stdout);
    }
}

static void zsh_option(const struct option_row *o)
{
    char what[256];

    snprintf(what, sizeof what, "%.*s", (int)strcspn(o->help, ".;"), o->help);
    printf("    '--%s%s[", o->name, o->type == OPTION_BOOL ? "" : "=");
    put_zsh(what);
    putchar(']');
    if (o->type == OPTION_WORD) {
        fputs(":word:(", stdout);
        for (const char *p = o->words; *p; p++)
            putchar(*p == '|' ? ' ' : *p);
        putchar(')');
    } else if (o->type != OPTION_BOOL)
        printf(":%s:%s", option_metavar(o), is_path(o) ? "_files" : "");
    puts("' \\");
}

static void zsh_command(const struct command *c)
{
    printf("    '%s')\n        _arguments '--help[explain it]' \\\n", c->name);
    for (const struct flag *f = c->flags; f->name; f++) {
        printf("            '--%s%s[", f->name, f->value ? "=" : "");
        put_zsh(f->help);
        putchar(']');
        if (f->value)
            printf(":%s:%s", f->value, strcmp(f->value, "FILE") == 0 ? "_files" : "");
        puts("' \\");
    }
    puts("            '*:operand:_files' ;;");
}

int gendoc_zsh(void)
{
    puts("#compdef tokencapd tokencap\n\n_tokencapd() {\n    _arguments \\\n"
         "    '--config=[configuration file]:file:_files' \\");
    for (size_t i = 0; i < ACTIONS; i++)
        printf("    '--%s' \\\n", daemon_actions[i]);
    for (int i = 0; i < OPTION_COUNT; i++)
        if (option_rows[i].type != OPTION_SECRET)
            zsh_option(&option_rows[i]);
    puts("    '*:'\n}\n\n_tokencap() {\n    local -a commands\n    commands=(");
    for (size_t i = 0; i < ncommands; i++) {
        fputs("        '", stdout);
        put_zsh(commands[i].name);
        putchar(':');
        put_zsh(commands[i].summary);
        puts("'");
    }
    puts("    )\n    local name=$words[2] spaced=\"$words[2] $words[3]\"\n"
         "    if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
         "    if (( ${commands[(I)$spaced:*]} )); then\n"
         "        name=$spaced\n        shift 2 words; (( CURRENT -= 2 ))\n"
         "    else\n        shift words; (( CURRENT-- ))\n    fi\n    case $name in");
    for (size_t i = 0; i < ncommands; i++)
        zsh_command(&commands[i]);
    puts("    esac\n}\n\ncase $service in\ntokencapd) _tokencapd ;;\n*) _tokencap ;;\nesac");
    return 0;
}
